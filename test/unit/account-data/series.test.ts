import { describe, expect, it } from 'vitest';
import type { Grant, InstanceRecord, SeriesRecord } from '../../../lambdas/lib/account-data/grant.ts';
import {
  answerAfterEnd,
  endInstance,
  findInstance,
  isTermOver,
  whatFollows,
} from '../../../lambdas/lib/account-data/series.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-06-01T00:00:00Z');
const day = (days: number) => new Date(START + days * DAY).toISOString();
const GRANT_ID = '00000000-0000-4000-8000-000000000001';
const reference = { grantId: GRANT_ID, series: 1, instance: 1 };

function instance(changes: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    number: 1,
    state: 'in-progress',
    intent: { call: 'submit', at: day(0), since: day(0), tries: 0 },
    requestId: 'REQUEST-1',
    submittedAt: day(0),
    failedRequestIds: [],
    transactionIds: {},
    ...changes,
  };
}

function grantOf(series: Partial<SeriesRecord> = {}, changes: Partial<Grant> = {}): Grant {
  return {
    grantId: GRANT_ID,
    externalId: 'somebody',
    refreshToken: 'secret',
    region: 'EU',
    scopes: ['data-transfer-user-profile'],
    mode: 'DAILY_30',
    service: 'account-data',
    status: 'active',
    series: [
      {
        number: 1,
        mode: 'DAILY_30',
        submittedMode: 'DAILY_30',
        service: 'account-data',
        parentRequestId: 'PARENT',
        firstSubmittedAt: day(0),
        lastSubmittedAt: day(0),
        status: 'live',
        instances: [instance()],
        ...series,
      },
    ],
    ...changes,
  };
}

function following(grant: Grant, now: number) {
  const found = findInstance(grant, reference);
  if (found === undefined) throw new Error('no such instance');
  return whatFollows(grant, found.series, found.instance, now);
}

const ENDED = { phase: 'ended', nextInstance: null, nextAt: null };

describe('what follows an instance', () => {
  it('is the next one a period after the latest submit', () => {
    expect(following(grantOf({ lastSubmittedAt: day(3) }), START)).toEqual({
      phase: 'next',
      nextInstance: 2,
      nextAt: day(4),
    });
    const weekly = grantOf({ mode: 'WEEKLY_180', submittedMode: 'WEEKLY_180' });
    expect(following(weekly, START)).toMatchObject({ nextAt: day(7) });
    const fallback = grantOf({ submittedMode: 'ONE_TIME' });
    expect(following(fallback, START)).toMatchObject({ nextAt: day(1) });
  });

  it.each([
    ['the period ends with the term', { lastSubmittedAt: day(29) }, 29],
    ['the term is over already', { lastSubmittedAt: day(20) }, 30],
    ['the series has ended', { status: 'ended' as const }, 1],
    ['it was one request', { mode: 'ONE_TIME' as const, submittedMode: 'ONE_TIME' as const }, 1],
  ])('is nothing where %s', (_, series, now) => {
    expect(following(grantOf(series), START + now * DAY)).toEqual(ENDED);
  });

  it('is nothing for a grant that is revoked or needs attention', () => {
    expect(following(grantOf({}, { status: 'revoked' }), START)).toEqual(ENDED);
    expect(following(grantOf({}, { status: 'needs-attention' }), START)).toEqual(ENDED);
  });

  it('is one instance more on the last day that has room for it', () => {
    expect(following(grantOf({ lastSubmittedAt: day(28) }), START + 29 * DAY)).toMatchObject({
      phase: 'next',
    });
  });

  it('is the next one that has begun, also after the term', () => {
    const begun = instance({ number: 2, intent: { call: 'resubmit', at: day(1), tries: 1 } });
    const grant = grantOf({ instances: [instance({ state: 'fetched' }), begun] });
    expect(following(grant, START + 40 * DAY)).toEqual({ phase: 'next', nextInstance: 2, nextAt: day(1) });
  });

  it('waits a period after an instance that Apple never named', () => {
    const {
      requestId: _,
      submittedAt: __,
      ...unnamed
    } = instance({
      number: 1,
      state: 'error',
      intent: { call: 'submit', at: day(5.5), since: day(5), tries: 2 },
    });
    const grant = grantOf({ instances: [unnamed] });
    expect(following(grant, START + 5.6 * DAY)).toMatchObject({ nextAt: day(6) });
  });

  it('counts the term from the first try where Apple never answered', () => {
    const { requestId: _, submittedAt: __, ...unnamed } = instance({ state: 'error' });
    const {
      firstSubmittedAt: ___,
      lastSubmittedAt: ____,
      ...series
    } = grantOf({ instances: [unnamed] }).series[0] as SeriesRecord;
    expect(isTermOver(series, START + 28 * DAY)).toBe(false);
    expect(isTermOver(series, START + 30 * DAY)).toBe(true);
  });
});

