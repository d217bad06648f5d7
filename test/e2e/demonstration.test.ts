import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { keyPart } from '../../lambdas/lib/lake/keys.ts';
import { manifest } from '../../lambdas/lib/lake/ledger.ts';
import { USUAL_REPORTS } from '../../local/apple/scenario.ts';
import { createDemonstration, type Demonstration } from '../../local/commands/demonstration.ts';
import { appTotals, type FinishedRun, runCounts } from '../../local/commands/finished-run.ts';
import { createRunReport } from '../../local/commands/run-report.ts';
import { sampleAnswers } from '../../local/commands/sample-queries.ts';
import { type LakeDatabase, openLakeDatabase } from '../../local/queries/lake-database.ts';
import { shippedQueries } from '../../local/queries/query-files.ts';
import { objectKeys, objectSums, readObject, writeTimes } from '../support/lake-files.ts';

const HOUR = 3_600_000;

let directory: string;
let lakeDirectory: string;
let demonstration: Demonstration;
let runs: FinishedRun[];
const logLines: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demonstration-'));
  lakeDirectory = join(directory, 'lake');
  demonstration = await createDemonstration({
    lakeDirectory,
    assemblyDirectory: join(directory, 'cdk.out'),
    onLog: ({ line }) => logLines.push(line),
  });
  runs = await demonstration.run();
});
afterAll(async () => {
  await demonstration?.close();
  await rm(directory, { recursive: true, force: true });
});

async function manifests() {
  const keys = await objectKeys(lakeDirectory, 'ledger/');
  return Promise.all(
    keys.map(async (key) =>
      manifest.parse(JSON.parse((await readObject(lakeDirectory, key)).toString('utf8'))),
    ),
  );
}

async function withLake(use: (database: LakeDatabase) => Promise<void>): Promise<void> {
  const database = await openLakeDatabase(lakeDirectory);
  try {
    await use(database);
  } finally {
    database.close();
  }
}

