import { ApiContractError, ApiUnavailableError, PipelineError } from '../errors.ts';
import { type AppleStep, appleStep } from './apple-step.ts';
import { finishPendingCancels } from './cancellation.ts';
import type { InstanceReference, StepAnswer } from './contracts.ts';
import type { AppleDeps } from './deps.ts';
import type { Grant, InstanceRecord, SeriesRecord } from './grant.ts';
import { ATTEMPT_LIFE_SECONDS } from './pauses.ts';
import { settleResubmit } from './resubmit-answers.ts';
import { findInstance } from './series.ts';
import { waitAnswer } from './step-answers.ts';
import { answerOfTurn } from './step-turns.ts';
import { beginCall, latestIds, turnAt, uncountCall } from './submission.ts';
import { settleSubmit } from './submit-answers.ts';

/** Calls that one step makes at most: a refused mode, a series in the way and a lost id each cost one more. */
const MOST_CALLS = 5;

/** Changes while a step makes its calls. */
export interface StepProgress {
  /** The ids that stood in the way of a submit and were cancelled already; undefined before. */
  cancelledIds: readonly string[] | undefined;
}

/** A call that was begun, and what was known before its answer. */
export interface AskedCall {
  readonly step: AppleStep;
  /** As written with the intent of the call. */
  readonly grant: Grant;
  readonly series: SeriesRecord;
  readonly instance: InstanceRecord;
  /** Whether an earlier call for the same request went without an answer. */
  readonly lostBefore: boolean;
  /** What the calls of one step tell each other. */
  readonly progress: StepProgress;
}

/** The step's answer, or `again`: the grant has changed so that another call is due at once. */
export type Settled = StepAnswer | 'again';

/** Whether Apple cannot have carried out the call that ended so. */
function isCertainlyNotApplied(error: unknown, call: InstanceRecord['intent']['call']): boolean {
  if (error instanceof ApiContractError || !(error instanceof PipelineError)) return false;
  if (!(error instanceof ApiUnavailableError)) return true;
  const { path, status, reason } = error.details;
  if (reason === 'deadline') return true;
  const hasLeft = typeof path !== 'string' || path.endsWith('/submit') || path.endsWith('/resubmit');
  // A resubmit counts as lost even so: that its id is asked for in vain costs less than a series that ends.
  return !hasLeft || (status === 503 && call === 'submit');
}

async function call(asked: AskedCall): Promise<Settled> {
  const { step, series, instance } = asked;
  const latest = latestIds(series, step.reference);
  if (instance.intent.call === 'submit' || latest === undefined) {
    return settleSubmit(asked, await step.apple.submit(series.submittedMode));
  }
  return settleResubmit(asked, latest, await step.apple.resubmit(latest));
}

/** Writes the intent, makes the call and settles its answer; `again` too when the turn was taken by another. */
async function ask(step: AppleStep, progress: StepProgress): Promise<Settled> {
  const { deps, reference } = step;
  let begun = false;
  let lostBefore = false;
  const grant = await step.update((present) => {
    const changed = beginCall(present, reference, deps.clock.now());
    begun = changed !== present;
    lostBefore = (findInstance(present, reference)?.instance.intent.tries ?? 0) > 0;
    return changed;
  });
  const found = findInstance(grant, reference);
  if (!begun || found === undefined) return 'again';
  const asked = { step, grant, ...found, lostBefore, progress };
  try {
    return await call(asked);
  } catch (error) {
    if (isCertainlyNotApplied(error, found.instance.intent.call)) {
      await step.update((present) => uncountCall(present, reference));
    }
    throw error;
  }
}

/**
 * Submits or resubmits one instance of a grant's series. The intent is written to the grant before the call and
 * Apple's ids right after it, so that a death anywhere loses no id: a repeated step finds the ids, or asks again and
 * takes them from Apple's duplicate error; a one-time submit is asked for twice at most. Answers `wait` with the time
 * until the first status check, until the period has passed, or until a series that is in the way has run out; or
 * that the series has ended. Errors as of `appleStep`.
 */
export function submitRequest(deps: AppleDeps, reference: InstanceReference): Promise<StepAnswer> {
  return appleStep(deps, reference, async (step) => {
    const now = () => deps.clock.now();
    const progress: StepProgress = { cancelledIds: undefined };
    let grant = await finishPendingCancels({ ...step, now });
    for (let calls = 0; calls < MOST_CALLS; calls += 1) {
      const turn = turnAt(grant, reference, now());
      const answer = await answerOfTurn(step, turn);
      if (answer !== undefined) return answer;
      // It was asked for already; Check Status sees to the rest.
      if (turn.do !== 'submit')
        return waitAnswer(1, 'submitted', findInstance(grant, reference)?.instance.requestId);
      const settled = await ask(step, progress);
      if (settled !== 'again') return settled;
      grant = await step.update((present) => present);
    }
    return waitAnswer(ATTEMPT_LIFE_SECONDS, 'in-progress');
  });
}
