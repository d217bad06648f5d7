import { describe, expect, it } from 'vitest';
import type { InstanceRecord } from '../../../lambdas/lib/account-data/grant.ts';
import { fetchWindow } from '../../../lambdas/lib/account-data/window.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-06-01T00:00:00Z');
const at = (hours: number) => new Date(START + hours * HOUR).toISOString();

function instance(times: Partial<InstanceRecord>): InstanceRecord {
  return {
    number: 1,
    state: 'in-progress',
    intent: { call: 'submit', at: at(-1), tries: 0 },
    failedRequestIds: [],
    transactionIds: {},
    ...times,
  };
}

describe('the window in which a complete request can be fetched', () => {
  it('ends three days after the last answer that said it was not complete', () => {
    const found = instance({ submittedAt: at(0), lastIncompleteAt: at(10), completionSeenAt: at(34) });
    expect(fetchWindow(found, START + 34 * HOUR)).toEqual({
      endsAt: START + 82 * HOUR,
      late: false,
      closing: false,
      over: false,
    });
  });

  it('counts from the submit, or from the intent, where there was no such answer', () => {
    expect(fetchWindow(instance({ submittedAt: at(1) }), START).endsAt).toBe(START + 73 * HOUR);
    expect(fetchWindow(instance({}), START).endsAt).toBe(START + 71 * HOUR);
  });

  it.each([
    [11.9, { late: false, closing: false, over: false }],
    [12, { late: true, closing: false, over: false }],
    [48, { late: true, closing: false, over: false }],
    [48.1, { late: true, closing: true, over: false }],
    [71.9, { late: true, closing: true, over: false }],
    [72, { late: true, closing: false, over: true }],
    [100, { late: true, closing: false, over: true }],
  ])('is %d hours after completion %o', (hours, expected) => {
    const found = instance({ submittedAt: at(-24), lastIncompleteAt: at(0), completionSeenAt: at(0) });
    expect(fetchWindow(found, START + hours * HOUR)).toMatchObject(expected);
  });

  it('is never late before completion was seen', () => {
    expect(fetchWindow(instance({ lastIncompleteAt: at(0) }), START + 60 * HOUR).late).toBe(false);
  });
});
