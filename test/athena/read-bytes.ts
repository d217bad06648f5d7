import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { CheckList } from '../deploy/check-list.ts';
import { type GlueTable, inOtherBucket } from './glue-tables.ts';
import { writeDatabase } from './metastore.ts';
import { COLUMN_READING_CATALOG, trinoClient } from './trino-client.ts';
import { makeYearLake } from './year-lake.ts';

const BUCKET = 'year';
const DATABASE = 'year';
/** Bytes of three columns, at most, as a share of the bytes of Apple's files. */
const BOUND = 1 / 12;

export interface ReadBytesParts {
  readonly checks: CheckList;
  readonly print: (line: string) => void;
  readonly trinoOrigin: string;
  readonly storage: S3Client;
  /** Served as S3; a bucket with the year is made in it. */
  readonly lakeDirectory: string;
  readonly tables: readonly GlueTable[];
}

function share(bytes: number, of: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB, 1/${(of / bytes).toFixed(1)}`;
}

/**
 * What Trino reads from storage for three columns of a year, Date, territory and counts, against Apple's own files.
 * The bound is on the columns. Trino reads the last 48 KiB of every file besides, or by default a file below 3 MB
 * as a whole: both are settings of that reader, more than our files weigh, and both are printed.
 */
export async function checkReadBytes(parts: ReadBytesParts): Promise<void> {
  const { checks, print, trinoOrigin } = parts;
  const year = await makeYearLake(join(parts.lakeDirectory, BUCKET));
  const table = inOtherBucket(parts.tables, year.table.name, BUCKET);
  await writeDatabase(parts.storage, DATABASE, [table]);
  const threeColumns = `SELECT "date", territory, SUM(counts) AS counts FROM ${table.name} GROUP BY "date", territory`;
  const total = `SELECT CAST(SUM(counts) AS BIGINT) AS counts, COUNT(DISTINCT "date") AS days FROM (${threeColumns}) AS daily`;
  const byDefault = await trinoClient(trinoOrigin, DATABASE).run(total);
  const columnReading = trinoClient(trinoOrigin, DATABASE, COLUMN_READING_CATALOG);
  const withTails = await columnReading.run(total);
  const tails = await columnReading.run(`SELECT COUNT(*) AS rows FROM ${table.name}`);
  checks.record(`a year of ${year.rows} rows sums up on Trino to what curation counted`, [
    ...[byDefault, withTails].flatMap(({ rows: [row = []] }) =>
      row.join() === `${year.counts},${year.days}`
        ? []
        : [`${row.join()} instead of ${year.counts},${year.days}`],
    ),
    ...(tails.rows[0]?.[0] === String(year.rows)
      ? []
      : [`${tails.rows[0]?.[0]} rows instead of ${year.rows}`]),
  ]);
  const columns = withTails.physicalInputBytes - tails.physicalInputBytes;
  print(`Apple's files of the year: ${(year.rawBytes / 1e6).toFixed(1)} MB in ${year.deliveredRows} rows`);
  print(`curated objects: ${share(year.curatedBytes, year.rawBytes)} of that`);
  print(
    `physical input for three columns, files read whole: ${share(byDefault.physicalInputBytes, year.rawBytes)}`,
  );
  print(
    `physical input for three columns, with the tails of all files: ${share(withTails.physicalInputBytes, year.rawBytes)}`,
  );
  checks.record(
    `of three columns Trino reads ${share(columns, year.rawBytes)} of Apple's files (bound 1/${1 / BOUND})`,
    columns > 0 && columns <= BOUND * year.rawBytes ? [] : ['that is more than the bound'],
  );
}
