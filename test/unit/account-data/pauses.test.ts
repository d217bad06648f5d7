import { describe, expect, it } from 'vitest';
import type { InstanceRecord } from '../../../lambdas/lib/account-data/grant.ts';
import { stoppedPauseSeconds, unavailablePauseSeconds } from '../../../lambdas/lib/account-data/pauses.ts';
import { ApiThrottledError } from '../../../lambdas/lib/errors.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-06-10T12:00:00Z');
/** Its last eight digits are 0. */
const FIRST_GRANT = '3f0d8d0e-6d2e-4b0f-9a52-6a6f00000000';

function instanceSince(at: number, record: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    number: 1,
    state: 'in-progress',
    intent: { call: 'submit', at: new Date(at).toISOString(), tries: 0 },
    failedRequestIds: [],
    transactionIds: {},
    ...record,
  };
}

function pause(instance?: InstanceRecord, stoppedUntil = NOW + HOUR, grantId = FIRST_GRANT): number {
  return stoppedPauseSeconds(grantId, instance, { stoppedUntil, now: NOW });
}

describe('the pause while calls are stopped', () => {
  it('ends with the stop, after an hour at most', () => {
    expect(pause()).toBe(3600);
    expect(pause(instanceSince(NOW - HOUR), NOW + 600_000)).toBe(600);
    expect(pause(instanceSince(NOW - HOUR), NOW + 5 * HOUR)).toBe(3600);
  });

  it('is six hours for an instance that is older than a day', () => {
    expect(pause(instanceSince(NOW - DAY + 1000))).toBe(3600);
    expect(pause(instanceSince(NOW - DAY))).toBe(6 * 3600);
  });

  it('stays an hour as long as something can be fetched', () => {
    const completed = (lastIncompleteAt: number) =>
      instanceSince(NOW - 10 * DAY, {
        lastIncompleteAt: new Date(lastIncompleteAt).toISOString(),
        completionSeenAt: new Date(lastIncompleteAt + HOUR).toISOString(),
      });

    expect(pause(completed(NOW - 3 * DAY + 1000))).toBe(3600);
    expect(pause(completed(NOW - 3 * DAY))).toBe(6 * 3600);
  });

  it('is spread over five minutes by the grant, the same each time', () => {
    const pauses = Array.from({ length: 3000 }, (_, index) => {
      const grantId =
        FIRST_GRANT.slice(0, -8) + ((index * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0');
      expect(pause(undefined, NOW + HOUR, grantId)).toBe(pause(undefined, NOW + HOUR, grantId));
      return pause(undefined, NOW + HOUR, grantId);
    });

    expect(Math.min(...pauses)).toBe(3600);
    expect(Math.max(...pauses)).toBe(3899);
    expect(new Set(pauses).size).toBeGreaterThan(250);
  });
});

describe('the pause after Apple could not be reached', () => {
  const throttled = (retryAfterSeconds?: number) => new ApiThrottledError('slow', { retryAfterSeconds });

  it.each([
    [undefined, 0, 900],
    [undefined, 86_400, 3600],
    [5000, 0, 5000],
    [1, 0, 300],
    [200_000, 0, 86_400],
  ])('with %s seconds asked for and at an age of %i is %i seconds', (asked, age, expected) => {
    expect(unavailablePauseSeconds(throttled(asked), age)).toBe(expected);
  });
});
