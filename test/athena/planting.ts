import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ShippedQuery } from '../../local/queries/query-files.ts';
import type { CheckList } from '../deploy/check-list.ts';
import type { Answer } from './answers.ts';
import type { GlueTable } from './glue-tables.ts';
import { AthenaProofError } from './proof-error.ts';
import { queryProblems } from './query-checks.ts';
import type { ExpectedRows } from './table-checks.ts';
import type { TrinoClient } from './trino-client.ts';

/** A shipped query with DuckDB's answer, and a client in whose database it runs. */
export interface AnsweredQuery {
  readonly query: ShippedQuery;
  readonly expected: Answer;
  readonly trino: TrinoClient;
}

/** What faults are planted in: a lake that both engines read alike. */
export interface PlantedFaultsParts {
  readonly checks: CheckList;
  readonly trino: TrinoClient;
  readonly storage: S3Client;
  readonly lakeDirectory: string;
  readonly tables: readonly GlueTable[];
  /** DuckDB's rows of the tables before anything was planted, by name. */
  readonly rows: ReadonlyMap<string, ExpectedRows>;
  readonly queries: readonly AnsweredQuery[];
}

/** A table with its rows before anything was planted; throws `AthenaProofError` when there is none. */
export function tableAndRows(
  { tables, rows }: PlantedFaultsParts,
  name: string,
): { readonly table: GlueTable; readonly expected: ExpectedRows } {
  const table = tables.find((each) => each.name === name);
  const expected = rows.get(name);
  if (table === undefined || expected === undefined) throw new AthenaProofError(`there is no table ${name}`);
  return { table, expected };
}

/** A planted fault counts as a passed check where something was found. */
export function recordFound(checks: CheckList, title: string, found: readonly string[]): void {
  const [first] = found;
  checks.record(
    first === undefined ? title : `${title} (${first.slice(0, 160)})`,
    first === undefined ? ['nothing was found'] : [],
  );
}

/** The same for the answer of a shipped query. */
export async function recordFoundInAnswer(
  { checks, queries }: PlantedFaultsParts,
  title: string,
  name: string,
): Promise<void> {
  const answered = queries.find(({ query }) => query.name === name);
  if (answered === undefined) throw new AthenaProofError(`there is no query ${name}`);
  recordFound(checks, title, await queryProblems(answered.trino, answered.query, answered.expected));
}

/** A Parquet file as `file` is, a number of its first row one higher. */
export async function withWrongNumber(file: string, column: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'wrong-value-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const [source, target] = [join(directory, 'source.parquet'), join(directory, 'target.parquet')];
    await copyFile(file, source);
    await connection.run(
      `COPY (SELECT * EXCLUDE (file_row_number)
        REPLACE (${column} + CASE WHEN file_row_number = 0 THEN 1 ELSE 0 END AS ${column}) FROM read_parquet('${source}', file_row_number = true))
        TO '${target}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    return await readFile(target);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Puts an object, looks, and puts things back: `before` is what lay there. */
export async function whileObjectIs<T>(
  storage: S3Client,
  object: { readonly Bucket: string; readonly Key: string },
  Body: Buffer,
  before: Buffer | undefined,
  look: () => Promise<T>,
): Promise<T> {
  await storage.send(new PutObjectCommand({ ...object, Body }));
  try {
    return await look();
  } finally {
    if (before === undefined) await storage.send(new DeleteObjectCommand(object));
    else await storage.send(new PutObjectCommand({ ...object, Body: before }));
  }
}
