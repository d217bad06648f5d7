import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { StepAnswer } from '../../lambdas/lib/account-data/contracts.ts';
import { jsonText } from '../../lambdas/lib/lake/object-store.ts';
import { grantKey } from '../../lambdas/lib/lake/personal-keys.ts';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { callsOf } from '../support/account-data-calls.ts';
import { AccountDataWorld } from '../support/account-data-world.ts';

const DAY = 86_400_000;

type PersonOfScenario = NonNullable<AccountDataScenario['people']>[number];

let world: AccountDataWorld;
afterEach(() => world.close());

async function worldOf(
  person: PersonOfScenario,
  scenario: Omit<AccountDataScenario, 'people'> = {},
): Promise<string> {
  world = await AccountDataWorld.create({ scenario: { ...scenario, people: [{ archives: 1, ...person }] } });
  const grantId = await world.importGrant();
  world.start(grantId);
  return grantId;
}

/** SHA-256 of every archive in the lake, by Apple's request id. */
async function landedArchives(): Promise<Map<string, string>> {
  const contents = await world.contents('archives/');
  return new Map(
    Object.entries(contents).flatMap(([key, hex]) => {
      const requestId = /request=([^/]+)\/\d+\.zip$/.exec(key)?.[1];
      const sha256 = createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');
      return requestId === undefined ? [] : [[requestId, sha256] as const];
    }),
  );
}

async function expectEveryCompletedRequestLanded(): Promise<void> {
  const landed = await landedArchives();
  const completed = world.apple.requests().filter(({ completedAt }) => completedAt !== undefined);
  for (const { requestId } of completed) {
    const [archive] = await world.apple.archivesOf(requestId);
    expect(landed.get(requestId), requestId).toBe(archive?.sha256);
  }
  expect(landed.size).toBe(completed.length);
}

const STORE_INFO_ALONE = {
  mode: 'DAILY_30',
  scopes: ['data-transfer-user-profile', 'appstore-info-account-data-for-EU-users'],
} satisfies PersonOfScenario;

