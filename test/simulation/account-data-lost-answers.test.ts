import { afterEach, describe, expect, it } from 'vitest';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { callsOf, loseAnswer } from '../support/account-data-calls.ts';
import { AccountDataWorld } from '../support/account-data-world.ts';

const DAY = 86_400_000;

type Variants = NonNullable<AccountDataScenario['variants']>;

let world: AccountDataWorld;
afterEach(() => world.close());

async function dailyWorld(variants: Variants): Promise<string> {
  world = await AccountDataWorld.create({
    scenario: {
      statusCheckDelaySeconds: 7200,
      jobSeconds: 3600,
      variants,
      people: [{ mode: 'DAILY_30', archives: 1 }],
    },
  });
  return world.importGrant();
}

const submits = () => callsOf(world, 'submit');

describe('the lost answer of a resubmit', () => {
  async function loseResubmit(variants: Variants, when: 'before' | 'after' = 'after'): Promise<string> {
    const grantId = await dailyWorld(variants);
    world.start(grantId);
    loseAnswer(world, 'resubmit', when);
    await world.advanceDays(1.5);
    return grantId;
  }

  it.each(['both-400', 'both-200', 'request-400'] as const)(
    'is found by a submit, which Apple refuses with the id (%s)',
    async (duplicate) => {
      const grantId = await loseResubmit({ duplicate });

      const [first, second] = world.apple.requests();
      expect(world.apple.requests()).toHaveLength(2);
      expect((await world.grantOf(grantId)).series).toMatchObject([
        {
          status: 'live',
          parentRequestId: first?.parentRequestId,
          instances: [{ requestId: first?.requestId }, { requestId: second?.requestId }],
        },
      ]);
      await world.advanceDays(3);
      expect(
        (await world.grantOf(grantId)).series[0]?.instances.map(({ state }) => state).slice(0, 4),
      ).toEqual(Array(4).fill('fetched'));
      expect(world.apple.violations).toEqual([]);
    },
  );

  it('is made again where the call was not carried out', async () => {
    const grantId = await loseResubmit({}, 'before');
    expect(world.apple.requests()).toHaveLength(2);
    expect((await world.grantOf(grantId)).series[0]?.instances).toMatchObject([
      { state: 'fetched' },
      { requestId: world.apple.requests()[1]?.requestId },
    ]);
    expect(submits()).toHaveLength(1);
  });

  it.each(['parent-400', 'uuid-in-text-400'] as const)(
    'ends the series, at Apple too, where the id cannot be learnt (%s)',
    async (duplicate) => {
      const grantId = await loseResubmit({ duplicate });
      const [series] = (await world.grantOf(grantId)).series;
      expect(series).toMatchObject({ status: 'ended', endedBy: 'apple' });
      expect(world.apple.liveSeries()).toEqual([]);
      expect(Object.fromEntries(world.metrics)).toEqual({ SeriesEndedEarly: 1 });
    },
  );

  it('cancels a series that Apple really created meanwhile, and ends', async () => {
    const grantId = await dailyWorld({});
    world.start(grantId);
    await world.advanceDays(0.5);
    const [old] = world.apple.requests();
    loseAnswer(world, 'resubmit', 'before');
    // Apple has ended the series, and refuses its next instance.
    await world.advanceDays(0.499);
    world.beforeCall = async ({ what }) => {
      if (!what.endsWith('/resubmit')) return;
      world.beforeCall = () => {};
      world.apple.world.variants.cancelIdleSeries = 'cancelled';
      await cancelAtApple(old?.parentRequestId ?? '');
    };
    await world.advanceDays(1);

    const { series } = await world.grantOf(grantId);
    expect(series).toMatchObject([
      { status: 'ended', endedBy: 'apple', parentRequestId: old?.parentRequestId },
      { number: 2, status: 'ended', endedBy: 'cancelled', cancel: { scope: 'series', by: 'parent' } },
    ]);
    expect(world.apple.liveSeries()).toEqual([]);
    expect(world.apple.requests().map(({ requestId }) => requestId)).toEqual([
      series[0]?.instances[0]?.requestId,
      series[1]?.instances[0]?.requestId,
    ]);
    expect(Object.fromEntries(world.metrics)).toEqual({ SeriesEndedEarly: 1 });
  });

  /** Somebody else cancels at Apple, with the token that the last call had. */
  async function cancelAtApple(parentRequestId: string): Promise<void> {
    const { Readable } = await import('node:stream');
    const body = Readable.from([Buffer.from(JSON.stringify({ requestId: parentRequestId }))]);
    const answer = await world.apple.accountDataTransfer({
      method: 'POST',
      target: '/api/transfer/accountdata/cancel',
      headers: {
        host: 'accountdatatransfer.apple.com',
        'content-type': 'application/json',
        authorization: world.latestAuthorization,
        'x-apple-transaction-id': 'AAAAAAAA-0000-4000-8000-000000000001',
      },
      body,
    });
    expect(answer.status).toBe(200);
  }
});

