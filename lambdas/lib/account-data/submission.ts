import type { RequestIds } from '../apple/account-data-answers.ts';
import type { InstanceReference, Outcome, StepAnswer } from './contracts.ts';
import type { Grant, InstanceRecord, SeriesRecord } from './grant.ts';
import { ATTEMPT_LIFE_SECONDS } from './pauses.ts';
import {
  answerAfterEnd,
  findInstance,
  findSeries,
  isOver,
  isTermOver,
  nextDueAt,
  SERIES_TERMS,
  withInstance,
  withSeries,
} from './series.ts';
import { endedAnswer, waitUntil } from './step-answers.ts';

/** Without an end for so long, a request is given up. */
export const LONGEST_REQUEST_MILLISECONDS = 14 * 86_400_000;

/** Calls of a one-time submit whose answers may be lost: a third one could make a third job. */
const ONE_TIME_TRIES = 2;

type SubmitCall = InstanceRecord['intent']['call'];

/**
 * What is to be done for an instance now. `answer`: nothing, the step answers this; `submit`, `status`, `fetch`: that
 * call; `end-term`: the series has reached its term; `give-up`: 14 days without an answer to the submit, or two lost
 * answers of a one-time submit.
 */
export type Turn =
  | { readonly do: 'answer'; readonly answer: StepAnswer }
  | { readonly do: 'submit' | 'status' | 'fetch' | 'end-term' }
  | { readonly do: 'give-up'; readonly because: 'took-too-long' | 'error' };

/** The outcome that an instance's end is told as. */
export const OUTCOME_OF_STATE: Readonly<Record<InstanceRecord['state'], Outcome>> = {
  submitting: 'in-progress',
  'in-progress': 'in-progress',
  fetched: 'fetched',
  'fetched-partial': 'fetched-partial',
  error: 'job-error',
  expired: 'expired',
  cancelled: 'cancelled',
  'cancelled-by-apple': 'cancelled-by-apple',
  'request-not-found': 'request-not-found',
  'took-too-long': 'took-too-long',
};

const answered = (answer: StepAnswer): Turn => ({ do: 'answer', answer });

function timeOf(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text);
}

/** Whether `reference` is the first instance of the series that the grant may get next. */
function mayBeginSeries(grant: Grant, reference: InstanceReference): boolean {
  const latest = grant.series.at(-1);
  return (
    reference.instance === 1 &&
    reference.series === (latest?.number ?? 0) + 1 &&
    (latest === undefined || latest.status === 'ended')
  );
}

/** A series that came to its term lives on at Apple for some days, and no other one may be asked for until then. */
function turnOfNewSeries(grant: Grant, reference: InstanceReference, now: number): Turn {
  if (!mayBeginSeries(grant, reference)) return answered(endedAnswer('not-current'));
  const before = grant.series.at(-1);
  if (before?.endedBy !== 'term' || before.submittedMode === 'ONE_TIME') return { do: 'submit' };
  const until = timeOf(before.firstSubmittedAt) + SERIES_TERMS[before.submittedMode].life;
  return until > now ? answered(waitUntil(until, now, 'in-progress')) : { do: 'submit' };
}

function turnOfNewInstance(series: SeriesRecord, reference: InstanceReference, now: number): Turn {
  const latest = series.instances.at(-1);
  const isNext = reference.instance === (latest?.number ?? 0) + 1;
  if (series.status === 'ended') return answered(endedAnswer('series-ended'));
  if (!isNext || (latest !== undefined && !isOver(latest))) return answered(endedAnswer('not-current'));
  const dueAt = nextDueAt(series);
  if (latest !== undefined && isTermOver(series, now)) return { do: 'end-term' };
  if (latest !== undefined && dueAt > now) return answered(waitUntil(dueAt, now, 'in-progress'));
  return { do: 'submit' };
}

function turnOfSubmitting(series: SeriesRecord, instance: InstanceRecord, now: number): Turn {
  if (series.status === 'ended') return answered(endedAnswer('series-ended'));
  const { at, since = at, tries } = instance.intent;
  const blockedUntil = timeOf(instance.blockedUntil);
  const underWayUntil = tries === 0 ? 0 : Date.parse(at) + ATTEMPT_LIFE_SECONDS * 1000;
  const idleUntil = Math.max(blockedUntil, timeOf(instance.notBefore), underWayUntil);
  if (idleUntil > now) return answered(waitUntil(idleUntil, now, 'in-progress'));
  if (series.submittedMode === 'ONE_TIME' && tries >= ONE_TIME_TRIES) {
    return { do: 'give-up', because: 'error' };
  }
  if (now - Math.max(Date.parse(since), blockedUntil) >= LONGEST_REQUEST_MILLISECONDS) {
    return { do: 'give-up', because: 'took-too-long' };
  }
  return { do: 'submit' };
}

/** What is to be done for the instance at `now` (milliseconds since 1970). Pure: asking again says the same. */
export function turnAt(grant: Grant, reference: InstanceReference, now: number): Turn {
  const series = findSeries(grant, reference.series);
  if (series === undefined) return turnOfNewSeries(grant, reference, now);
  const instance = findInstance(grant, reference)?.instance;
  if (instance === undefined) return turnOfNewInstance(series, reference, now);
  if (isOver(instance)) {
    return answered(answerAfterEnd(grant, reference, OUTCOME_OF_STATE[instance.state], now));
  }
  if (instance.requestId === undefined) return turnOfSubmitting(series, instance, now);
  if (series.status === 'ended') return answered(endedAnswer('series-ended', instance.requestId));
  if (instance.completionSeenAt !== undefined) return { do: 'fetch' };
  const notBefore = timeOf(instance.notBefore);
  if (notBefore > now) return answered(waitUntil(notBefore, now, 'in-progress', instance.requestId));
  return { do: 'status' };
}

