import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { REPORT_TABLES, type ReportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { USUAL_REPORTS } from '../../local/apple/scenario.ts';
import { closeWorldsAfterEach, outcomeOf, startCuratingWorld } from '../support/bad-input.ts';
import { type CuratedDateRows, CuratedLake } from '../support/curated-lake.ts';
import type { InProcessWorld } from '../support/in-process-world.ts';

closeWorldsAfterEach();

let lake: CuratedLake | undefined;
afterEach(() => {
  lake?.close();
  lake = undefined;
});

async function openLake(world: InProcessWorld): Promise<CuratedLake> {
  lake = await CuratedLake.open(`${world.directory}/analytics`);
  return lake;
}

/** Every report that an app usually has, one more level, and reports whose deliveries stand beside each other. */
const EVERY = [
  ...USUAL_REPORTS,
  'App Sessions Detailed',
  'App Store Purchases Detailed',
  'App Sessions Context',
  'App Crashes Expanded',
];

/** What simulated Apple, which shares no code with the product, says of a table. */
function truthOf(world: InProcessWorld, table: ReportTable, appId: string): readonly CuratedDateRows[] {
  const { dates } = world.apple.truth(table.report.name, appId, table.granularity);
  return dates.map(({ access, ...entry }) => ({
    ...entry,
    access: access === 'ONGOING' ? 'ongoing' : 'snapshot',
  }));
}

describe('the curated tables', () => {
  it("equal Apple's own truth for every report, granularity and Date after restatements, a snapshot and corrections", {
    timeout: 240_000,
  }, async () => {
    const world = await startCuratingWorld({
      startAt: '2026-06-01T12:00:00Z',
      scenario: {
        catalog: EVERY,
        correctionRate: 0.4,
        snapshotHistoryDays: 25,
        apps: [
          {
            reports: EVERY,
            rowsPerDate: 6,
            segments: 2,
            requests: [
              { accessType: 'ONGOING', createdDaysAgo: 5 },
              { accessType: 'ONE_TIME_SNAPSHOT', createdDaysAgo: 3 },
            ],
          },
        ],
      },
      account: { reports: EVERY, granularities: ['DAILY', 'WEEKLY', 'MONTHLY'], backfill: 'snapshot' },
    });
    for (const day of ['01', '03', '06']) {
      await world.advanceTo(`2026-06-${day}T12:00:00Z`);
      const outcome = outcomeOf(await world.startExecution(`day-${day}`));
      expect(outcome.outcomes).not.toHaveProperty('curation-failed');
      expect(outcome.curation).toMatchObject({ deliveries: outcome.instances.landed, failed: 0 });
    }
    const [app] = world.apple.apps;
    const database = await openLake(world);
    const owners = new Set<string>();
    const compared: string[] = [];
    for (const table of REPORT_TABLES.filter(({ report }) => EVERY.includes(report.name))) {
      const truth = truthOf(world, table, app?.id ?? '');

      expect(await database.dates(table, app?.id ?? ''), table.name).toEqual(truth);
      if (truth.length > 0) compared.push(table.name);
      if (table.keepsDeliveries) continue;
      for (const { access, isFinal } of truth) owners.add(`${access} ${isFinal}`);
    }
    expect(compared.length).toBeGreaterThan(EVERY.length);
    expect(owners).toEqual(new Set(['ongoing true', 'ongoing false', 'snapshot true']));
  });

  it('have neither the rows that a later delivery dropped nor the sums of deliveries added up', async () => {
    const report = 'App Sessions Standard';
    const world = await startCuratingWorld({
      scenario: {
        catalog: [report],
        apps: [
          { reports: [report], rowsPerDate: 40, requests: [{ accessType: 'ONGOING', createdDaysAgo: 8 }] },
        ],
      },
      account: { reports: [report] },
    });
    outcomeOf(await world.startExecution('first'));
    const [app] = world.apple.apps;
    const table = REPORT_TABLES.find(({ name }) => name === 'app_sessions_standard_daily') as ReportTable;
    const truth = truthOf(world, table, app?.id ?? '');
    const raw = Object.entries(await world.contents('raw/'))
      .sort()
      .flatMap(([, hex]) => {
        const [header = '', ...lines] = gunzipSync(Buffer.from(hex, 'hex')).toString().trimEnd().split('\n');
        const names = header.split('\t');
        return lines.map(
          (line) => new Map(line.split('\t').map((cell, index) => [names[index] ?? '', cell])),
        );
      });
    const dimensionsOf = (row: ReadonlyMap<string, string>) =>
      table.columns
        .filter(({ apple }) => apple.sumOver === undefined)
        .map(({ apple }) => row.get(apple.name) || null);
    const database = await openLake(world);
    const [final] = truth.filter(({ isFinal }) => isFinal).slice(-1);
    const ofDate = raw.filter((row) => row.get('Date') === final?.date);
    const columns = table.columns
      .filter(({ apple }) => apple.sumOver === undefined)
      .map(({ name }) => `CAST(${name} AS VARCHAR) AS ${name}`);
    const kept = new Set(
      (
        await database.query(
          table.name,
          `SELECT ${columns.join(', ')} FROM {} WHERE "date" = DATE '${final?.date}'`,
        )
      ).map((row) => JSON.stringify(Object.values(row))),
    );
    const vanished = ofDate.filter((row) => !kept.has(JSON.stringify(dimensionsOf(row))));
    const naive = raw.reduce((sum, row) => sum + Number(row.get('Sessions')), 0);
    const true_ = truth.reduce((sum, { measures }) => sum + (measures.Sessions ?? 0), 0);
    const [curated] = await database.query(
      table.name,
      'SELECT CAST(SUM(sessions) AS INTEGER) AS sessions FROM {}',
    );

    expect(kept.size).toBe(final?.rows);
    expect(vanished.length).toBeGreaterThan(0);
    expect(curated?.sessions).toBe(true_);
    expect(naive).toBeGreaterThan(1.5 * true_);
  });
});