describe('a one-time submit that Apple refuses with an id', () => {
  function refuseWith(ids: Readonly<Record<string, string>>, times: number): void {
    world.apple.faults.add({
      respond: {
        status: 400,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ status: 'error', ...ids })),
      },
      on: ({ operation }) => operation === 'submit',
      times,
    });
  }

  /** A one-time series that ended, and a second one that is about to start. */
  async function afterFirst(): Promise<{ grantId: string; requestId: string }> {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'ONE_TIME', archives: 1 }] } });
    const grantId = await world.importGrant();
    world.start(grantId);
    await world.settled();
    return { grantId, requestId: world.apple.requests()[0]?.requestId ?? '' };
  }

  it('never adopts one that we ended: cancels it, submits anew, waits 14 days from its submit', async () => {
    const { grantId, requestId } = await afterFirst();
    refuseWith({ requestId }, 2);
    world.start(grantId, { series: 2 });
    await world.advanceDays(12.9);
    expect(submits()).toHaveLength(3);
    expect((await world.grantOf(grantId)).series[1]).toMatchObject({ instances: [{ state: 'submitting' }] });

    await world.settled();
    expect(submits()).toHaveLength(4);
    expect((await world.grantOf(grantId)).series[1]).toMatchObject({
      endedBy: 'term',
      instances: [{ state: 'fetched', requestId: world.apple.requests()[1]?.requestId }],
    });
  });

  it('submits anew at once where the cancel helped', async () => {
    const { grantId, requestId } = await afterFirst();
    refuseWith({ requestId }, 1);
    world.start(grantId, { series: 2 });
    await world.settled();
    expect(submits()).toHaveLength(3);
    expect((await world.grantOf(grantId)).series[1]).toMatchObject({ endedBy: 'term' });
  });

  it('makes way where a series stands in the way that is none of ours', async () => {
    const { grantId } = await afterFirst();
    const parentRequestId = 'AAAAAAAA-1111-4111-8111-111111111111';
    refuseWith({ parentRequestId, requestId: 'BBBBBBBB-1111-4111-8111-111111111111' }, 1);
    world.start(grantId, { series: 2 });
    await world.settled();
    const cancels = world.apple.calls.accountDataTransfer.filter(({ operation }) => operation === 'cancel');
    expect(cancels).toHaveLength(2);
    expect((await world.grantOf(grantId)).series[1]).toMatchObject({ endedBy: 'term' });
  });
});

describe('the lost answer of a one-time submit', () => {
  it('is submitted once more, and a possible second job is accepted', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'ONE_TIME', archives: 1 }] } });
    const grantId = await world.importGrant();
    loseAnswer(world, 'submit', 'after');
    world.start(grantId);
    await world.settled();

    const [, second] = world.apple.requests();
    expect(world.apple.requests()).toHaveLength(2);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { endedBy: 'term', instances: [{ state: 'fetched', requestId: second?.requestId }] },
    ]);
  });

  it('is given up after the second loss, never submitted a third time', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'ONE_TIME', archives: 1 }] } });
    const grantId = await world.importGrant();
    loseAnswer(world, 'submit', 'after', 10);
    world.start(grantId);
    const results = await world.settled();

    expect(submits()).toHaveLength(2);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { status: 'ended', endedBy: 'failed', instances: [{ state: 'error' }] },
    ]);
    expect([...results.values()]).toMatchObject([{ output: { outcome: 'job-error' } }]);
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsFailed: 1 });
  });

  it('is told from a call that was never made: an outage of hours costs no try', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'ONE_TIME', archives: 1 }] } });
    const grantId = await world.importGrant();
    const startedAt = world.clock.now();
    world.apple.outage({ from: startedAt, to: startedAt + DAY / 8 });
    world.start(grantId);
    await world.settled();

    expect(world.apple.requests()).toHaveLength(1);
    expect((await world.grantOf(grantId)).series).toMatchObject([{ instances: [{ state: 'fetched' }] }]);
  });
});
