import { ApiThrottledError, type ApiUnavailableError } from '../errors.ts';
import type { InstanceRecord } from './grant.ts';
import { fetchWindow } from './window.ts';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** Pause after an answer that did not come, while the instance is younger than a day; an hour after that. */
const UNAVAILABLE_PAUSE_SECONDS = 900;

/** Longest pause that is taken from a `Retry-After`. */
const LONGEST_PAUSE_SECONDS = DAY_SECONDS;

/** Pause while calls are stopped, where nothing is lost by it: hourly looks would fill an execution's history. */
const LONG_STOP_SECONDS = 6 * HOUR_SECONDS;

/** Grants wake within so many seconds of each other after calls were stopped. */
const SPREAD_SECONDS = 300;

/**
 * A call that creates something counts as under way for this long: longer than a function lives, so that nobody else
 * takes its answer for lost before.
 */
export const ATTEMPT_LIFE_SECONDS = 300;

/** Seconds since Apple was first asked for the instance, or since it answered; 0 when neither has happened. */
export function ageSeconds(instance: InstanceRecord | undefined, now: number): number {
  if (instance === undefined) return 0;
  const { intent, submittedAt } = instance;
  return Math.max(0, (now - Date.parse(submittedAt ?? intent.since ?? intent.at)) / 1000);
}

/** Seconds that Apple asks to pause, where it named them. */
function askedPause(error: ApiThrottledError | ApiUnavailableError): number | undefined {
  const seconds =
    error instanceof ApiThrottledError ? error.retryAfterSeconds : error.details.retryAfterSeconds;
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds : undefined;
}

/** Seconds to wait after Apple could not be reached: as long as it asks, else by the age of the instance in seconds. */
export function unavailablePauseSeconds(error: ApiThrottledError | ApiUnavailableError, age: number): number {
  const usual = age < DAY_SECONDS ? UNAVAILABLE_PAUSE_SECONDS : HOUR_SECONDS;
  const seconds = askedPause(error) ?? usual;
  return Math.min(LONGEST_PAUSE_SECONDS, Math.max(ATTEMPT_LIFE_SECONDS, seconds));
}

/** 0 to 299, always the same for a grant. */
function spreadSeconds(grantId: string): number {
  return Number.parseInt(grantId.slice(-8), 16) % SPREAD_SECONDS;
}

/** Whether Apple has completed the instance and still gives it out. */
function isToBeFetched(instance: InstanceRecord, now: number): boolean {
  return instance.completionSeenAt !== undefined && !fetchWindow(instance, now).over;
}

/**
 * Seconds to wait while all calls are stopped until `stoppedUntil`: an hour at most, six hours for an instance that is
 * older than a day and is not to be fetched, and up to five minutes more, by the grant's id, so that not all grants
 * wake in the same second. Times in milliseconds since 1970.
 */
export function stoppedPauseSeconds(
  grantId: string,
  instance: InstanceRecord | undefined,
  { stoppedUntil, now }: { readonly stoppedUntil: number; readonly now: number },
): number {
  const isOld = instance !== undefined && ageSeconds(instance, now) >= DAY_SECONDS;
  const seconds =
    isOld && !isToBeFetched(instance, now)
      ? LONG_STOP_SECONDS
      : Math.min(HOUR_SECONDS, (stoppedUntil - now) / 1000);
  return seconds + spreadSeconds(grantId);
}
