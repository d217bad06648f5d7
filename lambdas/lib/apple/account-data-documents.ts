import * as z from 'zod';
import type { ApiContractError, ApiUnavailableError } from '../errors.ts';
import {
  type CancelAnswer,
  JOB_STATUSES,
  type ResubmitAnswer,
  type StatusAnswer,
  type SubmitAnswer,
  type UrlsAnswer,
} from './account-data-answers.ts';
import { jsonOf, type TextAnswer } from './text-answer.ts';

/** An answer that got through: 2xx, or a 4xx that says something about the call. */
export interface ReceivedAnswer {
  readonly answer: TextAnswer;
  /** `X-Apple-Transaction-Id` of the attempt that got it. */
  readonly transactionId: string;
  /** Milliseconds since 1970, taken before that attempt. */
  readonly requestedAt: number;
  /** Makes the error for an answer of no documented shape, with the redacted body. */
  contractFailure(why: string): ApiContractError;
  /** Makes the error for an answer that is not Apple's. */
  notApples(): ApiUnavailableError;
}

const optionalId = z.string().min(1).optional().catch(undefined);
const jobStatus = z.enum(JOB_STATUSES);

/** The fields of all answers; what is absent or of another type is undefined. */
const document = z
  .object({
    parentRequestId: optionalId,
    requestId: optionalId,
    status: z.string().optional().catch(undefined),
    statusCheckDelay: z.unknown(),
    statusMessage: z.string().optional().catch(undefined),
    jobStatus: z.unknown(),
    assetInfo: z.unknown(),
  })
  .partial();
type Document = z.infer<typeof document>;

const UUID = /(?<![0-9a-z-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z-])/gi;

function isSuccess({ answer }: ReceivedAnswer): boolean {
  return answer.status >= 200 && answer.status <= 299;
}

function saysError({ status }: Document): boolean {
  return status?.toLowerCase() === 'error';
}

function read(received: ReceivedAnswer): Document {
  return document.safeParse(jsonOf(received.answer)).data ?? {};
}

/** A 2xx has to be an object; refusals have no documented body, so anything may come. */
function readSuccess(received: ReceivedAnswer): Document {
  const parsed = document.safeParse(jsonOf(received.answer));
  if (!parsed.success) throw received.contractFailure('it is no JSON object');
  return parsed.data;
}

/** A status that Apple documents for no call: of Apple's own making if it is JSON, else of something in between. */
function unexpected(received: ReceivedAnswer): Error {
  return received.answer.kind === 'json'
    ? received.contractFailure('the status is documented for no call')
    : received.notApples();
}

/** The named ids wherever they stand in the body, those nearest to its top. */
function namedIds(body: unknown): Pick<Document, 'parentRequestId' | 'requestId'> {
  const found: { parentRequestId?: string | undefined; requestId?: string | undefined } = {};
  const level = [body];
  for (const value of level) {
    if (value === null || typeof value !== 'object') continue;
    if (!Array.isArray(value)) {
      const here = document.safeParse(value).data;
      found.parentRequestId ??= here?.parentRequestId;
      found.requestId ??= here?.requestId;
    }
    // One by one: a spread of a very long list would not fit on the stack.
    for (const inner of Object.values(value)) level.push(inner);
  }
  return found;
}

/** Every UUID of a text but the given ones, each once; case counts for nothing in the comparison. */
function otherUuids(text: string, known: readonly (string | undefined)[]): string[] {
  const seen = new Set(known.map((id) => id?.toLowerCase()));
  return (text.match(UUID) ?? []).filter((id) => {
    const isNew = !seen.has(id.toLowerCase());
    seen.add(id.toLowerCase());
    return isNew;
  });
}

/** Reads an answer to a submit; ids are looked for under every status, since the duplicate rule has no documented form. */
export function submitAnswer(received: ReceivedAnswer): SubmitAnswer {
  const { answer, transactionId } = received;
  const body = jsonOf(answer);
  const { parentRequestId, requestId } = namedIds(body);
  const fields = read(received);
  if (isSuccess(received) && requestId !== undefined && !saysError(fields)) {
    return { result: 'created', transactionId, parentRequestId, requestId, delay: fields.statusCheckDelay };
  }
  // An answer may repeat the id of our own call.
  const ids = otherUuids(answer.text, [parentRequestId, requestId, transactionId]);
  const isNamed = parentRequestId !== undefined || requestId !== undefined;
  // What is forbidden is more likely to bear the id of a trace than that of a request.
  if (isNamed || (ids.length > 0 && answer.status !== 403)) {
    return { result: 'exists', transactionId, status: answer.status, parentRequestId, requestId, ids };
  }
  if (answer.status === 400 || answer.status === 403) {
    return { result: 'refused', transactionId, status: answer.status };
  }
  throw isSuccess(received) ? received.contractFailure('it names no request') : unexpected(received);
}

