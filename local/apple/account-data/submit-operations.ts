import { empty, json } from './answers.ts';
import type { CarriedOut } from './host.ts';
import type { Series, TransferRequest } from './request-ledger.ts';
import { MODES } from './scenario.ts';
import { dataKinds } from './scopes.ts';
import { nextDelay, promise, REFUSED, type TransferCall, type TransferParts } from './transfer-call.ts';

function created(parts: TransferParts, request: TransferRequest, status: string): CarriedOut {
  const { field, notBefore } = nextDelay(parts, request);
  const parent = request.series === undefined ? {} : { parentRequestId: request.series.id };
  return {
    answer: json(200, { ...parent, requestId: request.id, status, ...field }),
    onDelivered: promise(request, notBefore),
    onLost: () => {
      request.isAnswerLost = true;
    },
  };
}

function noteSecondInstance({ ledger, violations }: TransferParts, { person, subject }: TransferCall): void {
  const [open] = ledger.openRequestsOf(person);
  if (open !== undefined)
    violations.add('two-open-instances', `request ${open.id} is still in progress`, subject);
}

function duplicateAnswer({ world }: TransferParts, series: Series): CarriedOut {
  const newest = series.instances.at(-1);
  const parentRequestId = series.id;
  const requestId = newest?.id;
  const statusMessage = 'A recurring request is already pending.';
  // Whoever got the answer knows the instance now, lost answer or not.
  const onDelivered = () => {
    if (newest !== undefined && world.variants.duplicate !== 'parent-400') newest.isAnswerLost = false;
  };
  switch (world.variants.duplicate) {
    case 'both-400':
      return {
        answer: json(400, { status: 'error', statusMessage, parentRequestId, requestId }),
        onDelivered,
      };
    case 'both-200':
      return {
        answer: json(200, { status: 'error', statusMessage, parentRequestId, requestId }),
        onDelivered,
      };
    case 'parent-400':
      return { answer: json(400, { status: 'error', statusMessage, parentRequestId }) };
    case 'request-400':
      return { answer: json(400, { status: 'error', statusMessage, requestId }), onDelivered };
    case 'uuid-in-text-400':
      return {
        answer: json(400, {
          status: 'error',
          statusMessage: `Recurring request ${parentRequestId} is already pending.`,
        }),
      };
  }
}

/** `POST /submit`: a request, a series, or the answer of the duplicate rule. */
export function submit(parts: TransferParts, call: TransferCall): CarriedOut {
  const { ledger, violations, world } = parts;
  const mode = MODES.find((each) => each === call.ids.mode);
  if (mode === undefined) {
    violations.add('missing-field', 'mode is none of the three', call.subject);
    return REFUSED;
  }
  const isRecurring = mode !== 'ONE_TIME';
  const { appStoreInfoRecurring } = world.variants;
  const isStoreInfoAlone = !dataKinds(call.person.scopes).has('app-install-activity');
  if (isRecurring && isStoreInfoAlone && appStoreInfoRecurring !== 'allowed')
    return appStoreInfoRecurring === '403' ? { answer: empty(403) } : REFUSED;
  const live = isRecurring ? ledger.liveSeriesOf(call.person, call.service) : undefined;
  if (live !== undefined) return duplicateAnswer(parts, live);
  noteSecondInstance(parts, call);
  return created(parts, ledger.submit(call.person, call.service, mode), 'in_progress');
}

/** `POST /resubmit`: the next instance of a live series whose newest one is over. */
export function resubmit(parts: TransferParts, call: TransferCall): CarriedOut {
  const { ledger, violations, world } = parts;
  const { parentRequestId, requestId } = call.ids as Record<string, string>;
  const series = ledger.seriesOf(call.person, call.service, parentRequestId ?? '');
  const newest = series?.instances.at(-1);
  if (series === undefined || newest === undefined || newest.id !== requestId) return REFUSED;
  const isTermOver = ledger.isTermOver(series) && world.variants.resubmitAfterTerm === '400';
  const status = ledger.statusOf(newest);
  if (!ledger.isLive(series) || isTermOver || status === 'in_progress') return REFUSED;
  if (!ledger.isPeriodOver(series) && status !== 'cancelled')
    violations.add('early-resubmit', `the period of ${series.mode} is not over`, call.subject);
  noteSecondInstance(parts, call);
  return created(parts, ledger.resubmit(series), 'success');
}
