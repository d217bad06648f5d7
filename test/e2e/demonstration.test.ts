import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grant } from '../../lambdas/lib/account-data/grant.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { keyPart } from '../../lambdas/lib/lake/keys.ts';
import { manifest } from '../../lambdas/lib/lake/ledger.ts';
import { archiveKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { USUAL_REPORTS } from '../../local/apple/scenario.ts';
import type { AccountDataRun } from '../../local/commands/account-data-demonstration.ts';
import { createDemonstration, type Demonstration } from '../../local/commands/demonstration.ts';
import { appTotals, type FinishedRun, runCounts } from '../../local/commands/finished-run.ts';
import { createRunReport } from '../../local/commands/run-report.ts';
import { sampleAccountDataAnswers, sampleAnswers } from '../../local/commands/sample-queries.ts';
import { type LakeDatabase, openLakeDatabase } from '../../local/queries/lake-database.ts';
import { shippedQueries } from '../../local/queries/query-files.ts';
import { objectKeys, objectSums, readObject, writeTimes } from '../support/lake-files.ts';

let directory: string;
let lakeDirectory: string;
let demonstration: Demonstration;
/** The runs of the three days, and one more that finds nothing new. */
let runs: FinishedRun[];
let oneMore: FinishedRun | undefined;
let accountData: AccountDataRun;
const logLines: string[] = [];

/** What lies where runs land, when it was written included. */
async function landedState() {
  return [
    await objectSums(lakeDirectory, 'raw/', 'ledger/'),
    await writeTimes(lakeDirectory, 'raw/', 'ledger/'),
  ];
}
const landedAfterEachRun: Awaited<ReturnType<typeof landedState>>[] = [];

function isMeasure({ apple: { sumOver } }: (typeof REPORT_TABLES)[number]['columns'][number]): boolean {
  return sumOver !== undefined;
}

/** By table: what each app's Dates add up to, as Apple's newest true deliveries say it now. */
function truthNow(): Map<string, unknown[][]> {
  const { apple } = demonstration;
  const apps = apple.apps.map(({ id }) => id).sort();
  const tables = REPORT_TABLES.filter(({ report }) => USUAL_REPORTS.includes(report.name));
  return new Map(
    tables.map(({ name, report, granularity, columns }) => [
      name,
      apps.flatMap((appId) =>
        apple
          .truth(report.name, appId, granularity)
          .dates.map(({ date, rows, measures }) => [
            appId,
            date,
            BigInt(rows),
            ...columns.filter(isMeasure).map((column) => measures[column.apple.name]),
          ]),
      ),
    ]),
  );
}
let truth: ReturnType<typeof truthNow>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demonstration-'));
  lakeDirectory = join(directory, 'lake');
  demonstration = await createDemonstration({
    lakeDirectory,
    assemblyDirectory: join(directory, 'cdk.out'),
    onLog: ({ line }) => logLines.push(line),
    schedules: {
      // Account data goes on whenever nobody holds the clock.
      onEnd: () =>
        demonstration.clock.whileHeld(async () => {
          landedAfterEachRun.push(await landedState());
          truth = truthNow();
        }),
    },
  });
  await demonstration.accountData.begin();
  const all = await demonstration.run(Date.parse('2026-06-06T01:00:00Z'));
  runs = all.slice(0, -1);
  oneMore = all.at(-1);
  accountData = await demonstration.accountData.finish();
}, 600_000);
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

async function personalKeys(): Promise<string[]> {
  const bucket = join(lakeDirectory, 'personal');
  const entries = await readdir(bucket, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(bucket, join(entry.parentPath, entry.name)))
    .filter((key) => !key.startsWith('.'))
    .sort();
}

async function archiveKeys(): Promise<string[]> {
  return (await personalKeys()).filter((key) => key.startsWith('archives/') && key.endsWith('.zip'));
}

function readPersonal(key: string): Promise<Buffer> {
  return readFile(join(lakeDirectory, 'personal', key));
}

function grantOf(externalId: string): Grant {
  const found = accountData.grants.find(({ grant }) => grant.externalId === externalId);
  if (found === undefined) throw new Error(`nobody is called ${externalId}`);
  return found.grant;
}

