import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBValue,
  StatementType,
} from '@duckdb/node-api';
import { FRESHNESS_COLUMNS } from '../../lambdas/lib/analytics/freshness-columns.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { DELIVERY_COLUMNS } from '../../lambdas/lib/lake/delivery-columns.ts';
import { filesBelow, unlessAbsent } from '../s3/files.ts';
import { LakeNotFoundError, QueryFailedError } from './errors.ts';
import { curatedView, jsonLinesView, literal, withoutWildcards } from './lake-views.ts';
import { parameterValues } from './parameters.ts';
import type { QueryFile } from './query-files.ts';

/** Names under which Athena knows the tables as well. */
const CATALOG = 'awsdatacatalog';
const SCHEMA = 'apple_analytics';

const BUCKET = 'analytics';
const LINES_TABLES = { deliveries: DELIVERY_COLUMNS, freshness: FRESHNESS_COLUMNS };

/** A value of an answer: dates, decimals and whatever else has no JavaScript type as their text. */
export type Cell = string | number | bigint | boolean | null;

export interface QueryAnswer {
  /** `type` as DuckDB names it, e.g. `BIGINT` or `DECIMAL(38,6)`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A lake directory, seen as Athena sees the bucket. */
export interface LakeDatabase {
  /**
   * Answers a query; values of parameters are text, those that are not given take the header's defaults. Throws
   * QueryParametersError and QueryFailedError.
   */
  answer(query: QueryFile, values?: readonly string[]): Promise<QueryAnswer>;
  close(): void;
}

function cellOf(value: DuckDBValue): Cell {
  return typeof value === 'object' && value !== null ? String(value) : value;
}

function failure(query: QueryFile, error: unknown): QueryFailedError {
  const text = error instanceof Error ? error.message : String(error);
  const hint = /^(Catalog|Binder) Error/.test(text)
    ? '\ndocs/data-contract.md lists every table and column'
    : '';
  return new QueryFailedError(`${query.name}: ${text}${hint}`);
}

/** The folder of a table while any of its files lies there: a view over no file at all cannot be made. */
async function folderWithFiles(folder: string, extension: string): Promise<string | undefined> {
  const files = await filesBelow(folder);
  return files.some((file) => file.endsWith(extension)) ? folder : undefined;
}

async function viewFor(bucket: string, name: string): Promise<string | undefined> {
  const table = REPORT_TABLES.find((each) => each.name === name);
  if (table !== undefined) {
    return curatedView(table, await folderWithFiles(join(bucket, 'curated', name), '.parquet'));
  }
  const lines = Object.entries(LINES_TABLES).find(([each]) => each === name);
  if (lines === undefined) return undefined;
  return jsonLinesView(name, lines[1], await folderWithFiles(join(bucket, name), '.json'));
}

/**
 * Makes the views of the tables whose names occur in the text, be it in a comment; making them all would open every
 * file of the lake.
 */
async function makeViews(
  connection: DuckDBConnection,
  bucket: string,
  made: Set<string>,
  sql: string,
): Promise<void> {
  for (const name of new Set(sql.toLowerCase().match(/\w+/g))) {
    const view = made.has(name) ? undefined : await viewFor(bucket, name);
    if (view === undefined) continue;
    await connection.run(view);
    made.add(name);
  }
}

async function prepareSelect(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  if (sql.replace(/--.*$/gm, '').trim() === '') throw new Error('it holds no statement');
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw new Error(`it holds ${statements.count} statements instead of one`);
  const statement = await statements.prepare(0);
  if (statement.statementType !== StatementType.SELECT) throw new Error('it is no SELECT statement');
  return statement;
}

/** DuckDB in memory that can read the bucket's folder and nothing else, and fetches no extension. */
async function connect(bucket: string): Promise<{ connection: DuckDBConnection; close(): void }> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run(`ATTACH ':memory:' AS ${CATALOG}`);
  await connection.run(`CREATE SCHEMA ${CATALOG}.${SCHEMA}`);
  await connection.run(`USE ${CATALOG}.${SCHEMA}`);
  // The pattern of a view is checked as it is written, and each file that it finds once more.
  const readable = [bucket, withoutWildcards(bucket)].map(literal);
  await connection.run(`SET allowed_directories = [${readable.join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  return {
    connection,
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/**
 * Opens a lake directory for queries: one view per table that the catalog can make, empty where the lake has no
 * file of it, and `deliveries` and `freshness`, all in `apple_analytics`. Throws LakeNotFoundError.
 */
export async function openLakeDatabase(lakeDirectory: string): Promise<LakeDatabase> {
  const bucket = join(resolve(lakeDirectory), BUCKET);
  if ((await unlessAbsent(readdir(bucket))) === undefined) {
    throw new LakeNotFoundError(
      `${lakeDirectory} is no lake: it has no folder ${BUCKET}. Run npm start or npm run sync first, or name another folder with --lake`,
    );
  }
  const { connection, close } = await connect(bucket);
  const made = new Set<string>();
  return {
    async answer(query, given = []) {
      let statement: DuckDBPreparedStatement;
      try {
        await makeViews(connection, bucket, made, query.sql);
        statement = await prepareSelect(connection, query.sql);
      } catch (error) {
        throw failure(query, error);
      }
      const values = parameterValues(query, statement.parameterCount, given);
      try {
        values.forEach((value, index) => {
          statement.bindVarchar(index + 1, value);
        });
        const reader = await statement.runAndReadAll();
        const types = reader.columnTypes();
        return {
          columns: reader.columnNames().map((name, index) => ({ name, type: String(types[index]) })),
          rows: reader.getRows().map((row) => row.map(cellOf)),
        };
      } catch (error) {
        throw failure(query, error);
      } finally {
        statement.destroySync();
      }
    },
    close,
  };
}
