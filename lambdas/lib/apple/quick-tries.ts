import { ApiThrottledError, ApiUnavailableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';

const QUICK_TRIES = 2;
const BACKOFF_MILLISECONDS = 1_000;
/** Longer waits belong to the state machine. */
const LONGEST_QUICK_WAIT_MILLISECONDS = 10_000;

/** Milliseconds before a quick try, or `undefined` when this failure must not be repeated here. */
export function quickWait(failure: unknown, quickTries: number, random: () => number): number | undefined {
  if (quickTries >= QUICK_TRIES) return undefined;
  if (failure instanceof ApiThrottledError) {
    if (failure.retryAfterSeconds !== undefined) return undefined;
  } else if (!(failure instanceof ApiUnavailableError)) return undefined;
  const named = failure.details.retryAfterSeconds;
  if (typeof named === 'number') {
    return named * 1000 <= LONGEST_QUICK_WAIT_MILLISECONDS ? named * 1000 : undefined;
  }
  return BACKOFF_MILLISECONDS * 2 ** quickTries * (0.5 + random() / 2);
}

export interface QuickTriesOptions {
  readonly clock: Clock;
  /** Spreads the back-off, 0 to 1. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Time of the clock, in milliseconds, after which no try begins. */
  readonly deadline: number;
  /** Told before each repetition. */
  onRepeat(failure: Error, quickTries: number): void;
}

/** Runs `work`, and at most twice more after a failure that a short wait may cure; rejects with the last one. */
export async function withQuickTries<T>(options: QuickTriesOptions, work: () => Promise<T>): Promise<T> {
  const { clock, random, signal, deadline } = options;
  for (let quickTries = 0; ; quickTries += 1) {
    try {
      return await work();
    } catch (error) {
      const wait = quickWait(error, quickTries, random);
      if (wait === undefined || clock.now() + wait >= deadline) throw error;
      options.onRepeat(error as Error, quickTries + 1);
      await clock.sleep(wait, signal);
    }
  }
}