/** Reads an answer to a resubmit. */
export function resubmitAnswer(received: ReceivedAnswer): ResubmitAnswer {
  const { answer, transactionId } = received;
  if (answer.status === 400 || answer.status === 403) {
    return { result: 'refused', transactionId, status: answer.status };
  }
  if (!isSuccess(received)) throw unexpected(received);
  const fields = readSuccess(received);
  if (saysError(fields)) return { result: 'refused', transactionId, status: 400 };
  const { requestId, statusCheckDelay } = fields;
  if (requestId === undefined) throw received.contractFailure('it names no request');
  return { result: 'created', transactionId, requestId, delay: statusCheckDelay };
}

const NOT_FOUND = 'request_not_found';

/** Whether a 400 without a known jobStatus says that Apple does not know the request, or says nothing at all. */
function saysNotFound({ answer }: ReceivedAnswer, fields: Document): boolean {
  if (answer.text.trim() === '') return true;
  if (fields.statusMessage !== undefined) return fields.statusMessage === NOT_FOUND;
  return fields.jobStatus === undefined && saysError(fields);
}

/** Reads an answer to a status call. */
export function statusAnswer(received: ReceivedAnswer): StatusAnswer {
  const { answer, transactionId } = received;
  const isRefusal = answer.status === 400;
  if (!isRefusal && !isSuccess(received)) throw unexpected(received);
  const fields = isRefusal ? read(received) : readSuccess(received);
  const known = jobStatus.safeParse(fields.jobStatus);
  const delay = fields.statusCheckDelay;
  if (known.success) return { transactionId, jobStatus: known.data, delay };
  if (isRefusal && saysNotFound(received, fields)) return { transactionId, jobStatus: NOT_FOUND, delay };
  throw received.contractFailure('its jobStatus is unknown');
}

function notFetched(received: ReceivedAnswer): UrlsAnswer {
  const { transactionId } = received;
  const { statusMessage, statusCheckDelay } = read(received);
  if (statusMessage === 'request_not_found') return { result: 'not-found', transactionId };
  if (statusMessage === 'invalid_request_status' || statusMessage === 'in_progress') {
    return { result: 'not-complete', transactionId, delay: statusCheckDelay };
  }
  throw received.contractFailure('its statusMessage is unknown');
}

/** Reads an answer to a call for download URLs. */
export function urlsAnswer(received: ReceivedAnswer): UrlsAnswer {
  const { answer, transactionId, requestedAt } = received;
  if (answer.status === 400) return notFetched(received);
  if (!isSuccess(received)) throw unexpected(received);
  const fields = readSuccess(received);
  const urls = z.array(z.string()).safeParse(fields.assetInfo ?? []);
  if (!urls.success) throw received.contractFailure('its assetInfo is no list of texts');
  const job = jobStatus.optional().safeParse(fields.jobStatus);
  if (!job.success) throw received.contractFailure('its jobStatus is unknown');
  if (urls.data.length === 0 && job.data === 'request_not_found')
    return { result: 'not-found', transactionId };
  if (urls.data.length === 0 && job.data === 'in_progress') {
    return { result: 'not-complete', transactionId, delay: fields.statusCheckDelay };
  }
  return { result: 'urls', transactionId, urls: urls.data, requestedAt, jobStatus: job.data };
}

/** Reads an answer to a cancel. */
export function cancelAnswer(received: ReceivedAnswer): CancelAnswer {
  const { answer, transactionId } = received;
  if (answer.status === 400) return { result: 'refused', transactionId };
  if (!isSuccess(received)) throw unexpected(received);
  const fields = readSuccess(received);
  // Apple sends jobStatus `cancelled` even with an error.
  if (saysError(fields)) return { result: 'refused', transactionId };
  if (fields.jobStatus === undefined && fields.status === undefined) {
    throw received.contractFailure('it names neither status nor jobStatus');
  }
  const isOtherState = fields.jobStatus !== undefined && fields.jobStatus !== 'cancelled';
  return { result: isOtherState ? 'refused' : 'cancelled', transactionId };
}
