import { describe, expect, it } from 'vitest';
import type { Grant, InstanceRecord, SeriesRecord } from '../../../lambdas/lib/account-data/grant.ts';
import { dueInstance, isUnfinished, lastOutcome, nextOf } from '../../../local/commands/grant-standing.ts';
import { cancelTable, grantDetails, grantsTable } from '../../../local/commands/grant-tables.ts';

const TOKEN = 'token-that-nobody-may-see';
const GRANT_ID = '7a5f3c1e-0d9b-4e57-9a1f-2f8f5d0c6b11';
const NOW = Date.parse('2026-06-05T12:00:00Z');

function instance(number: number, overrides: Partial<InstanceRecord> = {}): InstanceRecord {
  const at = `2026-06-0${number}T00:00:00Z`;
  return {
    number,
    state: 'fetched',
    intent: { call: number === 1 ? 'submit' : 'resubmit', at, tries: 1 },
    requestId: `REQUEST-${number}`,
    submittedAt: at,
    failedRequestIds: [],
    transactionIds: { status: `TRANSACTION-${number}` },
    ...overrides,
  };
}

function series(instances: InstanceRecord[], overrides: Partial<SeriesRecord> = {}): SeriesRecord {
  return {
    number: 1,
    mode: 'DAILY_30',
    submittedMode: 'DAILY_30',
    service: 'account-data',
    parentRequestId: 'PARENT',
    firstSubmittedAt: '2026-06-01T00:00:00Z',
    lastSubmittedAt: `2026-06-0${instances.length || 1}T00:00:00Z`,
    status: 'live',
    instances,
    ...overrides,
  };
}

function grant(of: SeriesRecord[], overrides: Partial<Grant> = {}): Grant {
  return {
    grantId: GRANT_ID,
    externalId: 'anna',
    refreshToken: TOKEN,
    region: 'EU',
    scopes: ['one', 'two'],
    mode: 'DAILY_30',
    service: 'account-data',
    status: 'active',
    series: of,
    ...overrides,
  };
}

const UNDER_WAY = instance(2, { state: 'in-progress', notBefore: '2026-06-06T00:00:00Z' });

interface Standing {
  readonly of: Grant;
  readonly next: string;
  readonly due: readonly [series: number, instance: number];
  readonly unfinished: boolean;
}

const STANDINGS: readonly (readonly [name: string, standing: Standing])[] = [
  ['nothing was started', { of: grant([]), next: 'start', due: [1, 1], unfinished: true }],
  ['the series is empty', { of: grant([series([])]), next: 'submit', due: [1, 1], unfinished: true }],
  [
    'an instance is about to be asked for',
    {
      of: grant([series([instance(1, { state: 'submitting' })])]),
      next: 'submit',
      due: [1, 1],
      unfinished: true,
    },
  ],
  [
    'Apple works on an instance',
    {
      of: grant([series([instance(1), UNDER_WAY])]),
      next: 'check the status 2026-06-06 00:00',
      due: [1, 2],
      unfinished: true,
    },
  ],
  [
    'an instance is complete',
    {
      of: grant([series([instance(1), { ...UNDER_WAY, completionSeenAt: '2026-06-06T00:00:00Z' }])]),
      next: 'fetch the archives',
      due: [1, 2],
      unfinished: true,
    },
  ],
  [
    'the next instance is to come',
    {
      of: grant([series([instance(1)])]),
      next: 'instance 2 2026-06-02 00:00',
      due: [1, 2],
      unfinished: true,
    },
  ],
  [
    'the series is over',
    {
      of: grant([series([instance(1)], { status: 'ended', endedBy: 'apple' })]),
      next: 'nothing: ended by apple',
      due: [2, 1],
      unfinished: false,
    },
  ],
  [
    'the series came to its term',
    {
      of: grant([series([instance(1)], { status: 'ended', endedBy: 'term' })]),
      next: 'nothing: complete',
      due: [2, 1],
      unfinished: false,
    },
  ],
  [
    'the grant was revoked',
    {
      of: grant([series([instance(1)])], { status: 'revoked' }),
      next: 'nothing: revoked',
      due: [1, 2],
      unfinished: false,
    },
  ],
  [
    'the grant needs attention',
    {
      of: grant([], { status: 'needs-attention' }),
      next: 'nothing until the reason is mended',
      due: [1, 1],
      unfinished: false,
    },
  ],
];

describe('where a grant stands', () => {
  it.each(STANDINGS)('tells what comes next when %s', (_, { of, next, due, unfinished }) => {
    expect(nextOf(of, NOW)).toBe(next);
    expect(dueInstance(of)).toEqual({ grantId: GRANT_ID, series: due[0], instance: due[1] });
    expect(isUnfinished(of)).toBe(unfinished);
  });

  it('takes the last outcome from the newest instance that is over, of any series', () => {
    expect(lastOutcome(grant([]))).toBeUndefined();
    expect(lastOutcome(grant([series([instance(1, { state: 'expired' }), UNDER_WAY])]))).toBe('expired');
    expect(lastOutcome(grant([series([instance(1)]), series([], { number: 2 })]))).toBe('fetched');
  });
});

describe('the tables of grants', () => {
  const attentive = grant([series([instance(1, { failedRequestIds: ['EARLIER'] }), UNDER_WAY])], {
    attention: 'Apple answered 403.',
    refusedAt: '2026-06-04T00:00:00Z',
    fallback: 'ONE_TIME',
  });

  it('list a grant in one line with counts, and no token', () => {
    const [line] = grantsTable([attentive], NOW)
      .split('\n')
      .filter((each) => each.includes(GRANT_ID));
    expect(line).toMatch(
      /anna +│ EU +│ DAILY_30 │ active │ fetched +│ check the status 2026-06-06 00:00 │ +1 │ +2 │/,
    );
    expect(line).not.toContain(TOKEN);
  });

  it("show Apple's ids and the transaction ids of every instance, and no token", () => {
    const shown = grantDetails(attentive, NOW);
    for (const part of [
      'REQUEST-1',
      'EARLIER (failed)',
      'REQUEST-2',
      'status TRANSACTION-2',
      'at Apple PARENT',
    ]) {
      expect(shown).toContain(part);
    }
    expect(shown).toContain('Apple answered 403.');
    expect(shown).not.toContain(TOKEN);
  });

  it('tell which id of Apple cancelled, and what follows', () => {
    const stoppedExecution = `${GRANT_ID}-1-2`;
    const table = cancelTable(GRANT_ID, {
      result: 'cancelled',
      by: 'instance',
      stoppedExecution,
      nextInstance: 3,
    });
    expect(table).toContain('cancelled at Apple by the instance id');
    expect(table).toContain(stoppedExecution);
    expect(table).toContain('instance 3 decides');
    const refused = { result: 'refused', by: null, stoppedExecution: null, nextInstance: null } as const;
    expect(cancelTable(GRANT_ID, refused)).toContain('not cancelled');
  });
});
