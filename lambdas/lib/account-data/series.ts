import type { InstanceReference, Mode, Outcome, StepAnswer } from './contracts.ts';
import type { Grant, InstanceRecord, SeriesRecord } from './grant.ts';
import { endedAnswer, goOnAnswer } from './step-answers.ts';

const DAY = 86_400_000;

interface SeriesTerms {
  /** Between two instances; 0 where there is only one. */
  readonly period: number;
  /** From the first submit to the end of the series; no instance is asked for after it. */
  readonly term: number;
  /** From the first submit until Apple forgets the request of which nothing more is asked, at the latest. */
  readonly life: number;
}

/**
 * What Apple promises of each mode, in milliseconds. It names no life of a one-time request: as long as one is waited
 * for.
 */
export const SERIES_TERMS: Readonly<Record<Mode, SeriesTerms>> = {
  ONE_TIME: { period: 0, term: 0, life: 14 * DAY },
  DAILY_30: { period: DAY, term: 30 * DAY, life: 40 * DAY },
  WEEKLY_180: { period: 7 * DAY, term: 180 * DAY, life: 190 * DAY },
};

/** States in which an instance still has something to come. */
const OPEN_STATES: readonly InstanceRecord['state'][] = ['submitting', 'in-progress'];

/** States after which something of the instance lies in S3. */
const FETCHED_STATES: readonly InstanceRecord['state'][] = ['fetched', 'fetched-partial'];

/** Whether the instance is over, however it came out. */
export function isOver(instance: InstanceRecord): boolean {
  return !OPEN_STATES.includes(instance.state);
}

/** Whether the instance's archives lie in S3, as far as Apple gave them. */
export function isFetched(instance: InstanceRecord): boolean {
  return FETCHED_STATES.includes(instance.state);
}

/** The series of that number, if the grant has it. */
export function findSeries(grant: Grant, number: number): SeriesRecord | undefined {
  return grant.series.find((series) => series.number === number);
}

/** The instance and its series, if the grant has them. */
export function findInstance(
  grant: Grant,
  reference: InstanceReference,
): { readonly series: SeriesRecord; readonly instance: InstanceRecord } | undefined {
  const series = findSeries(grant, reference.series);
  const instance = series?.instances.find(({ number }) => number === reference.instance);
  return series === undefined || instance === undefined ? undefined : { series, instance };
}

/** The grant with one of its series changed; the same object when `change` returns the same series. */
export function withSeries(
  grant: Grant,
  number: number,
  change: (series: SeriesRecord) => SeriesRecord,
): Grant {
  let changed = false;
  const series = grant.series.map((present) => {
    if (present.number !== number) return present;
    const next = change(present);
    changed ||= next !== present;
    return next;
  });
  return changed ? { ...grant, series } : grant;
}

/** The grant with one instance changed; the same object when `change` returns the same instance or there is none. */
export function withInstance(
  grant: Grant,
  reference: InstanceReference,
  change: (instance: InstanceRecord, series: SeriesRecord) => InstanceRecord,
): Grant {
  return withSeries(grant, reference.series, (series) => {
    let changed = false;
    const instances = series.instances.map((present) => {
      if (present.number !== reference.instance) return present;
      const next = change(present, series);
      changed ||= next !== present;
      return next;
    });
    return changed ? { ...series, instances } : series;
  });
}

/** The next whole second, ISO 8601: a Wait state drops what is behind it, and would end too early. */
function wholeSecond(milliseconds: number): string {
  return new Date(Math.ceil(milliseconds / 1000) * 1000).toISOString();
}

function firstAskedAt({ intent }: InstanceRecord): number {
  return Date.parse(intent.since ?? intent.at);
}

/**
 * When the instance after the latest one may be asked for, milliseconds since 1970: a period after the latest submit,
 * or after Apple was first asked for an instance that it never named.
 */
