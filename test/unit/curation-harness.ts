import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach } from 'vitest';
import type { CatalogReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import { reportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import {
  type CuratedDelivery,
  curateDelivery,
  type DeliveryToCurate,
  type SegmentSource,
} from '../../lambdas/lib/curation/curate-delivery.ts';

/** A report of no catalog, with every type of column and every kind of measure. */
export const REPORT: CatalogReport = {
  name: 'Things Sold',
  slug: 'things-sold',
  category: 'COMMERCE',
  level: null,
  granularities: ['DAILY', 'WEEKLY'],
  completenessDays: 2,
  historyStart: '2026-01-01',
  dateColumn: 'Date',
  semantics: 'replace',
  templateOnly: false,
  columns: [
    { name: 'Date', type: 'DATE' },
    { name: 'Name', type: 'VARCHAR' },
    { name: 'Thing Identifier', type: 'BIGINT' },
    { name: 'Download Date', type: 'DATE' },
    { name: 'Counts', type: 'BIGINT', sumOver: ['dimensions', 'dates'] },
    { name: 'Proceeds in USD', type: 'DOUBLE', sumOver: ['dimensions', 'dates'] },
    { name: 'Paying Users', type: 'BIGINT', sumOver: [] },
  ],
};
export const TABLE = reportTable(REPORT, 'DAILY');
export const HEADER = REPORT.columns.map(({ name }) => name);

/** Lines of tab-separated fields. */
export function lines(...rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.join('\t')}\n`).join('');
}

/** A file of `REPORT` with these rows under its header. */
export function things(...rows: readonly (readonly string[])[]): string {
  return lines(HEADER, ...rows);
}

/** A row of `REPORT`; what is not given is plain. */
export function thing(
  values: {
    readonly date?: string;
    readonly name?: string;
    readonly id?: string;
    readonly downloaded?: string;
    readonly counts?: string;
    readonly proceeds?: string;
    readonly users?: string;
  } = {},
): string[] {
  const { date = '2026-11-01', name = 'A', id = '1', downloaded = '', counts = '1' } = values;
  return [date, name, id, downloaded, counts, values.proceeds ?? '0.5', values.users ?? '1'];
}

/** A segment that is already gzip, read in pieces. */
export function gzipSegment(bytes: Buffer, key = 'raw/1.tsv.gz', pieceBytes = 65_536): SegmentSource {
  return {
    key,
    open: () => {
      const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, piece) =>
        bytes.subarray(piece * pieceBytes, (piece + 1) * pieceBytes),
      );
      return Promise.resolve(Readable.from(pieces));
    },
  };
}

export function segment(text: string | Buffer, key?: string): SegmentSource {
  return gzipSegment(gzipSync(text), key);
}

const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

export async function workDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'curation-'));
  directories.push(directory);
  return directory;
}

/** A delivery of `REPORT`, a fresh work directory with it; it has all the time it needs. */
export async function deliveryOf(
  segments: readonly SegmentSource[],
  changes: Partial<DeliveryToCurate> = {},
): Promise<DeliveryToCurate> {
  return {
    ...{ table: TABLE, appId: '42', processingDate: '2026-11-20', access: 'ONGOING', instanceId: 'i-1' },
    ...{ segments, mayGoOn: () => true },
    workDirectory: await workDirectory(),
    ...changes,
  };
}

/** Curates and expects an end. */
export async function curate(
  segments: readonly (SegmentSource | string)[],
  changes: Partial<DeliveryToCurate> = {},
): Promise<CuratedDelivery> {
  const sources = segments.map((each, index) =>
    typeof each === 'string' ? segment(each, `raw/${index + 1}.tsv.gz`) : each,
  );
  const curated = await curateDelivery(await deliveryOf(sources, changes));
  if (curated === 'out-of-time') throw new Error('curation ran out of time');
  return curated;
}

/** What a query over one or more Parquet files answers; `files` stands in it for them. */
export async function query(
  curated: CuratedDelivery,
  sql: string,
): Promise<Readonly<Record<string, unknown>>[]> {
  const files = curated.dates.map(({ file }) => `'${file}'`).join(', ');
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql.replaceAll('files', `[${files}]`));
    return reader.getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Every file's bytes by its name. */
export async function filesOf(curated: CuratedDelivery): Promise<Readonly<Record<string, string>>> {
  const entries = await Promise.all(
    curated.dates.map(async ({ date, file }) => [date, (await readFile(file)).toString('base64')] as const),
  );
  return Object.fromEntries(entries);
}

export async function openDescriptors(): Promise<number> {
  return (await readdir('/dev/fd')).length;
}
