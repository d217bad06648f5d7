import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RebuildOutcome } from '../../lambdas/lib/analytics/rebuild-contracts.ts';
import type { ExecutionResult } from '../../local/asl/runner.ts';
import { NOON, outcomeOf } from '../support/bad-input.ts';
import { InProcessWorld } from '../support/in-process-world.ts';
import { curatedLayer, deleteObjects, runRebuild } from '../support/rebuild-execution.ts';

const REPORTS = ['App Downloads Standard', 'App Crashes', 'App Sessions Context'];

/** Two apps with two runs behind them: restated Dates, a snapshot beside ongoing ones, deliveries kept apart. */
let world: InProcessWorld;
let before: Record<string, string>;

beforeAll(async () => {
  const app = {
    reports: REPORTS,
    rowsPerDate: 2,
    requests: [
      { accessType: 'ONGOING' as const, createdDaysAgo: 4 },
      { accessType: 'ONE_TIME_SNAPSHOT' as const, createdDaysAgo: 3 },
    ],
  };
  world = await InProcessWorld.create({
    startAt: NOON,
    scenario: { catalog: REPORTS, correctionRate: 0.5, snapshotHistoryDays: 8, apps: [app, app] },
    account: { reports: REPORTS, granularities: ['DAILY', 'WEEKLY'], backfill: 'snapshot' },
  });
  outcomeOf(await world.startExecution('first'));
  await world.advanceTo('2026-06-05T12:00:00Z');
  outcomeOf(await world.startExecution('second'));
  before = await curatedLayer(world.lake);
});

afterAll(() => world.close());

/** Each test begins and ends with the layer that the runs made. */
afterEach(async () => {
  if (JSON.stringify(await curatedLayer(world.lake)) === JSON.stringify(before)) return;
  await runRebuild({ store: world.lake, name: `mend-${randomUUID()}` });
  expect(await curatedLayer(world.lake)).toEqual(before);
});

function rebuilt(result: ExecutionResult): RebuildOutcome {
  expect(result.status, result.cause).toBe('SUCCEEDED');
  return result.output as RebuildOutcome;
}

