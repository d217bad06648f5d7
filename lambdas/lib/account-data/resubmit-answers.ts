import type { ResubmitAnswer } from '../apple/account-data-answers.ts';
import { adopt } from './adoption.ts';
import type { StepAnswer } from './contracts.ts';
import type { SeriesRecord } from './grant.ts';
import { answerNeedsAttention } from './grant-refusal.ts';
import { endSeries, isNearTerm, withInstance, withSeries } from './series.ts';
import { statusDelay } from './status-delay.ts';
import { endedAnswer, waitAnswer } from './step-answers.ts';
import { endCall } from './submission.ts';
import type { AskedCall, Settled } from './submit-request.ts';

/** Whether the instance before the step's was cancelled by us, which Apple may take for the whole series. */
function followsCancel({ cancel, instances }: SeriesRecord): boolean {
  return instances.some(({ number, state }) => number === cancel?.instance && state === 'cancelled');
}

/**
 * Ends the series because Apple gives no further instance of it; early, that is counted, unless it comes of a cancel
 * of ours.
 */
export async function endByApple({ step, series }: AskedCall): Promise<StepAnswer> {
  const { deps, reference } = step;
  const now = deps.clock.now();
  const isCancelled = followsCancel(series);
  let newly = false;
  await step.update((grant) =>
    withSeries(grant, reference.series, (present) => {
      newly = present.status === 'live';
      // The instance never came into being.
      const instances = present.instances.filter(
        ({ number, requestId }) => number !== reference.instance || requestId !== undefined,
      );
      return newly ? endSeries({ ...present, instances }, isCancelled ? 'cancelled' : 'apple', now) : present;
    }),
  );
  if (newly && !isCancelled && !isNearTerm(series, now)) {
    deps.metrics.count('SeriesEndedEarly', 1);
    deps.log.warn('Apple gives no further instance of the series before its term', { ...reference });
  }
  return endedAnswer('series-ended');
}

/** Apple still works on the latest instance, which counts as over here: the next one is asked for after that. */
async function waitForLatest({ step }: AskedCall, delay: unknown): Promise<StepAnswer> {
  const { seconds } = statusDelay(delay, 0);
  const notBefore = new Date(step.deps.clock.now() + seconds * 1000).toISOString();
  await step.update((grant) =>
    withInstance(endCall(grant, step.reference), step.reference, (instance) => ({ ...instance, notBefore })),
  );
  return waitAnswer(seconds, 'in-progress');
}

/** Apple forbids the next instance long before the term: the grant needs attention. */
export function answerForbidden({ step }: AskedCall): Promise<StepAnswer> {
  return answerNeedsAttention(
    step.deps,
    step.reference.grantId,
    'Apple forbids (403) the next instance of the series: check scopes, region and approval of the client.',
  );
}

/**
 * What the answer to a resubmit of the instance `latest` means. A refusal after a lost answer may mean that the lost
 * call worked: then the new id is asked for by a submit, which Apple refuses with it. Any other refusal ends the
 * series, unless Apple still works on the latest instance.
 */
export async function settleResubmit(
  asked: AskedCall,
  latest: { readonly parentRequestId: string; readonly requestId: string },
  answer: ResubmitAnswer,
): Promise<Settled> {
  const { step, series, lostBefore } = asked;
  if (answer.result === 'created') {
    const { requestId, delay, transactionId } = answer;
    return adopt(asked, { requestId, delay, transactionId, since: step.deps.clock.now() });
  }
  if (!lostBefore) await step.update((grant) => endCall(grant, step.reference));
  if (answer.status === 403 && !isNearTerm(series, step.deps.clock.now())) return answerForbidden(asked);
  const status = await step.apple.status(latest);
  if (status.jobStatus === 'in_progress') return waitForLatest(asked, status.delay);
  if (!lostBefore) return endByApple(asked);
  await step.update((grant) => endCall(grant, step.reference, 'submit'));
  return 'again';
}
