import { afterEach, describe, expect, it } from 'vitest';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { AccountDataWorld } from '../support/account-data-world.ts';

const DAY = 86_400_000;

type PersonOfScenario = NonNullable<AccountDataScenario['people']>[number];
type Variants = NonNullable<AccountDataScenario['variants']>;

let world: AccountDataWorld;
let grantId: string;
afterEach(() => world.close());

/** A world whose first instance is in progress for half a day. */
async function inProgress(person: PersonOfScenario, variants: Variants = {}): Promise<void> {
  world = await AccountDataWorld.create({ scenario: { variants, people: [{ archives: 1, ...person }] } });
  grantId = await world.importGrant();
  world.start(grantId);
  await world.advanceDays(0.5);
}

function cancel(scope: 'instance' | 'series'): Promise<unknown> {
  return world.callFunction('CancelRequest', { grantId, scope });
}

async function series() {
  return (await world.grantOf(grantId)).series;
}

describe('the cancel of a series', () => {
  it.each([
    ['either', 'parent'],
    ['parent', 'parent'],
    ['instance', 'instance'],
  ] as const)('tries both ids and records which worked (Apple takes %s)', async (cancelIdAccepted, by) => {
    await inProgress({ mode: 'DAILY_30' }, { cancelIdAccepted, seriesAfterInstanceCancel: 'ends' });
    expect(await cancel('series')).toEqual({
      result: 'cancelled',
      by,
      stoppedExecution: `${grantId}-1-1`,
      nextInstance: null,
    });

    const results = await world.settled();
    expect([...results.values()]).toMatchObject([{ status: 'ABORTED' }]);
    expect(await series()).toMatchObject([
      {
        status: 'ended',
        endedBy: 'cancelled',
        cancel: { scope: 'series', by },
        instances: [{ state: 'cancelled', transactionIds: { cancel: expect.any(String) } }],
      },
    ]);
    expect(world.apple.liveSeries()).toEqual([]);
    expect(Object.fromEntries(world.metrics)).toEqual({});
  });

  it('cancels a one-time request by its only id', async () => {
    await inProgress({ mode: 'ONE_TIME' });
    expect(await cancel('series')).toMatchObject({ result: 'cancelled', by: 'instance' });
    expect(world.apple.requests()).toMatchObject([{ status: 'cancelled' }]);
    expect(await series()).toMatchObject([{ endedBy: 'cancelled', instances: [{ state: 'cancelled' }] }]);
  });

  it('ends the series here where Apple no longer cancels, and starts nothing more', async () => {
    await inProgress({ mode: 'DAILY_30', statusCheckDelaySeconds: 7200, jobSeconds: 3600 });
    expect(await series()).toMatchObject([{ instances: [{ state: 'fetched' }] }]);
    expect(await cancel('series')).toMatchObject({
      result: 'refused',
      by: null,
      stoppedExecution: `${grantId}-1-1`,
    });
    await world.advanceDays(3);

    expect(await series()).toMatchObject([{ status: 'ended', endedBy: 'cancelled' }]);
    expect(world.apple.requests()).toHaveLength(1);
    expect(world.executionNames).toHaveLength(1);
  });

  it('ends an execution that nobody stopped at its next check', async () => {
    await inProgress({ mode: 'DAILY_30' });
    world.beforeCall = ({ kind }) => {
      if (kind === 'states') throw new Error('Step Functions is not there');
    };
    await expect(cancel('series')).rejects.toThrow('Step Functions is not there');
    const results = await world.settled();
    expect([...results.values()]).toMatchObject([{ status: 'SUCCEEDED', output: { outcome: 'cancelled' } }]);
  });

  it('cancels at once a request that comes into being while the series is cancelled', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'DAILY_30' }] } });
    grantId = await world.importGrant();
    let answer: unknown;
    world.beforeCall = async ({ what }) => {
      if (!what.endsWith('/submit')) return;
      world.beforeCall = () => {};
      answer = await cancel('series');
    };
    world.start(grantId);
    const results = await world.settled();

    expect(answer).toMatchObject({ result: 'cancelled', by: null });
    expect([...results.values()]).toMatchObject([{ status: 'ABORTED' }]);
    expect(world.apple.requests()).toMatchObject([{ status: 'cancelled' }]);
    expect(world.apple.liveSeries()).toEqual([]);
    expect(await series()).toMatchObject([
      {
        endedBy: 'cancelled',
        instances: [{ state: 'cancelled', requestId: world.apple.requests()[0]?.requestId }],
      },
    ]);
  });

  it('says that there is nothing to cancel', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'ONE_TIME', archives: 1 }] } });
    grantId = await world.importGrant();
    const nothing = { result: 'nothing-to-cancel', by: null, stoppedExecution: null, nextInstance: null };
    expect(await cancel('series')).toEqual(nothing);
    world.start(grantId);
    await world.settled();
    expect(await cancel('series')).toEqual(nothing);
    expect(await cancel('instance')).toEqual(nothing);
  });
});

