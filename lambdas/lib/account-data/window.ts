import type { InstanceRecord } from './grant.ts';

const HOUR = 3_600_000;

/** How long Apple gives out URLs after a request is complete. */
const WINDOW_MILLISECONDS = 72 * HOUR;

/** A request that is seen complete for so long and is not yet fetched is late. */
const LATE_MILLISECONDS = 12 * HOUR;

/** Less than this left of the window is critical. */
const CLOSING_MILLISECONDS = 24 * HOUR;

export interface FetchWindow {
  /** Milliseconds since 1970. */
  readonly endsAt: number;
  /** Not fetched 12 hours after completion was first seen. */
  readonly late: boolean;
  /** Less than 24 hours are left. */
  readonly closing: boolean;
  /** Nothing can be expected from Apple any more. */
  readonly over: boolean;
}

/**
 * The three days in which a complete request can be fetched. Apple does not say when it became complete, so they count
 * from the last answer that said it was not, which is never later. `now` in milliseconds since 1970.
 */
export function fetchWindow(instance: InstanceRecord, now: number): FetchWindow {
  const from = instance.lastIncompleteAt ?? instance.submittedAt ?? instance.intent.at;
  const endsAt = Date.parse(from) + WINDOW_MILLISECONDS;
  const seenAt = instance.completionSeenAt === undefined ? undefined : Date.parse(instance.completionSeenAt);
  return {
    endsAt,
    late: seenAt !== undefined && now >= seenAt + LATE_MILLISECONDS,
    closing: now > endsAt - CLOSING_MILLISECONDS && now < endsAt,
    over: now >= endsAt,
  };
}