describe('a grant through the whole machine', () => {
  it('submits, waits, fetches and unpacks a one-time request, and ends', async () => {
    const grantId = await worldOf({ mode: 'ONE_TIME' });
    const results = await world.settled();

    expect([...results.values()]).toMatchObject([{ status: 'SUCCEEDED', output: { outcome: 'unpacked' } }]);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      {
        mode: 'ONE_TIME',
        status: 'ended',
        endedBy: 'term',
        instances: [
          {
            state: 'fetched',
            jobStatus: 'completed',
            requestId: world.apple.requests()[0]?.requestId,
            transactionIds: {
              submit: expect.any(String),
              status: expect.any(String),
              fetch: expect.any(String),
            },
          },
        ],
      },
    ]);
    await expectEveryCompletedRequestLanded();
    expect(world.apple.violations).toEqual([]);
    expect(world.metrics.size).toBe(0);
  });

  it('carries a daily series to its end in 30 instances, never polls early and opens no two', {
    timeout: 60_000,
  }, async () => {
    const grantId = await worldOf({ mode: 'DAILY_30' });
    const startedAt = world.clock.now();
    const results = await world.settled();

    expect(results.size).toBe(30);
    expect([...results.values()].every(({ status }) => status === 'SUCCEEDED')).toBe(true);
    expect(world.apple.requests().map(({ submittedAt }) => (submittedAt - startedAt) / DAY)).toEqual(
      Array.from({ length: 30 }, (_, day) => day),
    );
    const [series] = (await world.grantOf(grantId)).series;
    expect(series).toMatchObject({ status: 'ended', endedBy: 'term' });
    expect(series?.instances.map(({ state }) => state)).toEqual(Array(30).fill('fetched'));
    await expectEveryCompletedRequestLanded();
    expect(world.apple.violations).toEqual([]);
    expect(world.metrics.size).toBe(0);
    // Submit, wait, check, choice, fetch, choice, unpack, choice, period, next.
    for (const result of [...results.values()].slice(0, -1))
      expect(result.transitions).toBeLessThanOrEqual(10);
  });

  it('carries a weekly series to its end in 26 instances', { timeout: 60_000 }, async () => {
    const grantId = await worldOf({ mode: 'WEEKLY_180' });
    const results = await world.settled();

    expect(results.size).toBe(26);
    const [series] = (await world.grantOf(grantId)).series;
    expect(series).toMatchObject({ status: 'ended', endedBy: 'term' });
    await expectEveryCompletedRequestLanded();
    expect(world.apple.violations).toEqual([]);
  });

  it('repeats one-time requests every day where Apple refuses the recurring mode to the scope', {
    timeout: 60_000,
  }, async () => {
    const grantId = await worldOf(STORE_INFO_ALONE, { variants: { appStoreInfoRecurring: '400' } });
    const results = await world.settled();

    expect(results.size).toBe(30);
    const grant = await world.grantOf(grantId);
    expect(grant).toMatchObject({ fallback: 'ONE_TIME', status: 'active' });
    expect(grant.series).toMatchObject([{ mode: 'DAILY_30', submittedMode: 'ONE_TIME', endedBy: 'term' }]);
    expect(world.apple.requests().map(({ mode }) => mode)).toEqual(Array(30).fill('ONE_TIME'));
    await expectEveryCompletedRequestLanded();
    expect(world.apple.violations).toEqual([]);
  });

  it('falls back as well where Apple forbids it, but not with another scope beside', async () => {
    const grantId = await worldOf(STORE_INFO_ALONE, { variants: { appStoreInfoRecurring: '403' } });
    await world.advanceDays(0.5);
    expect(await world.grantOf(grantId)).toMatchObject({ fallback: 'ONE_TIME', status: 'active' });
    await world.close();

    const other = await worldOf({ mode: 'DAILY_30' });
    world.apple.faults.add({ respond: 'forbidden', on: ({ operation }) => operation === 'submit' });
    await world.settled();
    expect(await world.grantOf(other)).toMatchObject({ status: 'needs-attention' });
    expect((await world.grantOf(other)).fallback).toBeUndefined();
  });

  it('keeps the mode where Apple refuses the one-time request as well, and uses it once it is approved', async () => {
    const grantId = await worldOf(STORE_INFO_ALONE);
    const approve = world.apple.faults.add({
      respond: 'forbidden',
      on: ({ operation }) => operation === 'submit',
    });
    await world.settled();

    const { attention, ...grant } = await world.grantOf(grantId);
    expect(attention).toContain('403');
    expect(callsOf(world, 'submit')).toHaveLength(2);
    expect(grant).toMatchObject({
      status: 'needs-attention',
      series: [{ mode: 'DAILY_30', submittedMode: 'DAILY_30' }],
    });
    expect(grant.fallback).toBeUndefined();

    approve();
    await world.lake.writeText(grantKey(grantId), jsonText({ ...grant, status: 'active' }));
    world.start(grantId, { name: 'again' });
    await world.advanceDays(0.5);
    expect(world.apple.requests()).toMatchObject([{ mode: 'DAILY_30' }]);
  });

  it('keeps a fallback that Apple has taken before, whatever it refuses later', async () => {
    const grantId = await worldOf(STORE_INFO_ALONE, { variants: { appStoreInfoRecurring: '400' } });
    await world.advanceDays(1.5);
    world.apple.faults.add({ respond: 'forbidden', on: ({ operation }) => operation === 'submit' });
    await world.settled();

    expect(await world.grantOf(grantId)).toMatchObject({
      status: 'needs-attention',
      fallback: 'ONE_TIME',
      series: [{ mode: 'DAILY_30', submittedMode: 'ONE_TIME' }],
    });
  });

  it('takes the refusal of a resubmit near the term for the end of the series', async () => {
    const grantId = await worldOf({ mode: 'DAILY_30' });
    await world.advanceDays(28.5);
    world.apple.faults.add({ respond: 'bad-request', on: ({ operation }) => operation === 'resubmit' });
    const results = await world.settled();

    expect((await world.grantOf(grantId)).series).toMatchObject([{ status: 'ended', endedBy: 'apple' }]);
    expect([...results.values()].at(-1)).toMatchObject({
      status: 'SUCCEEDED',
      output: { outcome: 'series-ended' },
    });
    expect(world.metrics.size).toBe(0);
  });

  it('counts a series that Apple ends before its term', async () => {
    const grantId = await worldOf({ mode: 'DAILY_30' });
    await world.advanceDays(4.5);
    world.apple.faults.add({ respond: 'bad-request', on: ({ operation }) => operation === 'resubmit' });
    await world.settled();

    const [series] = (await world.grantOf(grantId)).series;
    expect(series).toMatchObject({ status: 'ended', endedBy: 'apple' });
    expect(series?.instances).toHaveLength(5);
    expect(Object.fromEntries(world.metrics)).toEqual({ SeriesEndedEarly: 1 });
  });

  it('asks for a person where Apple forbids the next instance', async () => {
    const grantId = await worldOf({ mode: 'DAILY_30' });
    await world.advanceDays(4.5);
    world.apple.faults.add({ respond: 'forbidden', on: ({ operation }) => operation === 'resubmit' });
    const results = await world.settled();

    expect(await world.grantOf(grantId)).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining('403'),
    });
    expect([...results.values()].at(-1)).toMatchObject({ output: { outcome: 'needs-attention' } });
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsNeedAttention: 1 });
  });
});

