import { describe, expect, it } from 'vitest';
import { AccountDataWorld } from '../support/account-data-world.ts';

const START = Date.parse('2026-06-01T06:00:00Z');
const DAY = 86_400_000;

/** The day on which the cancel is settled and, of a living series, the second instance is in progress. */
const LOOK_AT = 1.5;

describe('a death in a cancel', () => {
  const scopes = ['series', 'instance'] as const;

  async function inProgress(): Promise<{ world: AccountDataWorld; grantId: string }> {
    const world = await AccountDataWorld.create({
      scenario: {
        jobSeconds: 40 * 3600,
        variants: { cancelIdAccepted: 'instance', seriesAfterInstanceCancel: 'lives' },
        people: [{ mode: 'DAILY_30', archives: 1 }],
      },
    });
    const grantId = await world.importGrant();
    world.start(grantId);
    await world.advanceTo(START + 0.5 * DAY);
    return { world, grantId };
  }

  async function callsOf(scope: (typeof scopes)[number]): Promise<number> {
    const { world, grantId } = await inProgress();
    try {
      world.plan(undefined);
      await world.callFunction('CancelRequest', { grantId, scope });
      return world.calls.length;
    } finally {
      await world.close();
    }
  }

  async function expectCancelled(
    world: AccountDataWorld,
    grantId: string,
    scope: (typeof scopes)[number],
    where: string,
  ): Promise<void> {
    await world.advanceTo(START + LOOK_AT * DAY);
    const [series, ...others] = (await world.grantOf(grantId)).series;
    expect(others, where).toEqual([]);
    expect(
      series?.instances.map(({ requestId }) => requestId),
      where,
    ).toEqual(world.apple.requests().map(({ requestId }) => requestId));
    expect(world.apple.requests()[0], where).toMatchObject({ status: 'cancelled' });
    expect(series?.instances[0], where).toMatchObject({ state: 'cancelled' });
    if (scope === 'series') {
      expect(series, where).toMatchObject({ status: 'ended', endedBy: 'cancelled' });
      expect(world.executionNames, where).toHaveLength(1);
    } else {
      expect(series?.instances[1], where).toMatchObject({ number: 2, state: 'in-progress' });
    }
    expect(world.apple.violations, where).toEqual([]);
    expect(Object.fromEntries(world.metrics), where).toEqual({});
  }

  for (const scope of scopes) {
    for (const when of ['before', 'after'] as const) {
      it(`of the ${scope} ${when} any call is made good by repeating it`, { timeout: 60_000 }, async () => {
        const calls = await callsOf(scope);
        expect(calls).toBeGreaterThan(6);
        for (let atCall = 0; atCall < calls; atCall += 1) {
          const { world, grantId } = await inProgress();
          try {
            world.plan({ atCall, when, wholeRun: false });
            const input = { grantId, scope };
            await expect(world.callFunction('CancelRequest', input)).rejects.toThrow('gone');
            world.revive();
            await world.callFunction('CancelRequest', input);
            await expectCancelled(world, grantId, scope, `after a death ${when} call ${atCall}`);
          } finally {
            await world.close();
          }
        }
      });
    }

    it(`of the ${scope} is made good by the next check where nobody repeats it`, {
      timeout: 60_000,
    }, async () => {
      const calls = await callsOf(scope);
      let finished = 0;
      for (let atCall = 0; atCall < calls; atCall += 1) {
        const { world, grantId } = await inProgress();
        try {
          world.plan({ atCall, when: 'after', wholeRun: false });
          await expect(world.callFunction('CancelRequest', { grantId, scope })).rejects.toThrow('gone');
          const isIntended = (await world.grantOf(grantId)).series[0]?.cancel !== undefined;
          world.revive();
          if (!isIntended) continue;
          finished += 1;
          await expectCancelled(world, grantId, scope, `after a death after call ${atCall}`);
        } finally {
          await world.close();
        }
      }
      expect(finished).toBeGreaterThan(3);
    });
  }
});
