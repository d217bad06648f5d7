import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { AccountDataWorld, type Death, type OutgoingCall } from './account-data-world.ts';

/**
 * Kills the function, or the whole run, at every outgoing call of a cycle of a daily series, from the first submit to
 * the resubmit of the second instance. None of the calls is chosen by hand: a fault-free run records
 * them.
 */
const START = Date.parse('2026-06-01T06:00:00Z');
const DAY = 86_400_000;

/** The day on which the first instance has been fetched and the second is in progress, whatever died. */
const LOOK_AT = 1.5;

function smallWorld(): Promise<AccountDataWorld> {
  return AccountDataWorld.create({ scenario: { people: [{ mode: 'DAILY_30', archives: 1 }] } });
}

/** SHA-256 of every archive in the lake, by the end of its key. */
async function landedArchives(world: AccountDataWorld): Promise<Record<string, string>> {
  const found = Object.entries(await world.contents('archives/')).filter(([key]) => key.endsWith('.zip'));
  return Object.fromEntries(
    found.map(([key, hex]) => [
      key.replace(/^.*request=/, ''),
      createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex'),
    ]),
  );
}

/** The same of what Apple has for the first instance: the bytes depend on the time of the submit. */
async function trueArchives(world: AccountDataWorld): Promise<Record<string, string>> {
  const requestId = world.apple.requests()[0]?.requestId ?? '';
  const [archive] = await world.apple.archivesOf(requestId);
  return { [`${requestId}/1.zip`]: archive?.sha256 ?? '' };
}

interface FaultFreeRun {
  readonly calls: readonly OutgoingCall[];
  readonly archives: Readonly<Record<string, string>>;
}

async function faultFreeRun(): Promise<FaultFreeRun> {
  const world = await smallWorld();
  try {
    const grantId = await world.importGrant();
    world.plan(undefined);
    world.start(grantId);
    await world.advanceTo(START + LOOK_AT * DAY);
    const calls = [...world.calls];
    const archives = await landedArchives(world);
    expect(archives).toEqual(await trueArchives(world));
    return { calls, archives };
  } finally {
    await world.close();
  }
}

/** Starts the instance again whose execution the death has ended, as an operator would; not twice. */
async function startAgain(world: AccountDataWorld, grantId: string): Promise<void> {
  const failed = [...world.results].find(([, { status }]) => status === 'FAILED')?.[0];
  if (failed === undefined || world.executionNames.includes(`${failed}-again`)) return;
  world.revive();
  world.start(grantId, { instance: Number(failed.split('-').at(-1)), name: `${failed}-again` });
}

async function dieAndGoOn(death: Death, expected: FaultFreeRun): Promise<void> {
  const world = await smallWorld();
  const where = `after a death ${death.when} call ${death.atCall}: ${expected.calls[death.atCall]?.what}`;
  try {
    const grantId = await world.importGrant();
    world.plan(death);
    world.start(grantId);
    for (const day of death.wholeRun ? [0.1, 1.1] : []) {
      await world.advanceTo(START + day * DAY);
      await startAgain(world, grantId);
    }
    await world.advanceTo(START + LOOK_AT * DAY);

    const [series, ...others] = (await world.grantOf(grantId)).series;
    expect(others, where).toEqual([]);
    const known = series?.instances.map(({ requestId }) => requestId);
    expect(known, where).toEqual(world.apple.requests().map(({ requestId }) => requestId));
    expect(series?.instances, where).toMatchObject([
      { number: 1, state: 'fetched' },
      { number: 2, state: 'in-progress' },
    ]);
    expect(world.apple.liveSeries(), where).toMatchObject([{ parentRequestId: series?.parentRequestId }]);
    expect(await landedArchives(world), where).toEqual(await trueArchives(world));
    const failed = [...world.results.values()].filter(({ status }) => status !== 'SUCCEEDED');
    expect(failed, where).toHaveLength(death.wholeRun ? 1 : 0);
    expect(world.apple.violations, where).toEqual([]);
    expect(Object.fromEntries(world.metrics), where).toEqual({});
  } finally {
    await world.close();
  }
}

/** The tests of one kind of death; two files call it, so that two workers share the time. */
export function describeCycleDeaths(title: string, wholeRun: boolean): void {
  describe(title, () => {
    let faultFree: FaultFreeRun;

    beforeAll(async () => {
      faultFree = await faultFreeRun();
    });

    it('can happen at calls of every kind', () => {
      expect(faultFree.calls.length).toBeGreaterThan(30);
      expect(new Set(faultFree.calls.map(({ kind }) => kind))).toEqual(
        new Set(['s3', 'secret', 'oauth', 'apple', 'asset']),
      );
      const apple = faultFree.calls.filter(({ kind }) => kind === 'apple').map(({ what }) => what);
      expect(apple.filter((what) => /\/(re)?submit$/.test(what))).toHaveLength(2);
      expect(Object.keys(faultFree.archives)).toHaveLength(1);
    });

    for (const when of ['before', 'after'] as const) {
      it(`${when} any call loses no id, no instance and no byte`, {
        timeout: 120_000,
      }, async () => {
        for (let atCall = 0; atCall < faultFree.calls.length; atCall += 1) {
          await dieAndGoOn({ atCall, when, wholeRun }, faultFree);
        }
      });
    }
  });
}
