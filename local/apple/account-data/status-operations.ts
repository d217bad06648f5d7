import { json } from './answers.ts';
import type { CarriedOut } from './host.ts';
import type { TransferRequest } from './request-ledger.ts';
import { nextDelay, promise, REFUSED, type TransferCall, type TransferParts } from './transfer-call.ts';
import type { TransferRoute } from './transfer-routes.ts';

/** The request that a path names, by the path that fits it. */
function requested(
  { ledger }: TransferParts,
  { person, service, ids }: TransferCall,
): TransferRequest | undefined {
  const { requestId, parentRequestId } = ids as Partial<TransferRoute>;
  const request = ledger.requestOf(person, service, requestId ?? '');
  if (request === undefined || request.series?.id !== parentRequestId) return undefined;
  const isForgotten =
    request.finalStatus === 'request_not_found' && ledger.statusOf(request) === request.finalStatus;
  return isForgotten ? undefined : request;
}

/** Seconds until the client may ask; 0 when it may. Asking earlier is noted. */
function secondsTooEarly(
  { clock, violations }: TransferParts,
  request: TransferRequest,
  call: TransferCall,
): number {
  const seconds = Math.ceil((request.notBefore - clock.now()) / 1000);
  if (seconds <= 0 || request.isEndTold) return 0;
  violations.add('early-poll', `${seconds} seconds before statusCheckDelay is over`, call.subject);
  return seconds;
}

function unknownStatus({ world }: TransferParts): CarriedOut {
  if (world.variants.unknownStatusId === '400')
    return { answer: json(400, { status: 'error', statusMessage: 'request_not_found' }) };
  return { answer: json(200, { jobStatus: 'request_not_found', status: 'error' }) };
}

/** `GET /{requestId}` and `GET /{parentRequestId}/{requestId}`. */
export function status(parts: TransferParts, call: TransferCall): CarriedOut {
  const { ledger, world } = parts;
  const request = requested(parts, call);
  if (request === undefined) return unknownStatus(parts);
  const tooEarly = secondsTooEarly(parts, request, call);
  if (tooEarly > 0 && world.variants.earlyPoll === '400') return REFUSED;
  if (tooEarly > 0)
    return {
      answer: json(200, { jobStatus: 'in_progress', status: 'success', statusCheckDelay: tooEarly }),
    };
  const jobStatus = ledger.statusOf(request);
  const { field, notBefore } = nextDelay(parts, request);
  return {
    answer: json(200, { jobStatus, status: 'success', ...field }),
    onDelivered:
      jobStatus === 'in_progress'
        ? promise(request, notBefore)
        : () => {
            request.isEndTold = true;
          },
  };
}

function notComplete(parts: TransferParts, request: TransferRequest, tooEarly: number): CarriedOut {
  const statusMessage = parts.world.variants.fetchNotComplete;
  const { field, notBefore } = nextDelay(parts, request);
  if (tooEarly > 0)
    return { answer: json(400, { status: 'error', statusMessage, statusCheckDelay: tooEarly }) };
  return {
    answer: json(400, { status: 'error', statusMessage, ...field }),
    onDelivered: promise(request, notBefore),
  };
}

function afterWindow({ world }: TransferParts): CarriedOut {
  switch (world.variants.fetchAfterWindow) {
    case 'request_not_found':
      return {
        answer: json(400, { status: 'error', statusMessage: 'request_not_found', statusCheckDelay: 0 }),
      };
    case 'empty':
      return { answer: json(200, { assetInfo: [], jobStatus: 'completed', status: 'success' }) };
    case 'job-status-error':
      return { answer: json(200, { assetInfo: [], jobStatus: 'error', status: 'success' }) };
  }
}

/** `GET /fetch/...`: new URLs of a completed request, for three days. */
export function fetch(parts: TransferParts, call: TransferCall): CarriedOut {
  const { ledger, urlsOf } = parts;
  const request = requested(parts, call);
  if (request === undefined)
    return {
      answer: json(400, { status: 'error', statusMessage: 'request_not_found', statusCheckDelay: 0 }),
    };
  const tooEarly = secondsTooEarly(parts, request, call);
  const jobStatus = ledger.statusOf(request);
  if (jobStatus !== 'completed' && jobStatus !== 'completed_with_error')
    return notComplete(parts, request, tooEarly);
  if (!ledger.isWithinWindow(request)) return afterWindow(parts);
  const assetInfo = urlsOf(request, request.fetches);
  request.fetches += 1;
  return {
    answer: json(200, { assetInfo, jobStatus, status: 'success' }),
    onDelivered: () => {
      request.isEndTold = true;
    },
  };
}