describe('what Apple says of a job', () => {
  it('fetches a job that completed with an error and marks it partial', async () => {
    const grantId = await worldOf({ mode: 'ONE_TIME', jobStatuses: ['completed_with_error'] });
    await world.settled();
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { endedBy: 'term', instances: [{ state: 'fetched-partial', jobStatus: 'completed_with_error' }] },
    ]);
  });

  it('submits a one-time request anew once after an error, and then fails', async () => {
    const grantId = await worldOf({ mode: 'ONE_TIME', jobStatuses: ['error', 'error'] });
    const results = await world.settled();

    const [first, second] = world.apple.requests();
    expect(world.apple.requests()).toHaveLength(2);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      {
        status: 'ended',
        endedBy: 'failed',
        instances: [{ state: 'error', requestId: second?.requestId, failedRequestIds: [first?.requestId] }],
      },
    ]);
    expect([...results.values()]).toMatchObject([{ status: 'SUCCEEDED', output: { outcome: 'job-error' } }]);
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsFailed: 2 });
  });

  it('fetches the second request where only the first ended with an error', async () => {
    const grantId = await worldOf({ mode: 'ONE_TIME', jobStatuses: ['error'] });
    await world.settled();
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { endedBy: 'term', instances: [{ state: 'fetched' }] },
    ]);
  });

  it('goes on with the next instance after an error in a series', async () => {
    const grantId = await worldOf({ mode: 'DAILY_30', jobStatuses: ['completed', 'error'] });
    await world.advanceDays(4.5);

    const [series] = (await world.grantOf(grantId)).series;
    expect(series?.instances.map(({ state }) => state)).toEqual([
      'fetched',
      'error',
      'fetched',
      'fetched',
      'in-progress',
    ]);
    expect(world.apple.violations).toEqual([]);
  });

  it('ends the series where Apple cancelled the job, and counts it', async () => {
    const grantId = await worldOf({ mode: 'DAILY_30', jobStatuses: ['completed', 'cancelled'] });
    const results = await world.settled();

    expect((await world.grantOf(grantId)).series).toMatchObject([
      { status: 'ended', endedBy: 'cancelled-by-apple', instances: [{}, { state: 'cancelled-by-apple' }] },
    ]);
    expect([...results.values()].at(-1)).toMatchObject({ output: { outcome: 'cancelled-by-apple' } });
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsCancelledByApple: 1 });
  });

  it('never asks again for a request that Apple does not know', async () => {
    for (const mode of ['ONE_TIME', 'DAILY_30'] as const) {
      const grantId = await worldOf({ mode, jobStatuses: ['request_not_found'] });
      await world.settled();

      expect(callsOf(world, 'status')).toHaveLength(1);
      expect(world.apple.requests()).toHaveLength(1);
      expect((await world.grantOf(grantId)).series).toMatchObject([
        { status: 'ended', endedBy: 'request-not-found', instances: [{ state: 'request-not-found' }] },
      ]);
      expect(Object.fromEntries(world.metrics)).toEqual({ RequestsNotFound: 1 });
      if (mode === 'ONE_TIME') await world.close();
    }
  });

  it('fails the execution by name for a status that nobody knows', async () => {
    await worldOf({ mode: 'ONE_TIME' });
    world.apple.faults.add({ respond: 'unknown-job-status' });
    const results = await world.settled();
    expect([...results.values()]).toMatchObject([{ status: 'FAILED', error: 'ApiContractError' }]);
  });

  it('fails the execution for a fault of ours at the status call, and never takes it for a wait', async () => {
    await worldOf({ mode: 'ONE_TIME' });
    world.beforeCall = ({ kind, what }) => {
      if (kind === 'apple' && what.startsWith('GET')) throw new TypeError('a fault of ours');
    };
    const results = await world.settled();
    expect([...results.values()]).toMatchObject([{ status: 'FAILED', error: 'TypeError' }]);
  });

  it('gives up after 14 days a request whose status and cancel nobody understands', async () => {
    const grantId = await worldOf({ mode: 'ONE_TIME', jobSeconds: 20 * 86_400 });
    await world.advanceDays(13.5);
    world.apple.faults.add({
      respond: {
        status: 418,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{"status":"error"}'),
      },
      on: ({ operation }) => operation === 'status' || operation === 'cancel',
    });
    const results = await world.settled();

    expect([...results.values()]).toMatchObject([{ output: { outcome: 'took-too-long' } }]);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { status: 'ended', endedBy: 'failed', instances: [{ state: 'took-too-long' }] },
    ]);
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsTookTooLong: 1 });
  });

  it('cancels a request that takes longer than 14 days and goes on with the next instance', async () => {
    const grantId = await worldOf(
      { mode: 'WEEKLY_180', jobSeconds: 20 * 86_400, statusCheckDelaySeconds: 86_400 },
      { variants: { cancelIdAccepted: 'instance' } },
    );
    await world.advanceDays(14.5);

    const [series] = (await world.grantOf(grantId)).series;
    expect(series?.instances[0]).toMatchObject({ state: 'took-too-long' });
    expect(world.apple.requests()[0]).toMatchObject({ status: 'cancelled' });
    expect(series?.instances[1]).toMatchObject({ state: 'in-progress' });
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsTookTooLong: 1 });
  });
});

