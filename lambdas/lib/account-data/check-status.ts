import type { JobStatus, StatusAnswer } from '../apple/account-data-answers.ts';
import { redact } from '../apple/redact.ts';
import { ApiContractError, ApiRequestError, ApiThrottledError, ApiUnavailableError } from '../errors.ts';
import { type AppleStep, appleStep } from './apple-step.ts';
import { cancelAtApple, finishPendingCancels, withoutCancel } from './cancellation.ts';
import type { InstanceReference, StepAnswer } from './contracts.ts';
import type { AppleDeps } from './deps.ts';
import type { Grant, InstanceRecord, SeriesRecord } from './grant.ts';
import { ATTEMPT_LIFE_SECONDS, ageSeconds } from './pauses.ts';
import { type EndState, findInstance, isCancelPending, isOver, withInstance, withSeries } from './series.ts';
import { statusDelay } from './status-delay.ts';
import { goOnAnswer, waitAnswer } from './step-answers.ts';
import { answerOfTurn, endAs } from './step-turns.ts';
import { LONGEST_REQUEST_MILLISECONDS, turnAt } from './submission.ts';

/** How a job that gives no data ends the instance. */
const END_OF_JOB: Readonly<Record<Exclude<JobStatus, 'in_progress' | `completed${string}`>, EndState>> = {
  error: 'error',
  cancelled: 'cancelled-by-apple',
  request_not_found: 'request-not-found',
};

interface Polled {
  readonly step: AppleStep;
  readonly series: SeriesRecord;
  readonly instance: InstanceRecord;
  readonly requestId: string;
  /** Before the call, milliseconds since 1970. */
  readonly askedAt: number;
}

/** The grant with a change of the polled instance, as long as it is still that request and not over. */
function withPolled(
  { step, requestId }: Polled,
  change: (instance: InstanceRecord) => InstanceRecord,
): (grant: Grant) => Grant {
  return (grant) =>
    withInstance(grant, step.reference, (instance) =>
      instance.requestId === requestId && !isOver(instance) ? change(instance) : instance,
    );
}

/** The same, without the cancel of the instance that was pending before the call: it is not cancelled. */
function withUncancelled(
  polled: Polled,
  change: (instance: InstanceRecord) => InstanceRecord,
): (grant: Grant) => Grant {
  const { cancel } = polled.series;
  return (grant) =>
    withSeries(withPolled(polled, change)(grant), polled.series.number, (series) =>
      cancel?.scope === 'instance' && series.cancel?.at === cancel.at && isCancelPending(series)
        ? withoutCancel(series)
        : series,
    );
}

function withTransaction(instance: InstanceRecord, { transactionId }: StatusAnswer): InstanceRecord {
  return { ...instance, transactionIds: { ...instance.transactionIds, status: transactionId } };
}

async function goOnWaiting(polled: Polled, answer: StatusAnswer): Promise<StepAnswer> {
  const { step, askedAt, requestId } = polled;
  const now = step.deps.clock.now();
  const { seconds, capped } = statusDelay(answer.delay, ageSeconds(polled.instance, now));
  await step.update(
    withUncancelled(polled, (instance) => ({
      ...withTransaction(instance, answer),
      notBefore: new Date(now + seconds * 1000).toISOString(),
      lastIncompleteAt: new Date(askedAt).toISOString(),
    })),
  );
  if (capped) step.deps.metrics.count('StatusDelaysCapped', 1);
  return waitAnswer(seconds, capped ? 'delay-capped' : 'in-progress', requestId);
}

async function goOnFetching(
  polled: Polled,
  jobStatus: 'completed' | 'completed_with_error',
  answer: StatusAnswer,
): Promise<StepAnswer> {
  const { step, askedAt } = polled;
  await step.update(
    withUncancelled(polled, (instance) => ({
      ...withTransaction(instance, answer),
      jobStatus,
      completionSeenAt: instance.completionSeenAt ?? new Date(askedAt).toISOString(),
    })),
  );
  return goOnAnswer('fetch', 'completed', polled.instance);
}

/** Answers without which a request is given up all the same: none, or one that nobody understands. */
const USELESS_ANSWERS = [ApiUnavailableError, ApiThrottledError, ApiContractError, ApiRequestError];

function isUseless(error: unknown): error is Error {
  return USELESS_ANSWERS.some((kind) => error instanceof kind);
}