function tablesOf(keys: readonly string[]): string[] {
  return [...new Set(keys.flatMap((key) => /^curated\/([^/]+)\//.exec(key)?.[1] ?? []))].sort();
}

describe('rebuild-curated', () => {
  it('writes nothing over a full curated layer', async () => {
    const outcome = rebuilt(await runRebuild({ store: world.lake, name: 'full' }));

    expect(await curatedLayer(world.lake)).toEqual(before);
    expect(outcome).toMatchObject({ written: 0, failedDeliveries: 0, failedTables: 0 });
    expect(outcome.tables).toBe(2 * tablesOf(Object.keys(before)).length);
    expect(outcome.dates).toBeGreaterThan(Object.keys(before).length);
  });

  it('makes the same bytes and ranks again over an emptied one', async () => {
    expect(await deleteObjects(world.lake, () => true)).toBe(Object.keys(before).length);

    const outcome = rebuilt(await runRebuild({ store: world.lake, name: 'empty' }));

    expect(await curatedLayer(world.lake)).toEqual(before);
    // Newest first: few Dates are written twice, by an older delivery that is final.
    const objects = Object.keys(before).filter((key) => key.startsWith('curated/')).length;
    expect(outcome.written).toBeGreaterThanOrEqual(objects);
    expect(outcome.written).toBeLessThan(1.2 * objects);
  });

  it('mends a layer of which parts are gone', async () => {
    await deleteObjects(world.lake, (key) => key.length % 3 === 0 || key.includes('app_crashes'));

    rebuilt(await runRebuild({ store: world.lake, name: 'part' }));

    expect(await curatedLayer(world.lake)).toEqual(before);
  });

  it('goes on from its cursors when each invocation has time for next to nothing', async () => {
    await deleteObjects(world.lake, () => true);
    const calls: string[] = [];

    const whole = rebuilt(await runRebuild({ store: world.lake, name: 'whole' }));
    await deleteObjects(world.lake, () => true);
    const outcome = rebuilt(
      await runRebuild({
        store: world.lake,
        name: 'short',
        looksPerInvocation: 14,
        before: (functionName) => calls.push(functionName),
      }),
    );

    expect(await curatedLayer(world.lake)).toEqual(before);
    expect(outcome).toMatchObject({ deliveries: whole.deliveries, failedDeliveries: 0 });
    expect(calls.filter((name) => name === 'RebuildTable').length).toBeGreaterThan(1.5 * whole.tables);
  });

  it('rebuilds the apps and reports that its input names, and nothing else', async () => {
    await deleteObjects(world.lake, () => true);
    const [first, second] = world.apple.apps;

    rebuilt(
      await runRebuild({
        store: world.lake,
        name: 'one',
        input: { appIds: [second?.id], reports: ['app crashes'] },
      }),
    );

    const after = Object.keys(await curatedLayer(world.lake));
    expect(tablesOf(after)).toEqual(
      tablesOf(Object.keys(before)).filter((name) => name.startsWith('app_crashes')),
    );
    expect(after.length).toBeGreaterThan(0);
    expect(after.filter((key) => key.includes(String(first?.id)))).toEqual([]);
  });

  it.each([
    ['a report that the catalog lacks', { reports: ['App Weather'] }],
    ['a field that it does not know', { reportNames: ['App Crashes'] }],
  ])('fails before it touches anything for an input with %s', async (_, input) => {
    const result = await runRebuild({ store: world.lake, name: 'wrong', input });

    expect(result).toMatchObject({ status: 'FAILED', error: 'RebuildCuratedFailedError' });
    expect(result.path).not.toContain('Rebuild Tables');
  });

  it('succeeds with nothing to do for an app without a ledger', async () => {
    const input = { appIds: ['1'] };
    const outcome = rebuilt(await runRebuild({ store: world.lake, name: 'nothing', input }));

    expect(outcome).toMatchObject({ tables: 0, deliveries: 0, failedTables: 0 });
  });

  it('tells of a delivery that cannot be curated, and curates the others', async () => {
    const [damaged] = (await world.lake.list('raw/app-crashes/')).slice(-1);
    if (damaged === undefined) throw new Error('nothing landed');
    const file = join(world.directory, 'analytics', damaged);
    const landed = readFileSync(file);
    await world.lake.writeText(damaged, 'no gzip');
    await deleteObjects(world.lake, () => true);

    const outcome = rebuilt(await runRebuild({ store: world.lake, name: 'damaged' }));

    expect(outcome).toMatchObject({ failedDeliveries: 1, failedTables: 0 });
    const summary = JSON.parse((await world.lake.readText(outcome.summaryKey))?.value ?? '');
    expect(summary.failed).toEqual([
      expect.objectContaining({ error: 'SegmentDamagedError', message: expect.stringContaining(damaged) }),
    ]);
    const { client, bucket } = world.lake;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: damaged, Body: landed }));
  });

  it.each([
    ['tells why', false],
    ['notices it all the same where it cannot even tell why', true],
  ])('finishes the other tables when one ends in an error, fails at its end and %s', async (_, mute) => {
    await deleteObjects(world.lake, () => true);
    const name = `error-${mute}`;

    const result = await runRebuild({
      store: world.lake,
      name,
      before: (_function, payload) => {
        if (JSON.stringify(payload).includes('app_crashes_daily')) throw new RangeError('out of range');
      },
      mute,
    });

    expect(result).toMatchObject({ status: 'FAILED', error: 'RebuildCuratedFailedError' });
    expect(result.cause).toContain(`runs/rebuild/${name}`);
    const told = await world.lake.list(`runs/rebuild/${name}/failures/`);
    expect(told).toHaveLength(mute ? 0 : 2);
    const summary = JSON.parse((await world.lake.readText(`runs/rebuild/${name}/summary.json`))?.value ?? '');
    const unfinished = (await world.lake.list(`runs/rebuild/${name}/tables/`)).filter((key) =>
      key.endsWith('/app_crashes_daily.json'),
    );
    expect(summary).toMatchObject({ failedTables: 2, unfinished });
    const found = Object.keys(await curatedLayer(world.lake));
    expect(found).toEqual(
      Object.keys(before).filter((key) => !/app_crashes_daily|app-crashes\.daily/.test(key)),
    );
  });
});