describe('the end of an instance', () => {
  const oneTime = { mode: 'ONE_TIME', submittedMode: 'ONE_TIME' } as const;
  const fallback = { submittedMode: 'ONE_TIME' } as const;
  const inTerm = undefined;

  it.each([
    ['fetched', {}, inTerm],
    ['fetched', oneTime, 'term'],
    ['fetched-partial', oneTime, 'term'],
    ['fetched', { lastSubmittedAt: day(29.5) }, 'term'],
    ['error', {}, inTerm],
    ['expired', fallback, inTerm],
    ['took-too-long', {}, inTerm],
    ['took-too-long', oneTime, 'failed'],
    ['request-not-found', {}, 'request-not-found'],
    ['request-not-found', oneTime, 'request-not-found'],
    ['request-not-found', fallback, inTerm],
    ['cancelled-by-apple', {}, 'cancelled-by-apple'],
    ['cancelled-by-apple', oneTime, 'cancelled-by-apple'],
    ['cancelled', {}, inTerm],
    ['cancelled', oneTime, 'cancelled'],
  ] as const)('as %s in %o ends the series by %s', (state, series, endedBy) => {
    const ended = endInstance(grantOf(series), reference, state, START + DAY);
    expect(findInstance(ended, reference)?.instance).toMatchObject({ state, endedAt: day(1) });
    expect(ended.series[0]?.endedBy).toBe(endedBy);
    expect(ended.series[0]?.status).toBe(endedBy === undefined ? 'live' : 'ended');
  });

  it.each(['error', 'expired'] as const)('as %s makes a one-time request due anew, once', (state) => {
    const grant = grantOf({
      ...oneTime,
      instances: [instance({ completionSeenAt: day(1), jobStatus: 'completed', notBefore: day(1) })],
    });
    const anew = endInstance(grant, reference, state, START + DAY);
    expect(findInstance(anew, reference)?.instance).toEqual({
      number: 1,
      state: 'submitting',
      intent: { call: 'submit', at: day(1), tries: 0 },
      failedRequestIds: ['REQUEST-1'],
      transactionIds: {},
    });
    expect(answerAfterEnd(anew, reference, 'job-error', START + DAY)).toMatchObject({ phase: 'submit' });

    const again = grantOf({ ...oneTime, instances: [instance({ failedRequestIds: ['REQUEST-0'] })] });
    expect(endInstance(again, reference, state, START).series[0]).toMatchObject({
      status: 'ended',
      endedBy: 'failed',
    });
  });

  it('counts as ours where Apple cancelled what it was told to cancel', () => {
    const grant = grantOf({ cancel: { scope: 'instance', at: day(0), instance: 1 } });
    const ended = endInstance(grant, reference, 'cancelled-by-apple', START);
    expect(ended.series[0]).toMatchObject({ status: 'live', instances: [{ state: 'cancelled' }] });
  });

  it('is written once, and never for an instance that there is not', () => {
    const ended = endInstance(grantOf(), reference, 'error', START);
    expect(endInstance(ended, reference, 'fetched', START + DAY)).toBe(ended);
    const grant = grantOf();
    expect(endInstance(grant, { ...reference, instance: 2 }, 'fetched', START)).toBe(grant);
    expect(endInstance(grant, { ...reference, series: 2 }, 'fetched', START)).toBe(grant);
  });
});

describe('the answer after the end of an instance', () => {
  it('unpacks what was fetched and names the next instance', () => {
    const grant = endInstance(grantOf(), reference, 'fetched', START + DAY);
    expect(answerAfterEnd(grant, reference, 'fetched', START + DAY)).toEqual({
      phase: 'unpack',
      delaySeconds: 0,
      outcome: 'fetched',
      requestId: 'REQUEST-1',
      nextSeries: 1,
      nextInstance: 2,
      nextAt: day(1),
    });
  });

  it('goes on with the next instance where nothing was fetched', () => {
    const grant = endInstance(grantOf(), reference, 'expired', START + DAY);
    expect(answerAfterEnd(grant, reference, 'expired', START + DAY)).toMatchObject({
      phase: 'next',
      nextInstance: 2,
    });
  });
});