/** After 14 days a request is cancelled and given up, whatever Apple answers. */
async function giveUp({ step, series, requestId }: Polled): Promise<StepAnswer> {
  const { parentRequestId } = series;
  try {
    await cancelAtApple(step.apple, { parentRequestId, requestId });
  } catch (error) {
    if (!isUseless(error)) throw error;
    step.deps.log.warn('A request that took too long could not be cancelled', {
      ...step.reference,
      requestId,
      error: error.name,
      reason: redact(error.message),
    });
  }
  return endAs(step, 'took-too-long');
}

/** Apple's answer; undefined where it is of no use and the request is to be given up anyway. */
async function poll({ step, series, requestId }: Polled, isTooOld: boolean) {
  try {
    return await step.apple.status({ parentRequestId: series.parentRequestId, requestId });
  } catch (error) {
    if (!isTooOld || !isUseless(error)) throw error;
    step.deps.log.warn('The status of a request that took too long is not known', {
      ...step.reference,
      requestId,
      error: error.name,
      reason: redact(error.message),
    });
    return undefined;
  }
}

async function checkAtApple(polled: Polled): Promise<StepAnswer> {
  const { step, instance, requestId } = polled;
  const isTooOld = ageSeconds(instance, polled.askedAt) * 1000 >= LONGEST_REQUEST_MILLISECONDS;
  const answer = await poll(polled, isTooOld);
  if (answer === undefined) return giveUp(polled);
  const { jobStatus, transactionId } = answer;
  step.deps.log.info('Apple told the status', { ...step.reference, requestId, jobStatus, transactionId });
  if (jobStatus === 'in_progress') return isTooOld ? giveUp(polled) : goOnWaiting(polled, answer);
  if (jobStatus === 'completed' || jobStatus === 'completed_with_error') {
    return goOnFetching(polled, jobStatus, answer);
  }
  return endAs(
    step,
    END_OF_JOB[jobStatus],
    withPolled(polled, (present) => withTransaction(present, answer)),
  );
}

/**
 * Takes the status call for this step: for as long as a function lives nobody else makes it, so that two executions of
 * an instance do not ask twice. False when it is not due any more.
 */
async function claimCall({ deps, reference, update }: AppleStep): Promise<boolean> {
  let isClaimed = false;
  await update((grant) => {
    const now = deps.clock.now();
    isClaimed = turnAt(grant, reference, now).do === 'status';
    const notBefore = new Date(now + ATTEMPT_LIFE_SECONDS * 1000).toISOString();
    return isClaimed ? withInstance(grant, reference, (instance) => ({ ...instance, notBefore })) : grant;
  });
  return isClaimed;
}

/** Gives the call back where it came to nothing: a repeat that finds it not due would take a fault for a wait. */
async function checkClaimed(polled: Polled): Promise<StepAnswer> {
  try {
    return await checkAtApple(polled);
  } catch (error) {
    const { notBefore = new Date(polled.askedAt).toISOString() } = polled.instance;
    await polled.step.update(withPolled(polled, (instance) => ({ ...instance, notBefore })));
    throw error;
  }
}

/**
 * Asks Apple how far an instance is, never before the time that its latest answer named, and says what comes next. It
 * is the dispatcher of the machine too: an instance without an id is to be submitted, a completed one to be fetched, a
 * fetched one to be unpacked; a pending cancel is carried out first. After 14 days without an end the request is
 * cancelled, whatever Apple answers. Errors as of `appleStep`; before that ApiContractError for a status that Apple
 * does not document.
 */
export function checkStatus(deps: AppleDeps, reference: InstanceReference): Promise<StepAnswer> {
  return appleStep(deps, reference, async (step) => {
    const now = () => deps.clock.now();
    const grant = await finishPendingCancels({ ...step, now });
    const turn = turnAt(grant, reference, now());
    const answer = await answerOfTurn(step, turn);
    if (answer !== undefined) return answer;
    const found = findInstance(grant, reference);
    const requestId = found?.instance.requestId;
    if (found === undefined || requestId === undefined) return goOnAnswer('submit', 'in-progress');
    if (turn.do === 'fetch') return goOnAnswer('fetch', 'completed', found.instance);
    if (!(await claimCall(step))) return waitAnswer(1, 'in-progress', requestId);
    return checkClaimed({ step, ...found, requestId, askedAt: now() });
  });
}
