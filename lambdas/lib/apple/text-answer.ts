import {
  ApiContractError,
  ApiThrottledError,
  ApiUnavailableError,
  HostNotAllowedError,
  type PipelineError,
} from '../errors.ts';
import { type BodyKind, bodyKind, readBody, readErrorBody } from './answer-body.ts';
import { type CallName, connectionFault } from './failures.ts';
import { redact } from './redact.ts';
import { retryAfterSeconds } from './retry-after.ts';
import type { Transport, TransportRequest } from './transport.ts';

const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024;
const SUPPORT_BODY_CHARACTERS = 2_000;

/** An answer whose body was read, whatever its status. */
export interface TextAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** False when the body broke off or is longer than the limit. */
  readonly complete: boolean;
  readonly kind: BodyKind;
}

/** One exchange with its body; an error's body that breaks counts as incomplete, one of a 2xx rejects. */
export async function textAnswer(transport: Transport, request: TransportRequest): Promise<TextAnswer> {
  const { status, headers, body } = await transport(request);
  const isSuccess = status >= 200 && status <= 299;
  const { text, complete } = isSuccess
    ? await readBody(body, ANSWER_LIMIT_BYTES, request.signal)
    : await readErrorBody(body, request.signal);
  return { status, headers, text, complete, kind: bodyKind(text, headers['content-type']) };
}

/** The JSON of an answer, or undefined when it is none. */
export function jsonOf({ text }: TextAnswer): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Begin of a body as it may be kept for Apple's support: of URLs only the host stays, `secrets` are taken out
 * wherever they stand, and everything that looks like a credential with them.
 */
export function supportBody(text: string, secrets: readonly string[]): string {
  const withoutSecrets = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
  return redact(withoutSecrets)
    .replace(/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^/\s"'<>`]+)\/[^\s"'<>`]*/gi, '$1/[redacted]')
    .slice(0, SUPPORT_BODY_CHARACTERS);
}

/** JSON that ends in its middle: what it said is lost, as with a broken connection. */
function isCutJson(answer: TextAnswer): boolean {
  return answer.kind === 'json' && jsonOf(answer) === undefined;
}

function named(call: CallName): string {
  return `${call.method} ${call.path} for ${call.key}`;
}

/** The named error for a connection's fault while a call ran; everything else stays what it is. */
export function brokenExchange(call: CallName, error: unknown): unknown {
  const code = connectionFault(error);
  if (code === undefined) return error;
  const what = code === 'TimeoutError' ? 'took too long' : `broke (${code})`;
  return new ApiUnavailableError(`${named(call)} ${what}. Run it again later.`, {
    details: { method: call.method, path: call.path, reason: code },
  });
}

/**
 * The error of an answer that says nothing about the call itself: a redirect, 408, 429, 5xx, a page of an edge
 * server under whatever status, or a body that did not come whole. `undefined` for every other answer, 401
 * and 403 among them.
 */
export function failureOfAnswer(
  call: CallName,
  answer: TextAnswer,
  nowMilliseconds: number,
): PipelineError | undefined {
  const { status, headers, kind } = answer;
  const seconds = retryAfterSeconds(headers['retry-after'], nowMilliseconds);
  const details = { method: call.method, path: call.path, status };
  if (status === 429) {
    const pause = seconds === undefined ? '' : ` and asks to wait ${seconds} s`;
    return new ApiThrottledError(
      `Apple limits the rate of calls (429) at ${named(call)}${pause}. Go on later.`,
      { retryAfterSeconds: seconds, details },
    );
  }
  if (status >= 300 && status < 400) {
    return new HostNotAllowedError(
      `Apple answered ${named(call)} with ${status}: a redirect is never followed. Check the base URL.`,
      { details: { ...details, reason: 'redirect' } },
    );
  }
  const isPage = kind === 'markup';
  const isCut = status < 300 ? isCutJson(answer) : status !== 401 && !answer.complete;
  if (status >= 500 || status === 408 || isPage || isCut) {
    const how = isPage ? ' with a page instead of JSON' : isCut ? ' with a body that did not come whole' : '';
    return new ApiUnavailableError(
      `Apple could not answer ${named(call)} (${status})${how}. Run it again later.`,
      {
        details: {
          ...details,
          ...(isPage ? { reason: 'page' } : {}),
          ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }),
        },
      },
    );
  }
  return undefined;
}

/** The error of an answer that is of no documented shape; `details.body` is kept for Apple's support, if there is one. */
export function contractFailure(
  call: CallName,
  answer: TextAnswer,
  why: string,
  details: Readonly<Record<string, unknown>> = {},
): ApiContractError {
  return new ApiContractError(
    `The answer to ${named(call)} (${answer.status}) is not of the documented shape: ${why}. Apple may have changed ` +
      'it: report it.',
    { details: { method: call.method, path: call.path, status: answer.status, ...details } },
  );
}
