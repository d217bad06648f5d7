import type { RequestIds } from '../apple/account-data-answers.ts';
import { cancelAtApple } from './cancellation.ts';
import type { StepAnswer } from './contracts.ts';
import { findInstance, isOver } from './series.ts';
import { statusDelay } from './status-delay.ts';
import { endedAnswer, waitAnswer } from './step-answers.ts';
import { adoptRequest } from './submission.ts';
import type { AskedCall } from './submit-request.ts';

export interface FoundRequest extends RequestIds {
  /** `statusCheckDelay` as it came, of whatever kind. */
  readonly delay: unknown;
  /** Since when the request may exist, milliseconds since 1970. */
  readonly since: number;
  readonly transactionId: string;
}

/**
 * Writes Apple's ids of the instance, before anything else is done, and answers the time until its first status check.
 * Where the series was ended while the call was under way, the request is cancelled at once.
 */
export async function adopt({ step }: AskedCall, request: FoundRequest): Promise<StepAnswer> {
  const { deps, reference } = step;
  const { seconds: delaySeconds, capped } = statusDelay(request.delay, 0);
  const now = deps.clock.now();
  const grant = await step.update((present) =>
    adoptRequest(present, reference, { ...request, delaySeconds }, now),
  );
  const { requestId, transactionId } = request;
  deps.log.info('Apple works on the instance', { ...reference, requestId, transactionId, delaySeconds });
  if (capped) deps.metrics.count('StatusDelaysCapped', 1);
  const found = findInstance(grant, reference);
  if (found === undefined || found.series.status === 'ended' || isOver(found.instance)) {
    await cancelAtApple(step.apple, {
      parentRequestId: request.parentRequestId ?? found?.series.parentRequestId,
      requestId,
    });
    return endedAnswer('cancelled', requestId);
  }
  return waitAnswer(delaySeconds, capped ? 'delay-capped' : 'submitted', found.instance.requestId);
}