export function nextDueAt(series: SeriesRecord): number {
  const latest = series.instances.at(-1);
  const answeredAt = series.lastSubmittedAt === undefined ? 0 : Date.parse(series.lastSubmittedAt);
  const askedAt = latest === undefined || latest.requestId !== undefined ? 0 : firstAskedAt(latest);
  return Math.max(answeredAt, askedAt) + SERIES_TERMS[series.mode].period;
}

/** Whether no further instance fits into the term of the series; a one-time request has only one. */
export function isTermOver(series: SeriesRecord, now: number): boolean {
  if (series.mode === 'ONE_TIME') return true;
  const [first] = series.instances;
  const startedAt = series.firstSubmittedAt === undefined ? undefined : Date.parse(series.firstSubmittedAt);
  const start = startedAt ?? (first === undefined ? now : firstAskedAt(first));
  return Math.max(nextDueAt(series), now) >= start + SERIES_TERMS[series.mode].term;
}

export type Following =
  | { readonly phase: 'next'; readonly nextInstance: number; readonly nextAt: string }
  | { readonly phase: 'ended'; readonly nextInstance: null; readonly nextAt: null };

/**
 * What follows an instance that is over: the next one of its series, due when the period has passed since the latest
 * submit, or nothing. Says the same when it is asked again while the next one is under way.
 */
export function whatFollows(
  grant: Grant,
  series: SeriesRecord,
  instance: InstanceRecord,
  now: number,
): Following {
  const ended: Following = { phase: 'ended', nextInstance: null, nextAt: null };
  if (grant.status !== 'active' || series.status === 'ended') return ended;
  const nextInstance = instance.number + 1;
  const begun = series.instances.find(({ number }) => number === nextInstance);
  if (begun !== undefined)
    return { phase: 'next', nextInstance, nextAt: wholeSecond(Date.parse(begun.intent.at)) };
  if (isTermOver(series, now)) return ended;
  return { phase: 'next', nextInstance, nextAt: wholeSecond(nextDueAt(series)) };
}

/** Whether a cancel of the series was begun and is not settled. */
export function isCancelPending(series: SeriesRecord): boolean {
  const { cancel, status } = series;
  if (cancel === undefined || status === 'ended') return false;
  if (cancel.scope === 'series') return true;
  const instance = series.instances.find(({ number }) => number === cancel.instance);
  return instance !== undefined && !isOver(instance);
}

/** The states in which an instance ends. */
export type EndState = Exclude<InstanceRecord['state'], 'submitting' | 'in-progress'>;

/** Whether and how the series ends with an instance of it that ends in `state`. */
function endOfSeries(
  series: SeriesRecord,
  state: EndState,
  now: number,
): NonNullable<SeriesRecord['endedBy']> | undefined {
  if (state === 'cancelled-by-apple') return 'cancelled-by-apple';
  // Repeated one-time requests do not hang together at Apple: one that it lost says nothing of the next.
  const hangTogether = series.mode === 'ONE_TIME' || series.submittedMode !== 'ONE_TIME';
  if (state === 'request-not-found' && hangTogether) return 'request-not-found';
  if (state === 'cancelled' && (series.mode === 'ONE_TIME' || series.cancel?.scope === 'series')) {
    return 'cancelled';
  }
  if (!isTermOver(series, now)) return undefined;
  if (series.mode !== 'ONE_TIME') return 'term';
  return FETCHED_STATES.includes(state) ? 'term' : 'failed';
}

/** The series as ended; one that is ended already keeps its first reason. */
export function endSeries(
  series: SeriesRecord,
  endedBy: NonNullable<SeriesRecord['endedBy']>,
  now: number,
): SeriesRecord {
  if (series.status === 'ended') return series;
  return { ...series, status: 'ended', endedBy, endedAt: new Date(now).toISOString() };
}

/** A one-time request that failed is asked for anew once; its archives and times are those of the new request. */
function askAnew(instance: InstanceRecord, requestId: string, now: number): InstanceRecord {
  return {
    number: instance.number,
    state: 'submitting',
    intent: { call: 'submit', at: new Date(now).toISOString(), tries: 0 },
    failedRequestIds: [...instance.failedRequestIds, requestId],
    transactionIds: instance.transactionIds,
  };
}

