import type { WaitState } from './definition.ts';
import { queryEvaluationFailure } from './errors.ts';
import type { Visit } from './execution.ts';
import { type Bindings, evaluateInteger, evaluateTyped } from './templates.ts';
import { parseTimestamp } from './timestamp.ts';

/** The longest time a field in seconds may name. */
export const MAX_SECONDS = 99_999_999;

/** Sleeps for Seconds or until Timestamp; a moment that has passed is not waited for. */
export async function wait(visit: Visit, state: WaitState, bindings: Bindings): Promise<void> {
  const { scheduler } = visit.walk.execution.services;
  const milliseconds =
    state.Seconds === undefined
      ? await untilTimestamp(visit, state, bindings)
      : await seconds(visit, state, bindings);
  if (milliseconds <= 0) return;
  await visit.walk.participant.outside(() => scheduler.sleep(milliseconds, visit.walk.signal));
}

async function seconds(visit: Visit, state: WaitState, bindings: Bindings): Promise<number> {
  const { evaluator } = visit.walk.execution.services;
  const bounds = { min: 0, max: MAX_SECONDS };
  return (await evaluateInteger(evaluator, state.Seconds, 'Seconds', bounds, bindings)) * 1000;
}

async function untilTimestamp(visit: Visit, state: WaitState, bindings: Bindings): Promise<number> {
  const { evaluator, scheduler } = visit.walk.execution.services;
  const text = await evaluateTyped(evaluator, state.Timestamp, 'string', 'Timestamp', bindings);
  const moment = parseTimestamp(text);
  if (moment === undefined) {
    throw queryEvaluationFailure(`The Timestamp field cannot be parsed as a timestamp: ${text}`, 'Timestamp');
  }
  // AWS drops what stands behind the second.
  return Math.floor(moment / 1000) * 1000 - scheduler.now();
}
