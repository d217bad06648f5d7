/** Seconds to wait where Apple's `statusCheckDelay` is missing, zero, negative or no number: its own usual value. */
const USUAL_DELAY_SECONDS = 86_400;

/** Longer delays are cut to this: a finished request lives only three days, and must not be slept through. */
export const LONGEST_DELAY_SECONDS = 48 * 3600;

/** Least seconds between two checks of a request, by its age: no execution nears 25,000 events in 14 days. */
const LEAST_DELAYS = [
  { youngerThanSeconds: 3600, seconds: 60 },
  { youngerThanSeconds: 86_400, seconds: 900 },
  { youngerThanSeconds: Number.POSITIVE_INFINITY, seconds: 3600 },
] as const;

export interface StatusDelay {
  /** Whole seconds until the next check. */
  readonly seconds: number;
  /** Whether Apple asked for more than 48 hours. */
  readonly capped: boolean;
}

/** Least seconds between two calls about a request that was submitted `ageSeconds` ago. */
export function leastDelaySeconds(ageSeconds: number): number {
  const step = LEAST_DELAYS.find(({ youngerThanSeconds }) => ageSeconds < youngerThanSeconds);
  return (step ?? LEAST_DELAYS[2]).seconds;
}

/**
 * How long to wait before the next check of a request. `answered` is Apple's `statusCheckDelay` as it came, of
 * whatever kind; `ageSeconds` is the time since the request was submitted. Never shorter than Apple says, but for the
 * cap of 48 hours.
 */
export function statusDelay(answered: unknown, ageSeconds: number): StatusDelay {
  const usable = typeof answered === 'number' && Number.isFinite(answered) && answered > 0;
  const said = usable ? Math.ceil(answered) : USUAL_DELAY_SECONDS;
  if (said > LONGEST_DELAY_SECONDS) return { seconds: LONGEST_DELAY_SECONDS, capped: true };
  return { seconds: Math.max(said, leastDelaySeconds(ageSeconds)), capped: false };
}