/**
 * The grant after an instance came out as `state`, for `updateGrant`: the instance is over and, where nothing of the
 * series can follow, so is the series. What Apple is told to cancel counts as cancelled by us. An `error` or `expired` of a one-time request makes it due to be submitted anew,
 * once. The same object when the instance is over already or there is none. `now` in milliseconds since 1970.
 */
export function endInstance(grant: Grant, reference: InstanceReference, told: EndState, now: number): Grant {
  return withSeries(grant, reference.series, (series) => {
    const instance = series.instances.find(({ number }) => number === reference.instance);
    if (instance === undefined || isOver(instance)) return series;
    const state = told === 'cancelled-by-apple' && isCancelPending(series) ? 'cancelled' : told;
    const { requestId } = instance;
    const anew =
      (state === 'error' || state === 'expired') &&
      series.mode === 'ONE_TIME' &&
      series.cancel === undefined &&
      requestId !== undefined &&
      instance.failedRequestIds.length === 0;
    const ended = anew
      ? askAnew(instance, requestId, now)
      : { ...instance, state, endedAt: new Date(now).toISOString() };
    const changed = {
      ...series,
      instances: series.instances.map((present) => (present === instance ? ended : present)),
    };
    const endedBy = anew ? undefined : endOfSeries(changed, state, now);
    return endedBy === undefined ? changed : endSeries(changed, endedBy, now);
  });
}

/**
 * The answer of a step after `endInstance` was written: submit anew, unpack what was fetched, wait for the next
 * instance, or the end. `grant` is the one as written.
 */
export function answerAfterEnd(
  grant: Grant,
  reference: InstanceReference,
  outcome: Outcome,
  now: number,
): StepAnswer {
  const found = findInstance(grant, reference);
  if (found === undefined) return endedAnswer(outcome);
  const { series, instance } = found;
  if (!isOver(instance)) return goOnAnswer('submit', outcome, instance);
  const { phase, nextInstance, nextAt } = whatFollows(grant, series, instance, now);
  return {
    phase: isFetched(instance) ? 'unpack' : phase,
    delaySeconds: 0,
    outcome,
    requestId: instance.requestId ?? null,
    nextSeries: nextInstance === null ? null : reference.series,
    nextInstance,
    nextAt,
  };
}

/** A refusal in the last periods of a term is how Apple ends a series. */
const LAST_PERIODS = 2;

/** Whether the series is so near its term that a refusal of Apple's is its normal end. */
export function isNearTerm({ mode, firstSubmittedAt }: SeriesRecord, now: number): boolean {
  if (firstSubmittedAt === undefined) return false;
  const { term, period } = SERIES_TERMS[mode];
  return now >= Date.parse(firstSubmittedAt) + term - LAST_PERIODS * period;
}

/**
 * The step's answer where series are renewed: after a recurring series that came to its term follows the first
 * instance of the next one, due when Apple has forgotten the old one (day 40 or 190 of its first submit). Any other
 * answer stays as it is.
 */
export function withRenewal(answer: StepAnswer, grant: Grant, reference: InstanceReference): StepAnswer {
  const series = findSeries(grant, reference.series);
  const mayFollow = answer.nextInstance === null && ['ended', 'unpack'].includes(answer.phase);
  if (!mayFollow || grant.status !== 'active' || series === undefined) return answer;
  const { mode, status, endedBy, endedAt, firstSubmittedAt } = series;
  if (status !== 'ended' || mode === 'ONE_TIME' || firstSubmittedAt === undefined) return answer;
  const isAtTerm =
    endedBy === 'term' ||
    (endedBy === 'apple' && isNearTerm(series, Date.parse(endedAt ?? firstSubmittedAt)));
  if (!isAtTerm) return answer;
  const nextAt = wholeSecond(Date.parse(firstSubmittedAt) + SERIES_TERMS[mode].life);
  return {
    ...answer,
    phase: answer.phase === 'ended' ? 'next' : answer.phase,
    nextSeries: reference.series + 1,
    nextInstance: 1,
    nextAt,
  };
}