function newSeries(grant: Grant, number: number): SeriesRecord {
  const { mode, service, fallback } = grant;
  return { number, mode, submittedMode: fallback ?? mode, service, status: 'live', instances: [] };
}

/** The call that asks Apple for the instance: a submit where there is no series at Apple to go on with. */
export function callFor(series: SeriesRecord | undefined, reference: InstanceReference): SubmitCall {
  const isFirst = series === undefined || latestIds(series, reference) === undefined;
  if (isFirst || series.submittedMode === 'ONE_TIME') return 'submit';
  const present = series.instances.find(({ number }) => number === reference.instance);
  // After a lost answer of a resubmit the instance's id is asked for by a submit.
  return present?.intent.call ?? 'resubmit';
}

/**
 * The grant with the intent of a call for the instance, for `updateGrant`; the instance, and its series, come into
 * being where they are new. The same object when it is not the instance's turn to be submitted.
 */
export function beginCall(grant: Grant, reference: InstanceReference, now: number): Grant {
  if (turnAt(grant, reference, now).do !== 'submit') return grant;
  const known = findSeries(grant, reference.series);
  const call = callFor(known, reference);
  const at = new Date(now).toISOString();
  const withOne =
    known === undefined ? { ...grant, series: [...grant.series, newSeries(grant, reference.series)] } : grant;
  if (findInstance(withOne, reference) === undefined) {
    const instance: InstanceRecord = {
      number: reference.instance,
      state: 'submitting',
      intent: { call, at, since: at, tries: 1 },
      failedRequestIds: [],
      transactionIds: {},
    };
    return withSeries(withOne, reference.series, (series) => ({
      ...series,
      instances: [...series.instances, instance],
    }));
  }
  return withInstance(withOne, reference, (instance) => {
    const { since = instance.intent.at, tries } = instance.intent;
    return { ...instance, intent: { call, at, since, tries: tries + 1 } };
  });
}

/** The grant after a call for the instance was answered: no answer is outstanding. `call`: the one to be made next. */
export function endCall(grant: Grant, reference: InstanceReference, call?: SubmitCall): Grant {
  return withInstance(grant, reference, (instance) => ({
    ...instance,
    intent: { ...instance.intent, call: call ?? instance.intent.call, tries: 0 },
  }));
}

/** The grant after the latest call for the instance was certainly not carried out: it does not count. */
export function uncountCall(grant: Grant, reference: InstanceReference): Grant {
  return withInstance(grant, reference, (instance) => ({
    ...instance,
    intent: { ...instance.intent, tries: Math.max(0, instance.intent.tries - 1) },
  }));
}

/** The ids by which the instance is asked for as the next one of its series; undefined when there is no series yet. */
export function latestIds(
  series: SeriesRecord,
  reference: InstanceReference,
): { readonly parentRequestId: string; readonly requestId: string } | undefined {
  const { parentRequestId, instances } = series;
  const requestId = instances.findLast(
    (instance) => instance.number < reference.instance && instance.requestId !== undefined,
  )?.requestId;
  return parentRequestId === undefined || requestId === undefined
    ? undefined
    : { parentRequestId, requestId };
}

export interface AdoptedRequest extends RequestIds {
  readonly delaySeconds: number;
  /** Since when the request may exist; its three days count from there at first. Milliseconds since 1970. */
  readonly since: number;
  readonly transactionId: string;
}

/**
 * The grant with Apple's ids of the instance, for `updateGrant`. Where another id was written meanwhile, that one
 * stays and this one is kept beside it.
 */
export function adoptRequest(
  grant: Grant,
  reference: InstanceReference,
  request: AdoptedRequest,
  now: number,
): Grant {
  const { requestId, parentRequestId, delaySeconds, since, transactionId } = request;
  const submittedAt = new Date(now).toISOString();
  const present = findInstance(grant, reference)?.instance;
  if (present === undefined || present.requestId === requestId) return grant;
  if (present.requestId !== undefined) {
    return withInstance(grant, reference, (instance) => ({
      ...instance,
      failedRequestIds: [...new Set([...instance.failedRequestIds, requestId])],
    }));
  }
  const adopted = withInstance(grant, reference, (instance) => ({
    ...instance,
    state: isOver(instance) ? instance.state : 'in-progress',
    intent: { ...instance.intent, tries: 0 },
    requestId,
    submittedAt,
    notBefore: new Date(now + delaySeconds * 1000).toISOString(),
    lastIncompleteAt: new Date(since).toISOString(),
    transactionIds: { ...instance.transactionIds, [instance.intent.call]: transactionId },
  }));
  return withSeries(adopted, reference.series, (series) => ({
    ...series,
    ...(parentRequestId === undefined ? {} : { parentRequestId }),
    firstSubmittedAt: series.firstSubmittedAt ?? submittedAt,
    lastSubmittedAt: submittedAt,
  }));
}
