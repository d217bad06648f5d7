import { describe, expect, it } from 'vitest';
import type { StepAnswer } from '../../../lambdas/lib/account-data/contracts.ts';
import type { Grant, SeriesRecord } from '../../../lambdas/lib/account-data/grant.ts';
import { withRenewal } from '../../../lambdas/lib/account-data/series.ts';
import { endedAnswer, waitAnswer } from '../../../lambdas/lib/account-data/step-answers.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-06-01T00:00:00Z');
const day = (days: number) => new Date(START + days * DAY).toISOString();
const GRANT_ID = '00000000-0000-4000-8000-000000000001';
const reference = { grantId: GRANT_ID, series: 1, instance: 30 };

const WEEKLY = { mode: 'WEEKLY_180', submittedMode: 'WEEKLY_180' } as const;
const ENDED = endedAnswer('series-ended');
const UNPACK: StepAnswer = { ...ENDED, phase: 'unpack', outcome: 'fetched', requestId: 'REQUEST-30' };

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
        lastSubmittedAt: day(29),
        status: 'ended',
        endedBy: 'term',
        endedAt: day(29.5),
        instances: [],
        ...series,
      },
    ],
    ...changes,
  };
}

/** The grant whose series has come as far as a first submit, or not even that. */
function withoutSubmit(): Grant {
  const [series, ...others] = grantOf().series;
  if (series === undefined) throw new Error('there is a series');
  const { firstSubmittedAt: _, lastSubmittedAt: __, ...rest } = series;
  return grantOf({}, { series: [rest, ...others] });
}

describe('the renewal of a series', () => {
  it.each([
    ['a daily series came to its term', {}, 40],
    ['a weekly series came to its term', { ...WEEKLY, endedAt: day(179) }, 190],
    ['one-time requests stood in for the series', { submittedMode: 'ONE_TIME' }, 40],
    ['Apple refused the last day', { endedBy: 'apple', endedAt: day(29) }, 40],
    ['Apple refused two days before the term', { endedBy: 'apple', endedAt: day(28) }, 40],
    ['Apple refused two weeks before the term', { ...WEEKLY, endedBy: 'apple', endedAt: day(166) }, 190],
  ] as const)('follows on the day Apple has forgotten the old one where %s', (_, series, dueOn) => {
    expect(withRenewal(ENDED, grantOf(series), reference)).toEqual({
      ...ENDED,
      phase: 'next',
      nextSeries: 2,
      nextInstance: 1,
      nextAt: day(dueOn),
    });
  });

  it('numbers the series after the one that ended', () => {
    const [series] = grantOf({ number: 4 }).series;
    const grant = grantOf({}, { series: series === undefined ? [] : [series] });
    expect(withRenewal(ENDED, grant, { ...reference, series: 4 })).toMatchObject({
      nextSeries: 5,
      nextInstance: 1,
    });
  });

  it('lets the last archives be unpacked first', () => {
    expect(withRenewal(UNPACK, grantOf(), reference)).toEqual({
      ...UNPACK,
      nextSeries: 2,
      nextInstance: 1,
      nextAt: day(40),
    });
  });

  it('is due at a whole second, never before Apple’s days are over', () => {
    const firstSubmittedAt = new Date(START + 1).toISOString();
    const { nextAt } = withRenewal(ENDED, grantOf({ firstSubmittedAt }), reference);
    expect(nextAt).toBe(new Date(START + 40 * DAY + 1000).toISOString());
  });

  it.each([
    ['Apple ended the series early', grantOf({ endedBy: 'apple', endedAt: day(27.9) })],
    ['Apple ended a weekly series early', grantOf({ ...WEEKLY, endedBy: 'apple', endedAt: day(165) })],
    ['we cancelled it', grantOf({ endedBy: 'cancelled' })],
    ['Apple cancelled it', grantOf({ endedBy: 'cancelled-by-apple' })],
    ['its grant was refused', grantOf({ endedBy: 'grant' })],
    ['Apple lost it', grantOf({ endedBy: 'request-not-found' })],
    ['it was one request', grantOf({ mode: 'ONE_TIME', submittedMode: 'ONE_TIME' })],
    ['nothing was ever submitted', withoutSubmit()],
    ['the grant is revoked', grantOf({}, { status: 'revoked' })],
    ['the grant needs attention', grantOf({}, { status: 'needs-attention' })],
    ['the grant has no such series', grantOf({}, { series: [] })],
  ])('does not follow where %s', (_, grant) => {
    expect(withRenewal(ENDED, grant, reference)).toBe(ENDED);
    expect(withRenewal(UNPACK, grant, reference)).toBe(UNPACK);
  });

  it('does not follow while the series lives', () => {
    const [series] = grantOf().series;
    if (series === undefined) throw new Error('there is a series');
    const { endedBy: _, endedAt: __, ...live } = series;
    const grant = grantOf({}, { series: [{ ...live, status: 'live' }] });
    expect(withRenewal(ENDED, grant, reference)).toBe(ENDED);
  });

  it.each([
    ['waits', waitAnswer(60, 'in-progress')],
    ['names the next instance already', { ...UNPACK, nextSeries: 1, nextInstance: 31, nextAt: day(30) }],
  ])('leaves an answer alone that %s', (_, answer) => {
    expect(withRenewal(answer, grantOf(), reference)).toBe(answer);
  });
});
