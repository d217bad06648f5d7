import type { Outcome, StepAnswer } from './contracts.ts';
import type { InstanceRecord } from './grant.ts';
import { LONGEST_DELAY_SECONDS } from './status-delay.ts';

const NOTHING_FOLLOWS = { nextSeries: null, nextInstance: null, nextAt: null } as const;

/** Nothing can be done before `seconds` have passed; cut to 1 second .. 48 hours, after which it is looked at again. */
export function waitAnswer(seconds: number, outcome: Outcome, requestId?: string): StepAnswer {
  const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, Math.max(1, Math.ceil(seconds)));
  return { phase: 'wait', delaySeconds, outcome, requestId: requestId ?? null, ...NOTHING_FOLLOWS };
}

/** Nothing can be done before `time`; both in milliseconds since 1970. */
export function waitUntil(time: number, now: number, outcome: Outcome, requestId?: string): StepAnswer {
  return waitAnswer((time - now) / 1000, outcome, requestId);
}

/** Go on at once with asking Apple for the instance, or with fetching it. */
export function goOnAnswer(
  phase: 'submit' | 'fetch',
  outcome: Outcome,
  instance?: InstanceRecord,
): StepAnswer {
  return {
    phase,
    delaySeconds: 0,
    outcome,
    requestId: instance?.requestId ?? null,
    ...NOTHING_FOLLOWS,
  };
}

/** The execution has nothing more to do, and nothing follows it. */
export function endedAnswer(outcome: Outcome, requestId?: string): StepAnswer {
  return { phase: 'ended', delaySeconds: 0, outcome, requestId: requestId ?? null, ...NOTHING_FOLLOWS };
}
