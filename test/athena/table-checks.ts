import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { ACCOUNT_DATA_TABLES, LINES_TABLES } from '../../infra/tables.ts';
import { REPORT_TABLES, type TableColumn } from '../../lambdas/lib/analytics/report-tables.ts';
import type { LakeDatabase } from '../../local/queries/lake-database.ts';
import { tableColumns } from '../../local/queries/lake-views.ts';
import { type Answer, differences, duckdbAnswer, sorted } from './answers.ts';
import type { GlueTable } from './glue-tables.ts';
import { AthenaProofError } from './proof-error.ts';
import { type TrinoClient, TrinoQueryError } from './trino-client.ts';

/** A lake under the eyes of both engines. */
export interface TwoEngines {
  readonly trino: TrinoClient;
  readonly duckdb: LakeDatabase;
  readonly storage: S3Client;
}

/** Types that Trino calls otherwise than this project and Glue do. */
const TRINO_TYPES: Readonly<Record<string, string>> = { TIMESTAMP: 'timestamp(3)' };

/** The columns that a table must have, as the code that writes its objects says them. */
export function columnsOf(name: string): readonly TableColumn[] {
  const table = REPORT_TABLES.find((each) => each.name === name);
  const other = [...LINES_TABLES, ...ACCOUNT_DATA_TABLES].find((each) => each.name === name);
  const columns = table === undefined ? other?.columns : tableColumns(table);
  if (columns === undefined) throw new AthenaProofError(`nothing in this project writes the table ${name}`);
  return columns;
}

function quoted(name: string): string {
  return `"${name}"`;
}

async function columnProblems(
  trino: TrinoClient,
  { database, name }: GlueTable,
  columns: readonly TableColumn[],
): Promise<string[]> {
  const { rows } = await trino.run(
    'SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ' +
      'ORDER BY ordinal_position',
    [database, name],
  );
  const found = rows.map((row) => row.join(' ').replaceAll('"', ''));
  const expected = columns.map(
    ({ name: column, type }) => `${column} ${TRINO_TYPES[type] ?? type.toLowerCase()}`,
  );
  const places = Array.from({ length: Math.max(found.length, expected.length) }, (_, index) => index);
  return places
    .filter((index) => found[index] !== expected[index])
    .map((index) => `column ${index + 1} is ${found[index]} instead of ${expected[index]}`);
}

/** Those with content: the lines of an instance without members are an empty object. */
async function objectsBelow(storage: S3Client, location: string): Promise<string[]> {
  const [, Bucket = '', Prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(location) ?? [];
  const objects: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client: storage }, { Bucket, Prefix })) {
    const withContent = Contents.filter(({ Size }) => Size !== 0);
    objects.push(...withContent.map(({ Key = '' }) => `s3://${Bucket}/${Key}`));
  }
  return objects;
}

/** Runs `work`; when Trino refuses it, adds why to `problems` and gives undefined. */
export async function refusalAsProblem<T>(
  problems: string[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TrinoQueryError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

/** All rows of a table, sorted, and the objects that Trino read them from. */
async function trinoRows(trino: TrinoClient, { database, name }: GlueTable) {
  const { columns, rows } = await trino.run(`SELECT *, "$path" FROM ${quoted(database)}.${quoted(name)}`);
  const answer: Answer = { columns: columns.slice(0, -1), rows: rows.map((row) => row.slice(0, -1)) };
  return { answer: sorted(answer), objects: new Set(rows.map((row) => JSON.parse(row.at(-1) ?? '""'))) };
}

/** All rows of a table, and the keys of those of its objects that have none. */
export interface ExpectedRows extends Answer {
  readonly emptyObjects: ReadonlySet<string>;
}

/** A member without rows is an object all the same; the lines about members tell which. */
const EMPTY_OBJECTS: Readonly<Record<string, string>> = {
  account_data_records: 'SELECT object_key FROM account_data_files WHERE "rows" = 0',
};

async function emptyObjects(duckdb: LakeDatabase, name: string): Promise<ReadonlySet<string>> {
  const sql = EMPTY_OBJECTS[name];
  if (sql === undefined) return new Set();
  const { rows } = await duckdb.answer({ name, sql, header: undefined });
  return new Set(rows.map(([key]) => String(key)));
}

/** All rows of a table of the lake directory, sorted, as DuckDB reads them. */
export async function expectedRows(duckdb: LakeDatabase, name: string): Promise<ExpectedRows> {
  const columns = columnsOf(name).map((column) => quoted(column.name));
  const sql = `SELECT ${columns.join(', ')} FROM ${quoted(name)}`;
  const answer = sorted(duckdbAnswer(await duckdb.answer({ name, sql, header: undefined })));
  return { ...answer, emptyObjects: await emptyObjects(duckdb, name) };
}

/**
 * What is wrong with a table: columns and types are not the shipped ones, its rows are not the expected ones, or an
 * object below its prefix is none that its rows come from. What Trino refuses is a problem too.
 */
export async function tableProblems(
  { trino, storage }: Pick<TwoEngines, 'trino' | 'storage'>,
  table: GlueTable,
  expected: ExpectedRows,
): Promise<string[]> {
  const problems = await columnProblems(trino, table, columnsOf(table.name));
  const read = await refusalAsProblem(problems, () => trinoRows(trino, table));
  if (read === undefined) return problems;
  problems.push(...differences(expected, read.answer));
  for (const object of await objectsBelow(storage, table.location)) {
    const key = object.replace(/^s3:\/\/[^/]+\//, '');
    if (!read.objects.has(object) && !expected.emptyObjects.has(key)) {
      problems.push(`Trino reads no row from ${object}`);
    }
  }
  return problems;
}

/** Tables whose prefix lies in another one's, so that each would read the other's objects. */
export function nestedTables(tables: readonly GlueTable[]): string[] {
  return tables.flatMap((inner) =>
    tables
      .filter((outer) => outer !== inner && inner.location.startsWith(outer.location))
      .map((outer) => `${inner.name} lies below ${outer.name}`),
  );
}

/** What Trino says of a table's first Date, for which the lake has no object: it must be no rows, and no error. */
export async function emptyDateProblems(
  trino: TrinoClient,
  { database, name, parameters }: GlueTable,
): Promise<string[]> {
  const firstDate = parameters['projection.date.range']?.split(',')[0];
  if (firstDate === undefined) return [`${name} projects no Dates`];
  const problems: string[] = [];
  const sql = `SELECT * FROM ${quoted(database)}.${quoted(name)} WHERE "date" = CAST(? AS DATE)`;
  const answer = await refusalAsProblem(problems, () => trino.run(sql, [firstDate]));
  if (answer !== undefined && answer.rows.length > 0) {
    problems.push(`there are ${answer.rows.length} rows of ${firstDate}`);
  }
  return problems.map((problem) => `${name}: ${problem}`);
}