describe('the cancel of an instance', () => {
  it('lets the next resubmit decide: the series lives', async () => {
    await inProgress({ mode: 'DAILY_30' }, { cancelIdAccepted: 'instance' });
    expect(await cancel('instance')).toEqual({
      result: 'cancelled',
      by: 'instance',
      stoppedExecution: `${grantId}-1-1`,
      nextInstance: 2,
    });
    const cancelledAt = world.clock.now();
    await world.advanceDays(3);

    expect(await series()).toMatchObject([
      { status: 'live', instances: [{ state: 'cancelled' }, { state: 'fetched' }, {}, {}] },
    ]);
    // The period is not shortened by a cancel.
    expect(world.apple.requests()[1]?.submittedAt).toBe(cancelledAt + DAY / 2);
    expect(world.apple.violations).toEqual([]);
    expect(Object.fromEntries(world.metrics)).toEqual({});
  });

  it('lets the next resubmit decide: the series has ended with it, which is no alarm', async () => {
    await inProgress({ mode: 'DAILY_30' }, { cancelIdAccepted: 'parent' });
    expect(await cancel('instance')).toMatchObject({ result: 'cancelled', by: 'parent', nextInstance: 2 });
    const results = await world.settled();

    expect([...results.values()].at(-1)).toMatchObject({ output: { outcome: 'series-ended' } });
    expect(await series()).toMatchObject([{ status: 'ended', endedBy: 'cancelled' }]);
    expect(Object.fromEntries(world.metrics)).toEqual({});
  });

  it('changes nothing where Apple no longer cancels: the instance is fetched', async () => {
    await inProgress({ mode: 'DAILY_30', jobSeconds: 3600 });
    expect(await cancel('instance')).toEqual({
      result: 'refused',
      by: null,
      stoppedExecution: null,
      nextInstance: null,
    });
    await world.advanceDays(1);
    const [only] = await series();
    expect(only?.cancel).toBeUndefined();
    expect(only).toMatchObject({
      status: 'live',
      instances: [{ state: 'fetched' }, { state: 'in-progress' }],
    });
  });

  it('has nothing to do between two instances', async () => {
    await inProgress({ mode: 'DAILY_30', statusCheckDelaySeconds: 7200, jobSeconds: 3600 });
    expect(await cancel('instance')).toMatchObject({ result: 'nothing-to-cancel' });
  });
});

describe('a cancel while Apple cannot be asked', () => {
  it.each(['series', 'instance'] as const)(
    'stays pending and is carried out by the next check (%s)',
    async (scope) => {
      await inProgress({ mode: 'DAILY_30', jobSeconds: 3 * 86_400 }, { cancelIdAccepted: 'instance' });
      const heal = world.apple.outage({ from: world.clock.now(), to: world.clock.now() + DAY });
      expect(await cancel(scope)).toEqual({
        result: 'unavailable',
        by: null,
        stoppedExecution: null,
        nextInstance: null,
      });
      heal();
      await world.advanceDays(0.6);

      expect(world.apple.requests()[0]).toMatchObject({ status: 'cancelled' });
      expect(await series()).toMatchObject([
        {
          status: scope === 'series' ? 'ended' : 'live',
          cancel: { scope, by: 'instance' },
          instances: [{ state: 'cancelled' }, ...(scope === 'series' ? [] : [{ number: 2 }])],
        },
      ]);
    },
  );

  it('is dropped where the instance is complete by then: it is fetched', async () => {
    await inProgress({ mode: 'DAILY_30' });
    const heal = world.apple.outage({ from: world.clock.now(), to: world.clock.now() + DAY });
    expect(await cancel('instance')).toMatchObject({ result: 'unavailable' });
    heal();
    await world.advanceDays(0.6);

    const [only] = await series();
    expect(only?.cancel).toBeUndefined();
    expect(only).toMatchObject({
      status: 'live',
      instances: [{ state: 'fetched' }, { state: 'in-progress' }],
    });
    expect(Object.fromEntries(world.metrics)).toEqual({});
  });

  it('is not forgotten where Apple refuses our client', async () => {
    await inProgress({ mode: 'DAILY_30' });
    await world.advanceDays(0.2);
    const heal = world.apple.faults.add({ respond: 'invalid-client' });
    expect(await cancel('series')).toMatchObject({ result: 'unavailable' });
    heal();
    expect(await cancel('series')).toMatchObject({ result: 'cancelled', by: 'parent' });
  });
});
