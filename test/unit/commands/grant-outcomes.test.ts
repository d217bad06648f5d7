import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grant, InstanceRecord, SeriesRecord } from '../../../lambdas/lib/account-data/grant.ts';
import type { TransferManifest } from '../../../lambdas/lib/account-data/transfer-manifest.ts';
import { jsonText } from '../../../lambdas/lib/lake/object-store.ts';
import { transferKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { realClock } from '../../../local/clock.ts';
import type { AccountDataRun } from '../../../local/commands/account-data-demonstration.ts';
import { transferMessages } from '../../../local/commands/account-data-demonstration.ts';
import {
  countOutcomes,
  type GrantOutcome,
  grantOutcome,
  grantReports,
} from '../../../local/commands/grant-outcomes.ts';
import { type LakeGrants, openLakeGrants } from '../../../local/commands/grants-lake.ts';
import { createRunReport } from '../../../local/commands/run-report.ts';
import type { ExecutionRecord } from '../../../local/step-functions/execution-registry.ts';

const GRANT_ID = '7a5f3c1e-0d9b-4e57-9a1f-2f8f5d0c6b11';
const OTHER_ID = '8a5f3c1e-0d9b-4e57-9a1f-2f8f5d0c6b11';
const AT = '2026-06-03T00:00:00Z';

function series(
  states: readonly InstanceRecord['state'][],
  endedBy?: SeriesRecord['endedBy'],
  mode: SeriesRecord['mode'] = 'DAILY_30',
): SeriesRecord {
  const instances = states.map((state, index) => ({
    number: index + 1,
    state,
    intent: { call: 'submit' as const, at: AT, tries: 1 },
    failedRequestIds: [],
    transactionIds: {},
  }));
  const end = endedBy === undefined ? { status: 'live' as const } : { status: 'ended' as const, endedBy };
  return { number: 1, mode, submittedMode: mode, service: 'account-data', ...end, instances };
}

function grant(of: readonly SeriesRecord[], overrides: Partial<Grant> = {}): Grant {
  return {
    grantId: GRANT_ID,
    externalId: 'anna',
    refreshToken: 'token',
    region: 'EU',
    scopes: ['scope'],
    mode: 'DAILY_30',
    service: 'account-data',
    status: 'active',
    series: [...of],
    ...overrides,
  };
}

const OUTCOMES: readonly (readonly [GrantOutcome, Grant])[] = [
  ['not-started', grant([])],
  ['grant-revoked', grant([series(['expired'], 'grant')], { status: 'revoked' })],
  ['needs-attention', grant([], { status: 'needs-attention' })],
  ['cancelled', grant([series(['fetched', 'cancelled'], 'cancelled')])],
  ['cancelled-by-apple', grant([series(['cancelled-by-apple'], 'cancelled-by-apple')])],
  ['failed', grant([series(['error'], 'failed', 'ONE_TIME')])],
  ['failed', grant([series(['fetched', 'took-too-long', 'in-progress'])])],
  ['expired', grant([series(['expired'], 'failed', 'ONE_TIME')])],
  ['expired', grant([series(['expired', 'fetched'])])],
  ['fetched-partial', grant([series(['fetched-partial'], 'term', 'ONE_TIME')])],
  ['in-progress', grant([series(['fetched', 'in-progress'])])],
  ['series-ended', grant([series(['fetched'], 'term')])],
  ['series-ended', grant([series(['fetched'], 'apple')])],
  ['fetched', grant([series(['fetched'], 'term', 'ONE_TIME')])],
];

describe('what became of a grant', () => {
  it.each(OUTCOMES)('is %s where that is what an operator should know first', (outcome, of) => {
    expect(grantOutcome(of)).toBe(outcome);
  });
});

describe('the report of several grants', () => {
  let directory: string;
  let lake: LakeGrants;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'grant-outcomes-'));
    lake = await openLakeGrants(directory, realClock);
    const transfer = (requestId: string, archives: TransferManifest['archives']): TransferManifest => ({
      grantId: GRANT_ID,
      requestId,
      parentRequestId: null,
      service: 'account-data',
      mode: 'DAILY_30',
      series: 1,
      instance: 1,
      instanceAt: AT,
      partial: false,
      archives,
    });
    const [whole, gone] = [
      { number: 1, name: '1.zip', outcome: 'fetched', bytes: 100 },
      { number: 2, name: '2.zip', outcome: 'gone', bytes: 7 },
    ] as const;
    for (const each of [transfer('A', [whole, gone]), transfer('B', [whole])]) {
      await lake.grants.writeText(transferKey(each), jsonText(each));
    }
  });
  afterAll(async () => {
    await lake.close();
    await rm(directory, { recursive: true, force: true });
  });

  function execution(status: ExecutionRecord['status']): ExecutionRecord {
    const name = `${GRANT_ID}-1-1`;
    const failure = status === 'FAILED' ? { error: 'ApiContractError', cause: 'an unknown status' } : {};
    return { executionArn: 'arn', stateMachineArn: 'arn', name, input: {}, startedAt: 0, status, ...failure };
  }

  async function run(...statuses: readonly ExecutionRecord['status'][]): Promise<AccountDataRun> {
    const grants = await grantReports(lake.grants, [
      grant([series(['fetched', 'in-progress'])]),
      grant([], { grantId: OTHER_ID }),
    ]);
    return { grants, executions: statuses.map(execution) };
  }

  it('counts archives that lie whole in the lake, each for its grant', async () => {
    const { grants } = await run();
    expect(grants.map(({ archives, bytes }) => [archives, bytes])).toEqual([
      [2, 200],
      [0, 0],
    ]);
    expect(countOutcomes(grants)).toEqual({ 'not-started': 1, 'in-progress': 1 });
  });

  it('stands in run.json beside that of analytics', async () => {
    const accountData = await run('SUCCEEDED', 'RUNNING', 'ABORTED');
    const report = createRunReport({
      lakeDirectory: 'lake',
      seconds: 1,
      runs: [],
      accountData,
      mustLand: false,
    });
    expect(report.accountData).toEqual({
      grants: 2,
      archives: 2,
      bytes: 200,
      outcomes: { 'not-started': 1, 'in-progress': 1 },
    });
  });

  it('is not ok when an execution failed, and tells how', async () => {
    const succeeded = {
      accountName: 'main',
      executionName: 'run',
      startedAt: 0,
      result: { status: 'SUCCEEDED', transitions: 1, path: [], history: [], children: [] },
      summary: undefined,
    } as const;
    const okOf = (accountData: AccountDataRun) =>
      createRunReport({ lakeDirectory: 'lake', seconds: 1, runs: [succeeded], accountData, mustLand: false })
        .ok;
    expect(okOf(await run('SUCCEEDED', 'RUNNING', 'ABORTED'))).toBe(true);
    for (const status of ['FAILED', 'TIMED_OUT'] as const)
      expect(okOf(await run('SUCCEEDED', status))).toBe(false);
    expect(transferMessages(await run('SUCCEEDED', 'FAILED'))).toEqual([
      `${GRANT_ID}-1-1 FAILED: ApiContractError: an unknown status`,
    ]);
  });
});
