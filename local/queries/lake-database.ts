import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  StatementType,
} from '@duckdb/node-api';
import {
  ACCOUNT_DATA_DATABASE_NAME,
  ACCOUNT_DATA_TABLES,
  DATABASE_NAME,
  LINES_TABLES,
  type PrefixTableDescription,
} from '../../infra/tables.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { filesBelow, unlessAbsent } from '../s3/files.ts';
import { type Cell, cellOf } from './cells.ts';
import { LakeNotFoundError, QueryFailedError } from './errors.ts';
import { curatedView, literal, prefixTableView, withoutWildcards } from './lake-views.ts';
import { parameterValues } from './parameters.ts';
import type { QueryFile } from './query-files.ts';

/** Name under which Athena knows the databases as well. */
const CATALOG = 'awsdatacatalog';

const ANALYTICS_BUCKET = 'analytics';
const PERSONAL_BUCKET = 'personal';

/** The tables over every object of a prefix, each with its database and the folder of its bucket. */
const PREFIX_TABLES = [
  ...LINES_TABLES.map((table) => ({ table, database: DATABASE_NAME, bucket: ANALYTICS_BUCKET })),
  ...ACCOUNT_DATA_TABLES.map((table) => ({
    ...{ table, database: ACCOUNT_DATA_DATABASE_NAME, bucket: PERSONAL_BUCKET },
  })),
];

export interface QueryAnswer {
  /** `type` as DuckDB names it, e.g. `BIGINT` or `DECIMAL(38,6)`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A lake directory, seen as Athena sees the buckets. */
export interface LakeDatabase {
  /**
   * Answers a query; values of parameters are text, those that are not given take the header's defaults. Throws
   * QueryParametersError and QueryFailedError.
   */
  answer(query: QueryFile, values?: readonly string[]): Promise<QueryAnswer>;
  close(): void;
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

function folderOf(bucketFolder: string, { prefix }: PrefixTableDescription): string {
  return join(bucketFolder, prefix.replace(/\/$/, ''));
}

async function viewFor(lake: string, name: string): Promise<string | undefined> {
  const report = REPORT_TABLES.find((each) => each.name === name);
  if (report !== undefined) {
    const folder = join(lake, ANALYTICS_BUCKET, 'curated', name);
    return curatedView(report, await folderWithFiles(folder, '.parquet'));
  }
  const found = PREFIX_TABLES.find(({ table }) => table.name === name);
  if (found === undefined) return undefined;
  const { table, database, bucket } = found;
  const folder = folderOf(join(lake, bucket), table);
  return prefixTableView(database, table, await folderWithFiles(folder, table.extension));
}

/**
 * Makes the views of the tables whose names occur in the text, be it in a comment; making them all would open every
 * file of the lake.
 */
async function makeViews(
  connection: DuckDBConnection,
  lake: string,
  made: Set<string>,
  sql: string,
): Promise<void> {
  for (const name of new Set(sql.toLowerCase().match(/\w+/g))) {
    const view = made.has(name) ? undefined : await viewFor(lake, name);
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

/** What a query may read: no grants, and nothing else of the personal bucket that is no table. */
function readableFolders(lake: string): string[] {
  const personal = ACCOUNT_DATA_TABLES.map((table) => folderOf(join(lake, PERSONAL_BUCKET), table));
  return [join(lake, ANALYTICS_BUCKET), ...personal];
}

/** DuckDB in memory that can read the tables' folders and nothing else, and fetches no extension. */
async function connect(lake: string): Promise<{ connection: DuckDBConnection; close(): void }> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run(`ATTACH ':memory:' AS ${CATALOG}`);
  const schemas = [DATABASE_NAME, ACCOUNT_DATA_DATABASE_NAME].map((name) => `${CATALOG}.${name}`);
  for (const schema of schemas) await connection.run(`CREATE SCHEMA ${schema}`);
  await connection.run(`SET search_path = ${literal(schemas.join(','))}`);
  // The pattern of a view is checked as it is written, and each file that it finds once more.
  const readable = readableFolders(lake).flatMap((folder) => [folder, withoutWildcards(folder)].map(literal));
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
 * Opens a lake directory for queries: one view per table that the catalog can make and the pipeline's own, in
 * `apple_analytics`, and those of account data, in `apple_account_data`; empty where the lake has no file of it.
 * Throws LakeNotFoundError.
 */
export async function openLakeDatabase(lakeDirectory: string): Promise<LakeDatabase> {
  const lake = resolve(lakeDirectory);
  if ((await unlessAbsent(readdir(join(lake, ANALYTICS_BUCKET)))) === undefined) {
    throw new LakeNotFoundError(
      `${lakeDirectory} is no lake: it has no folder ${ANALYTICS_BUCKET}. Run npm start or npm run sync first, or name another folder with --lake`,
    );
  }
  const { connection, close } = await connect(lake);
  const made = new Set<string>();
  return {
    async answer(query, given = []) {
      let statement: DuckDBPreparedStatement;
      try {
        await makeViews(connection, lake, made, query.sql);
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