describe('the demonstration world through the synthesized machine and bundles', () => {
  it('succeeds in every run and lands at least 150 instances of five apps', () => {
    const report = createRunReport({ lakeDirectory, seconds: 1, runs, mustLand: true });
    expect(runs.map(({ result }) => result.status)).toEqual(runs.map(() => 'SUCCEEDED'));
    expect(runs).toHaveLength(6);
    expect(report.ok).toBe(true);
    expect(report.analytics.apps).toBe(5);
    expect(report.analytics.instances.landed).toBeGreaterThanOrEqual(150);
    expect(report.analytics.instances).toMatchObject({ pending: 0, expired: 0, failed: 0 });
  });

  it('holds exactly the bytes that simulated Apple served, file by file', async () => {
    const served = new Map(
      demonstration.apple
        .servedSegments()
        .map(({ appId, instanceId, segmentId, bytes }) => [
          `${[appId, instanceId, segmentId].map(keyPart).join('.')}.tsv.gz`,
          bytes,
        ]),
    );
    const keys = await objectKeys(lakeDirectory, 'raw/');
    expect(keys.map((key) => basename(key)).sort()).toEqual([...served.keys()].sort());
    for (const key of keys) {
      expect(served.get(basename(key))?.equals(await readObject(lakeDirectory, key)), key).toBe(true);
    }
  });

  it('names in its manifests exactly what lies there', async () => {
    const named = (await manifests()).flatMap(({ segments }) => segments);
    expect(named.map(({ key }) => key).sort()).toEqual(await objectKeys(lakeDirectory, 'raw/'));
    for (const { key, bytes, verified } of named) {
      expect((await readObject(lakeDirectory, key)).length, key).toBe(bytes);
      expect(verified).toBe('md5');
    }
  });

  it('counts every manifest once as landed', async () => {
    const landed = runs.reduce((sum, run) => sum + runCounts(run).landed, 0);
    expect(await manifests()).toHaveLength(landed);
  });

  it('lands daily, weekly and monthly instances, and one snapshot', async () => {
    const all = await manifests();
    expect(new Set(all.map(({ granularity }) => granularity))).toEqual(
      new Set(['DAILY', 'WEEKLY', 'MONTHLY']),
    );
    const withSnapshot = all.filter(({ access }) => access === 'ONE_TIME_SNAPSHOT').map(({ appId }) => appId);
    expect(new Set(withSnapshot).size).toBe(1);
  });

  it('needs at most ten transitions per app and run', () => {
    const most = appTotals(runs).map(({ mostTransitions }) => mostTransitions);
    expect(Math.max(...most)).toBeLessThanOrEqual(10);
    expect(Math.min(...most)).toBeGreaterThan(1);
  });

  it('shows no URL query, token or key in histories, logs and what the runs wrote', async () => {
    const { readerPrivateKeyPem, adminPrivateKeyPem } = demonstration.apple.credentials;
    const written = await objectKeys(lakeDirectory, 'runs/', 'requests/', 'leases/', 'ledger/');
    const texts = [
      ...logLines,
      ...runs.map(({ result }) => JSON.stringify(result)),
      ...(await Promise.all(
        written.map(async (key) => (await readObject(lakeDirectory, key)).toString('utf8')),
      )),
    ];
    const everything = texts.join('\n');
    expect(texts.length).toBeGreaterThan(500);
    expect(everything).not.toMatch(/https?:\/\/[^\s"\\]*\?/);
    expect(everything).not.toMatch(/eyJ[\w-]{10,}\.[\w-]+\./);
    expect(everything).not.toMatch(/X-Amz-|Bearer |PRIVATE KEY/i);
    for (const pem of [readerPrivateKeyPem, adminPrivateKeyPem]) {
      for (const line of pem.split('\n').filter((each) => each.length > 20))
        expect(everything).not.toContain(line);
    }
  });

  it("gives by SQL, for each report and Date, the sums of Apple's newest true delivery", async () => {
    const { apple } = demonstration;
    const apps = apple.apps.map(({ id }) => id).sort();
    await withLake(async (database) => {
      for (const { name, report, granularity, columns } of REPORT_TABLES) {
        if (!USUAL_REPORTS.includes(report.name)) continue;
        const measures = columns.filter(({ apple: { sumOver } }) => sumOver !== undefined);
        const sums = measures.map((column) => `CAST(SUM(CAST(${column.name} AS DECIMAL(18, 6))) AS DOUBLE)`);
        const sql = `SELECT app_id, "date", COUNT(*), ${sums.join(', ')} FROM ${name} GROUP BY 1, 2 ORDER BY 1, 2`;
        const truth = apps.flatMap((appId) =>
          apple
            .truth(report.name, appId, granularity)
            .dates.map(({ date, rows, measures: sumOf }) => [
              appId,
              date,
              BigInt(rows),
              ...measures.map((column) => sumOf[column.apple.name]),
            ]),
        );
        expect(truth.length, name).toBeGreaterThan(0);
        expect((await database.answer({ name, sql, header: undefined })).rows, name).toEqual(truth);
      }
    });
  });

  it('answers every shipped query with rows, and shows some', async () => {
    await withLake(async (database) => {
      for (const query of await shippedQueries()) {
        expect((await database.answer(query)).rows.length, query.name).toBeGreaterThan(0);
      }
    });
    const shown = await sampleAnswers(lakeDirectory, demonstration.apple.apps[0]?.id ?? '');
    expect(shown).toMatch(/│ Total Downloads +│ +\d+\.\d+ │ exact +│/);
    expect(shown).toMatch(/^\d{4}-\d{2}-\d{2} █/m);
  });

  it('lands and writes nothing new in one more run at the end of the same world', async () => {
    const before = [
      await objectSums(lakeDirectory, 'raw/', 'ledger/'),
      await writeTimes(lakeDirectory, 'raw/', 'ledger/'),
    ];
    const [again] = await demonstration.run(demonstration.clock.now() + HOUR);
    expect(again?.result.status).toBe('SUCCEEDED');
    expect(again === undefined ? undefined : runCounts(again)).toMatchObject({
      landed: 0,
      failed: 0,
      bytes: 0,
    });
    expect([
      await objectSums(lakeDirectory, 'raw/', 'ledger/'),
      await writeTimes(lakeDirectory, 'raw/', 'ledger/'),
    ]).toEqual(before);
  });
});
