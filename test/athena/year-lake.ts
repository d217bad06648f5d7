import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { findReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import { type ReportTable, reportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import { addDays } from '../../lambdas/lib/runtime/clock.ts';
import { drawStateOf, unitOf } from '../../local/apple/random.ts';
import { REPORTS, type Report } from '../../local/apple/report-data/reports.ts';
import { rowsOfDate } from '../../local/apple/report-rows.ts';
import { segmentText } from '../../local/apple/segment-text.ts';
import { AthenaProofError } from './proof-error.ts';

const REPORT = 'App Downloads Standard';
const APP = { id: '6449999999', name: 'Field Notes' };
const FIRST_DATE = '2025-01-01';
const DAYS = 365;
/** Days with rows of their own, after which they repeat: what a day's files weigh does not depend on the others. */
const DISTINCT_DAYS = 7;
/** Dates in a delivery, the older one final in it. */
const DATES_IN_DELIVERY = 2;
/** Of one Date before rows with the same dimensions are left out: 32,000 remain in a delivery of two Dates. */
const ROWS_DRAWN = 22_200;

/**
 * Counts follow a power law, 13 on average: an app with so many rows a day does not have the hundred downloads in
 * each of them that simulated Apple draws, and numbers weigh what they vary.
 */
const SMALLEST_COUNT = 5;
const COUNT_EXPONENT = 1.6;

/** A year of one app in one table, as it would have been delivered and curated day after day. */
export interface YearLake {
  readonly table: ReportTable;
  readonly days: number;
  /** Rows of all Dates, and the sum of their `counts`. */
  readonly rows: number;
  readonly counts: number;
  /** Rows of all deliveries, each of which tells its Date before last a second time. */
  readonly deliveredRows: number;
  /** Of Apple's files, gzip as delivered. */
  readonly rawBytes: number;
  readonly curatedBytes: number;
}

interface CuratedDay {
  readonly file: string;
  readonly bytes: number;
  readonly rows: number;
  readonly counts: number;
  readonly deliveredRows: number;
  readonly rawBytes: number;
}

const appleReport = REPORTS.find(({ name }) => name === REPORT);
const catalogReport = findReport(REPORT);

function drawnRows(report: Report, date: string, ageDays: number): string[][] {
  const counts = report.columns.findIndex(({ name }) => name === 'Counts');
  const delivery = { seed: 365, app: APP, report, granularity: 'DAILY', rowsPerDate: ROWS_DRAWN } as const;
  return rowsOfDate({ ...delivery, date, ageDays }).map((row, index) => {
    const share = unitOf(drawStateOf(date, index));
    return row.with(counts, String(Math.floor(SMALLEST_COUNT * (1 - share) ** (-1 / COUNT_EXPONENT))));
  });
}

/** The delivery that makes `date` final, and what it leaves of that Date. */
async function curateDay(table: ReportTable, date: string, workDirectory: string): Promise<CuratedDay> {
  if (appleReport === undefined) throw new AthenaProofError(`simulated Apple has no report ${REPORT}`);
  const report = appleReport;
  const rows = Array.from({ length: DATES_IN_DELIVERY }, (_, index) =>
    drawnRows(report, addDays(date, index), DATES_IN_DELIVERY - index),
  ).flat();
  const columns = report.columns.map(({ name }) => name);
  const raw = await promisify(gzip)(segmentText({ columns, rows }, [], date));
  await mkdir(workDirectory);
  const curated = await curateDelivery({
    ...{ table, workDirectory, appId: APP.id, access: 'ONGOING', instanceId: `instance-${date}` },
    processingDate: addDays(date, DATES_IN_DELIVERY),
    segments: [{ key: `${date}.tsv.gz`, open: async () => Readable.from([raw]) }],
    mayGoOn: () => true,
  });
  const own = curated === 'out-of-time' ? undefined : curated.dates.find((found) => found.date === date);
  if (own === undefined) throw new AthenaProofError(`curation left nothing of ${date}`);
  return {
    ...{ file: own.file, bytes: own.bytes, rows: own.rows, counts: own.sums.counts ?? 0 },
    ...{ deliveredRows: rows.length, rawBytes: raw.length },
  };
}

/** Writes the curated objects of a year of an app with 32,000 rows a delivery into the folder of a bucket. */
export async function makeYearLake(bucketFolder: string): Promise<YearLake> {
  if (catalogReport === undefined) throw new AthenaProofError(`the catalog has no report ${REPORT}`);
  const table = reportTable(catalogReport, 'DAILY');
  const work = await mkdtemp(join(tmpdir(), 'year-lake-'));
  try {
    const days: CuratedDay[] = [];
    for (let day = 0; day < DISTINCT_DAYS; day += 1) {
      const date = addDays(FIRST_DATE, day);
      days.push(await curateDay(table, date, join(work, date)));
    }
    const year = Array.from({ length: DAYS }, (_, day) => days[day % DISTINCT_DAYS] as CuratedDay);
    for (const [day, { file }] of year.entries()) {
      const folder = join(bucketFolder, 'curated', table.name, `date=${addDays(FIRST_DATE, day)}`);
      await mkdir(folder, { recursive: true });
      await copyFile(file, join(folder, `${APP.id}.parquet`));
    }
    const total = (figure: (day: CuratedDay) => number) => year.reduce((sum, day) => sum + figure(day), 0);
    return {
      table,
      days: DAYS,
      rows: total(({ rows }) => rows),
      counts: total(({ counts }) => counts),
      deliveredRows: total(({ deliveredRows }) => deliveredRows),
      rawBytes: total(({ rawBytes }) => rawBytes),
      curatedBytes: total(({ bytes }) => bytes),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
