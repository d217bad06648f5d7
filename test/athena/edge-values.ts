import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { type ColumnType, findReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import { type ReportTable, reportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import { segmentText } from '../../local/apple/segment-text.ts';
import type { CheckList } from '../deploy/check-list.ts';
import type { Cell } from './answers.ts';
import { differences, sorted } from './answers.ts';
import { type GlueTable, inOtherBucket } from './glue-tables.ts';
import { writeDatabase } from './metastore.ts';
import { AthenaProofError } from './proof-error.ts';
import { trinoClient } from './trino-client.ts';

/** Has columns of every type. */
const REPORT = 'App Store Purchases Standard';
const BUCKET = 'edge';
const DATABASE = 'edge';
const APP_ID = '6440000007';
const DATE = '2026-06-01';
const PROCESSING_DATE = '2026-06-03';
const INSTANCE = 'instance-edge';
const NEW_COLUMN = 'Acquisition Channel';

/** Fields of Apple's file, and what each must be when Trino has read it. */
const FIELDS: Readonly<Record<ColumnType, readonly (readonly [field: string, cell: Cell])[]>> = {
  BIGINT: [
    ['9007199254740993', '9007199254740993'],
    ['9223372036854775807', '9223372036854775807'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['', 'NULL'],
    ['007', '7'],
  ],
  DOUBLE: [
    ['0.1', '0.1'],
    ['-19.99', '-19.99'],
    ['', 'NULL'],
    ['123456789.123456', '123456789.123456'],
    ['0.00', '0'],
  ],
  DATE: [
    ['2024-02-29', '2024-02-29'],
    ['', 'NULL'],
    ['1999-12-31', '1999-12-31'],
    ['2026-06-01', '2026-06-01'],
    ['', 'NULL'],
  ],
  VARCHAR: [
    ['Café 😀 שלום', '"Café 😀 שלום"'],
    ['say "hello"', JSON.stringify('say "hello"')],
    ['back\\slash', JSON.stringify('back\\slash')],
    ['', 'NULL'],
    [' 007 ', '" 007 "'],
  ],
};
const ROWS = FIELDS.BIGINT.length;

function edge(type: ColumnType, row: number): readonly [field: string, cell: Cell] {
  return FIELDS[type][row] ?? ['', 'NULL'];
}

function edgeRows(table: ReportTable): { fields: string[][]; cells: Cell[][] } {
  const rows = Array.from({ length: ROWS }, (_, row) => row);
  const { columns, dateColumn } = table.report;
  return {
    fields: rows.map((row) => [
      ...columns.map(({ name, type }) => (name === dateColumn ? DATE : edge(type, row)[0])),
      `channel "${row}"`,
    ]),
    cells: rows.map((row) => [
      ...table.columns.map(({ type }) => edge(type, row)[1]),
      ...[`"${APP_ID}"`, PROCESSING_DATE, '"ongoing"', 'true', `"${INSTANCE}"`],
      `{"${NEW_COLUMN}": ${JSON.stringify(`channel "${row}"`)}}`,
      DATE,
    ]),
  };
}

async function writeObject(table: ReportTable, fields: string[][], bucketFolder: string): Promise<void> {
  const columns = [...table.report.columns.map(({ name }) => name), NEW_COLUMN];
  const raw = gzipSync(segmentText({ columns, rows: fields }, [], 'edge'));
  const workDirectory = await mkdtemp(join(tmpdir(), 'edge-values-'));
  try {
    const curated = await curateDelivery({
      ...{ table, workDirectory, appId: APP_ID, access: 'ONGOING', instanceId: INSTANCE },
      processingDate: PROCESSING_DATE,
      segments: [{ key: 'edge.tsv.gz', open: async () => Readable.from([raw]) }],
      mayGoOn: () => true,
    });
    const [date] = curated === 'out-of-time' ? [] : curated.dates;
    if (date === undefined) throw new AthenaProofError('curation left nothing of the edge values');
    const folder = join(bucketFolder, 'curated', table.name, `date=${DATE}`);
    await mkdir(folder, { recursive: true });
    await copyFile(date.file, join(folder, `${APP_ID}.parquet`));
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

export interface EdgeValuesParts {
  readonly checks: CheckList;
  readonly trinoOrigin: string;
  readonly storage: S3Client;
  /** Served as S3; a bucket is made in it. */
  readonly lakeDirectory: string;
  readonly tables: readonly GlueTable[];
}

/** Curates one file with the extreme values of every type and a column that the catalog lacks; Trino must read each. */
export async function checkEdgeValues(parts: EdgeValuesParts): Promise<void> {
  const report = findReport(REPORT);
  if (report === undefined) throw new AthenaProofError(`the catalog has no report ${REPORT}`);
  const table = reportTable(report, 'DAILY');
  const { fields, cells } = edgeRows(table);
  await writeObject(table, fields, join(parts.lakeDirectory, BUCKET));
  await writeDatabase(parts.storage, DATABASE, [inOtherBucket(parts.tables, table.name, BUCKET)]);
  const answer = await trinoClient(parts.trinoOrigin, DATABASE).run(`SELECT * FROM ${table.name}`);
  parts.checks.record(
    'extreme values of every type, and a new column of Apple’s in extra, come out of a curated object as they went in',
    differences(sorted({ columns: answer.columns, rows: cells }), sorted(answer)),
  );
}
