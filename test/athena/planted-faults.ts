import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ShippedQuery } from '../../local/queries/query-files.ts';
import { filesBelow } from '../../local/s3/files.ts';
import type { CheckList } from '../deploy/check-list.ts';
import type { Answer } from './answers.ts';
import type { GlueTable } from './glue-tables.ts';
import { writeDatabase } from './metastore.ts';
import { AthenaProofError } from './proof-error.ts';
import { queryProblems } from './query-checks.ts';
import { tableProblems } from './table-checks.ts';
import type { TrinoClient } from './trino-client.ts';

const BUCKET = 'analytics';
const TABLE = 'app_downloads_standard_daily';
const MEASURE = 'counts';
/** Shows the measure of each kind of row. */
const QUERY = 'downloads';
/** Databases whose one table is described wrongly. */
const WRONG_DATABASE = 'wrong_table';

/** What the faults are planted in: a lake that both engines read alike. */
export interface PlantedFaultsParts {
  readonly checks: CheckList;
  readonly trino: TrinoClient;
  readonly storage: S3Client;
  readonly lakeDirectory: string;
  readonly tables: readonly GlueTable[];
  /** DuckDB's rows of the tables before anything was planted, by name. */
  readonly rows: ReadonlyMap<string, Answer>;
  readonly queries: readonly { readonly query: ShippedQuery; readonly expected: Answer }[];
}

function recordFound(checks: CheckList, title: string, found: readonly string[]): void {
  const [first] = found;
  checks.record(
    first === undefined ? title : `${title} (${first.slice(0, 160)})`,
    first === undefined ? ['nothing was found'] : [],
  );
}

/** A Parquet file as `file` is, the measure of its first row one higher. */
async function withWrongValue(file: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'wrong-value-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const [source, target] = [join(directory, 'source.parquet'), join(directory, 'target.parquet')];
    await copyFile(file, source);
    await connection.run(
      `COPY (SELECT * EXCLUDE (file_row_number)
        REPLACE (${MEASURE} + CASE WHEN file_row_number = 0 THEN 1 ELSE 0 END AS ${MEASURE}) FROM read_parquet('${source}', file_row_number = true))
        TO '${target}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    return await readFile(target);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Puts an object, looks, and puts things back. */
async function whileObjectIs<T>(
  storage: S3Client,
  Key: string,
  Body: Buffer,
  before: Buffer | undefined,
  look: () => Promise<T>,
): Promise<T> {
  await storage.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
  try {
    return await look();
  } finally {
    if (before === undefined) await storage.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
    else await storage.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: before }));
  }
}

async function plantInObjects(parts: PlantedFaultsParts, table: GlueTable, rows: Answer): Promise<void> {
  const { checks, trino, storage, lakeDirectory } = parts;
  const prefix = `curated/${TABLE}/`;
  const folder = join(lakeDirectory, BUCKET, prefix);
  const [name] = (await filesBelow(folder)).sort();
  if (name === undefined) throw new AthenaProofError(`${folder} holds no file`);
  const original = await readFile(join(folder, name));
  const wrong = await withWrongValue(join(folder, name));
  const answered = parts.queries.find(({ query }) => query.name === QUERY);
  if (answered === undefined) throw new AthenaProofError(`there is no query ${QUERY}`);
  const look = () => tableProblems({ trino, storage }, table, rows);
  await whileObjectIs(storage, prefix + name, wrong, original, async () => {
    recordFound(checks, 'a planted wrong value is found in its table', await look());
    recordFound(
      checks,
      '… and in the answer of a shipped query',
      await queryProblems(trino, answered.query, answered.expected),
    );
  });
  recordFound(
    checks,
    'an object of a Date that the table does not project is found',
    await whileObjectIs(storage, `${prefix}date=2019-01-01/1.parquet`, original, undefined, look),
  );
  recordFound(
    checks,
    'an object that is no Parquet file is found below a table',
    await whileObjectIs(storage, `${prefix}notes.txt`, Buffer.from('no table'), undefined, look),
  );
  checks.record('… and after each of them the table is as it was', await look());
}

async function plantInDescriptions(
  { checks, trino, storage }: PlantedFaultsParts,
  right: GlueTable,
  rows: Answer,
): Promise<void> {
  const template = right.parameters['storage.location.template'] ?? '';
  const faults: Readonly<Record<string, GlueTable>> = {
    'a table with a wrong location': {
      ...right,
      location: right.location.replace(TABLE, 'elsewhere'),
      parameters: {
        ...right.parameters,
        'storage.location.template': template.replace(TABLE, 'elsewhere'),
      },
    },
    'a column with a wrong type': {
      ...right,
      columns: right.columns.map((column) =>
        column.name === MEASURE ? { ...column, type: 'string' } : column,
      ),
    },
    'a table that projects every second Date': {
      ...right,
      parameters: { ...right.parameters, 'projection.date.interval': '2' },
    },
  };
  for (const [index, [title, table]] of Object.entries(faults).entries()) {
    const wrong = { ...table, database: `${WRONG_DATABASE}_${index}` };
    await writeDatabase(storage, wrong.database, [wrong]);
    recordFound(checks, `${title} is found`, await tableProblems({ trino, storage }, wrong, rows));
  }
}

/** Shows that each kind of check can fail: plants faults in objects and in table descriptions, and takes them back. */
export async function checkPlantedFaults(parts: PlantedFaultsParts): Promise<void> {
  const table = parts.tables.find(({ name }) => name === TABLE);
  const rows = parts.rows.get(TABLE);
  if (table === undefined || rows === undefined) throw new AthenaProofError(`there is no table ${TABLE}`);
  await plantInObjects(parts, table, rows);
  await plantInDescriptions(parts, table, rows);
}