/** Apple's id of the newest instance that came in whole. */
function currentRequest({ series }: Grant): string | undefined {
  const instances = series.flatMap((each) => each.instances);
  return instances.filter(({ state }) => state === 'fetched').at(-1)?.requestId;
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
    await withLake(async (database) => {
      for (const { name, columns } of REPORT_TABLES) {
        const expected = truth.get(name);
        if (expected === undefined) continue;
        const sums = columns
          .filter(isMeasure)
          .map((column) => `CAST(SUM(CAST(${column.name} AS DECIMAL(18, 6))) AS DOUBLE)`);
        const sql = `SELECT app_id, "date", COUNT(*), ${sums.join(', ')} FROM ${name} GROUP BY 1, 2 ORDER BY 1, 2`;
        expect(expected.length, name).toBeGreaterThan(0);
        expect((await database.answer({ name, sql, header: undefined })).rows, name).toEqual(expected);
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

  it('lands and writes nothing new in one more run at the end of the three days', () => {
    expect(oneMore?.result.status).toBe('SUCCEEDED');
    expect(oneMore === undefined ? undefined : runCounts(oneMore)).toMatchObject({
      landed: 0,
      failed: 0,
      bytes: 0,
    });
    expect(landedAfterEachRun.at(-1)).toEqual(landedAfterEachRun.at(-2));
  });
});

describe('thirty-one days of account data beside them', () => {
  it('bring what the demonstration promises for each of twenty people', () => {
    const happened = accountData.grants.map(({ grant, outcome }) => [
      grant.externalId,
      outcome,
      Map.groupBy(
        grant.series.flatMap(({ instances }) => instances),
        ({ state }) => state,
      ).get('fetched')?.length ?? 0,
    ]);
    expect(happened).toEqual([
      ['daily-whole-series', 'series-ended', 30],
      ['daily-consent-withdrawn', 'grant-revoked', 10],
      ['daily-cancelled', 'cancelled', 11],
      ['daily-still-running', 'in-progress', 8],
      ['weekly-eu', 'in-progress', 5],
      ['weekly-uk-legacy', 'in-progress', 5],
      ['weekly-missed-window', 'expired', 3],
      ['weekly-jp', 'in-progress', 4],
      ['weekly-own-app', 'in-progress', 4],
      ['once-partial', 'fetched-partial', 0],
      ...[
        ...['once-eu', 'once-uk', 'once-jp', 'once-eu-legacy', 'once-uk-legacy', 'once-own-app'],
        ...['once-second-try', 'once-slow', 'once-several-archives', 'once-late'],
      ].map((person) => [person, 'fetched', 1]),
    ]);
  });

  it('are reported with at least a hundred archives', async () => {
    const report = createRunReport({ lakeDirectory, seconds: 1, runs, accountData, mustLand: true });
    const archives = await archiveKeys();
    expect(report.ok).toBe(true);
    expect(archives.length).toBeGreaterThanOrEqual(100);
    expect(report.accountData).toEqual({
      grants: 20,
      archives: archives.length,
      bytes: (await Promise.all(archives.map(readPersonal))).reduce((sum, { length }) => sum + length, 0),
      outcomes: {
        'grant-revoked': 1,
        cancelled: 1,
        expired: 1,
        'fetched-partial': 1,
        'in-progress': 5,
        'series-ended': 1,
        fetched: 10,
      },
    });
  });

  it('hold exactly the archives that simulated Apple served, byte for byte', async () => {
    const { apple } = demonstration.accountData;
    const expected = new Map<string, Buffer>();
    for (const requestId of new Set(apple.servedArchives().map((served) => served.requestId))) {
      const { externalId } = apple.servedArchives().find((served) => served.requestId === requestId) ?? {};
      const grantId = grantOf(externalId ?? '').grantId;
      for (const [index, { bytes }] of (await apple.archivesOf(requestId)).entries())
        expected.set(archiveKey({ grantId, requestId }, index + 1), bytes);
    }
    expect(await archiveKeys()).toEqual([...expected.keys()].sort());
    for (const [key, bytes] of expected) expect(bytes.equals(await readPersonal(key)), key).toBe(true);
  });

  it('give by SQL the rows of every table that a person has now', async () => {
    const { apple } = demonstration.accountData;
    await withLake(async (database) => {
      for (const { grant } of accountData.grants) {
        const current = currentRequest(grant);
        if (current === undefined) continue;
        const tables = apple.membersOf(current).filter(({ rows = [] }) => rows.length > 0);
        const sql = `SELECT member, fields FROM account_data_records WHERE request_id = '${current}' ORDER BY archive, member, row_number`;
        const { rows } = await database.answer({ name: 'records', sql, header: undefined });
        const read = Map.groupBy(rows, ([member]) => member);
        expect(tables.length, grant.externalId).toBeGreaterThan(0);
        for (const { path, rows: sent } of tables) {
          const fields = read.get(path)?.map((row) => JSON.parse(String(row[1])) as unknown);
          expect(fields, `${grant.externalId}: ${path}`).toEqual(sent);
        }
      }
    });
  });

  it("break none of Apple's rules", () => {
    const { apple } = demonstration.accountData;
    expect(apple.violations).toEqual([]);
    expect(
      accountData.executions.filter(({ status }) => status === 'FAILED' || status === 'TIMED_OUT'),
    ).toEqual([]);
    expect(accountData.executions.filter(({ status }) => status === 'ABORTED')).toHaveLength(1);
  });

  it('show no token, code, name of a person or URL query anywhere but in the grants', async () => {
    const { apple, started } = demonstration.accountData;
    const keys = await personalKeys();
    const texts = [
      ...logLines,
      ...keys,
      ...accountData.executions.map((execution) => JSON.stringify(execution)),
      ...(await Promise.all(started.map(async ({ result }) => JSON.stringify(await result)))),
      ...(await Promise.all(
        keys
          .filter((key) => /^(transfers|manifests|members|control|unpacking)\//.test(key))
          .map(async (key) => (await readPersonal(key)).toString('utf8')),
      )),
    ];
    const everything = texts.join('\n');
    expect(texts.length).toBeGreaterThan(500);
    for (const { externalId, refreshToken } of apple.grants) {
      expect(everything).not.toContain(externalId);
      expect(everything).not.toContain(refreshToken);
    }
    expect(everything).not.toMatch(/https?:\/\/[^\s"\\]*\?/);
    expect(everything).not.toMatch(/eyJ[\w-]{10,}\.[\w-]+\./);
    expect(everything).not.toMatch(/Bearer |PRIVATE KEY|refresh_token=|client_secret/i);
  });

  it('show rows of both queries', async () => {
    const shown = await sampleAccountDataAnswers(lakeDirectory, grantOf('daily-whole-series').grantId);
    expect(shown.match(/│ superseded │/g)?.length).toBeGreaterThan(1);
    expect(shown).toContain('app-install-activity/installs');
  });
});
