import type { AppleStep } from './apple-step.ts';
import type { StepAnswer } from './contracts.ts';
import type { Grant } from './grant.ts';
import {
  answerAfterEnd,
  type EndState,
  endInstance,
  endSeries,
  findInstance,
  isOver,
  withSeries,
} from './series.ts';
import { endedAnswer } from './step-answers.ts';
import { OUTCOME_OF_STATE, type Turn } from './submission.ts';

/** Ends the step's instance as `state` and answers what follows; counted once, by whoever wrote it. */
export async function endAs(
  { deps, reference, update }: AppleStep,
  state: EndState,
  change: (present: Grant) => Grant = (present) => present,
): Promise<StepAnswer> {
  const now = deps.clock.now();
  let newly = false;
  const grant = await update((present) => {
    const changed = change(present);
    const ended = endInstance(changed, reference, state, now);
    newly = ended !== changed;
    return newly ? ended : present;
  });
  const instance = findInstance(grant, reference)?.instance;
  const told = instance !== undefined && isOver(instance) ? (instance.state as EndState) : state;
  if (newly) announceEnd(deps, reference, told);
  return answerAfterEnd(grant, reference, OUTCOME_OF_STATE[told], now);
}

const METRIC_OF_END = {
  error: 'RequestsFailed',
  expired: 'RequestsExpired',
  'request-not-found': 'RequestsNotFound',
  'took-too-long': 'RequestsTookTooLong',
  'cancelled-by-apple': 'RequestsCancelledByApple',
} as const;

function announceEnd(
  { metrics, log }: AppleStep['deps'],
  reference: AppleStep['reference'],
  state: EndState,
): void {
  const metric = state in METRIC_OF_END ? METRIC_OF_END[state as keyof typeof METRIC_OF_END] : undefined;
  if (metric !== undefined) metrics.count(metric, 1);
  log.info('The instance has ended', { ...reference, state });
}

/** Carries out the turns that need no call of Apple's; undefined for the others. */
export async function answerOfTurn(step: AppleStep, turn: Turn): Promise<StepAnswer | undefined> {
  if (turn.do === 'answer') return turn.answer;
  if (turn.do === 'give-up') return endAs(step, turn.because);
  if (turn.do !== 'end-term') return undefined;
  const now = step.deps.clock.now();
  await step.update((grant) =>
    withSeries(grant, step.reference.series, (series) => endSeries(series, 'term', now)),
  );
  return endedAnswer('series-ended');
}