describe('the delay before the next check', () => {
  it.each([
    ['missing', { absent: true }],
    ['zero', 0],
    ['negative', -60],
    ['a text', '60'],
    ['null', null],
  ])('is a day where Apple’s is %s', async (_, delay) => {
    await worldOf({ mode: 'ONE_TIME', delays: [delay] }, { jobSeconds: 3600 });
    await world.settled();

    expect(world.answers[0]?.answer).toMatchObject({ phase: 'wait', delaySeconds: 86_400 });
    expect(callsOf(world, 'status')).toHaveLength(1);
  });

  it('is replaced by that of the latest answer, never shorter than Apple says', async () => {
    await worldOf({ mode: 'ONE_TIME', delays: [7200, 10_800, 50_000] }, { jobSeconds: 60_000 });
    await world.settled();

    const waits = world.answers.flatMap(({ answer }) => {
      const { phase, delaySeconds } = answer as StepAnswer;
      return phase === 'wait' ? [delaySeconds] : [];
    });
    expect(waits).toEqual([7200, 10_800, 50_000]);
    expect(world.apple.violations).toEqual([]);
  });

  it('is cut to 48 hours and counted where Apple asks for more', async () => {
    await worldOf({ mode: 'ONE_TIME', delays: [10 * 86_400] }, { jobSeconds: 3 * 86_400 });
    const results = await world.settled();

    expect(world.answers[0]?.answer).toMatchObject({ delaySeconds: 172_800, outcome: 'delay-capped' });
    expect(world.metrics.get('StatusDelaysCapped')).toBe(2);
    expect([...results.values()]).toMatchObject([{ status: 'SUCCEEDED', output: { outcome: 'unpacked' } }]);
  });
});
