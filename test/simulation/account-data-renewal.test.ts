import { afterEach, describe, expect, it } from 'vitest';
import { AccountDataWorld } from '../support/account-data-world.ts';

const DAY = 86_400_000;

let world: AccountDataWorld;
afterEach(() => world.close());

async function dailySeries(renewSeries: boolean): Promise<{ grantId: string; startedAt: number }> {
  world = await AccountDataWorld.create({
    scenario: { people: [{ mode: 'DAILY_30', archives: 1 }] },
    renewSeries,
  });
  const grantId = await world.importGrant();
  const startedAt = world.clock.now();
  world.start(grantId);
  return { grantId, startedAt };
}

describe('a daily series at its term', { timeout: 60_000 }, () => {
  it('is followed by another one on day 40 where series are renewed', async () => {
    const { grantId, startedAt } = await dailySeries(true);
    await world.advanceTo(startedAt + 39.9 * DAY);
    expect((await world.grantOf(grantId)).series).toMatchObject([{ status: 'ended', endedBy: 'term' }]);

    await world.advanceTo(startedAt + 42.5 * DAY);

    const grant = await world.grantOf(grantId);
    expect(grant.series).toMatchObject([
      { number: 1, status: 'ended', endedBy: 'term' },
      { number: 2, mode: 'DAILY_30', submittedMode: 'DAILY_30', status: 'live' },
    ]);
    const [first, second] = grant.series;
    expect(second?.parentRequestId).not.toBe(first?.parentRequestId);
    expect(world.executionNames).toContain(`${grantId}-2-1`);
    const days = world.apple.requests().map(({ submittedAt }) => (submittedAt - startedAt) / DAY);
    expect(days.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, number) => number));
    expect(days.slice(30).map(Math.floor)).toEqual([40, 41, 42]);
    expect([...world.results.values()].every(({ status }) => status === 'SUCCEEDED')).toBe(true);
    expect(world.apple.violations).toEqual([]);
    expect(world.metrics.size).toBe(0);
  });

  it('is the last one where the series is cancelled while it waits to be renewed', async () => {
    const { grantId, startedAt } = await dailySeries(true);
    await world.advanceTo(startedAt + 35 * DAY);

    expect(await world.callFunction('CancelRequest', { grantId, scope: 'series' })).toEqual({
      result: 'cancelled',
      by: null,
      stoppedExecution: `${grantId}-1-30`,
      nextInstance: null,
    });

    await world.advanceTo(startedAt + 42.5 * DAY);
    expect((await world.grantOf(grantId)).series).toHaveLength(1);
    expect(world.executionNames).not.toContain(`${grantId}-2-1`);
    expect(await world.callFunction('CancelRequest', { grantId, scope: 'series' })).toMatchObject({
      result: 'nothing-to-cancel',
    });
  });

  it('is the last one where series are not renewed', async () => {
    const { grantId, startedAt } = await dailySeries(false);
    await world.settled();
    await world.advanceTo(startedAt + 42.5 * DAY);

    expect((await world.grantOf(grantId)).series).toMatchObject([{ status: 'ended', endedBy: 'term' }]);
    expect(world.executionNames).toHaveLength(30);
    expect(world.apple.requests()).toHaveLength(30);
    expect(world.apple.violations).toEqual([]);
  });
});
