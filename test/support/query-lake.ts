import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ADDED_COLUMNS, REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { openLakeDatabase } from '../../local/queries/lake-database.ts';
import { readShippedQuery } from '../../local/queries/query-files.ts';

type Value = string | number | boolean | null;

/** A row by its columns' names in SQL; what is left out is null. */
export type LakeRow = Readonly<Record<string, Value>>;

/** How a Date was delivered. */
export interface Delivered {
  readonly date: string;
  readonly appId?: string;
  readonly processingDate?: string;
  readonly access?: 'ongoing' | 'snapshot';
  readonly isFinal?: boolean;
}

function literal(value: Value): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** A small lake for queries, with Parquet files that DuckDB wrote. */
export class QueryLake {
  readonly directory: string;
  readonly #connection: DuckDBConnection;

  private constructor(directory: string, connection: DuckDBConnection) {
    this.directory = directory;
    this.#connection = connection;
  }

  /** An empty lake in a fresh folder whose name begins with `prefix`. */
  static async create(prefix = 'query-lake-'): Promise<QueryLake> {
    const directory = await mkdtemp(join(tmpdir(), prefix));
    await mkdir(join(directory, 'analytics'));
    const instance = await DuckDBInstance.create(':memory:');
    return new QueryLake(directory, await instance.connect());
  }

  /** Writes the object of a Date; `leftOut` names columns that its file does not have. */
  async curated(
    tableName: string,
    delivered: Delivered,
    rows: readonly LakeRow[],
    leftOut: readonly string[] = [],
  ): Promise<void> {
    const table = REPORT_TABLES.find(({ name }) => name === tableName);
    if (table === undefined) throw new Error(`there is no table ${tableName}`);
    const { date, appId = '1', processingDate = date, access = 'ongoing', isFinal = true } = delivered;
    const added: LakeRow = {
      app_id: appId,
      processing_date: processingDate,
      access,
      is_final: isFinal,
      source_instance: `${processingDate}-${appId}`,
    };
    const columns = [...table.columns, ...ADDED_COLUMNS].filter(({ name }) => !leftOut.includes(name));
    const selects = rows.map((row) => {
      const unknown = Object.keys(row).find((name) => columns.every((column) => column.name !== name));
      if (unknown !== undefined) throw new Error(`${tableName} has no column ${unknown}`);
      const cells = columns.map(
        ({ name, type }) => `CAST(${literal({ ...added, ...row }[name] ?? null)} AS ${type}) AS "${name}"`,
      );
      return `SELECT ${cells.join(', ')}`;
    });
    const file = join(this.directory, 'analytics', 'curated', tableName, `date=${date}`, `${appId}.parquet`);
    await mkdir(dirname(file), { recursive: true });
    await this.#connection.run(`COPY (${selects.join(' UNION ALL ')}) TO ${literal(file)} (FORMAT parquet)`);
  }

  /** Writes JSON Lines under a key of the analytics bucket. */
  async lines(key: string, lines: readonly object[]): Promise<void> {
    const file = join(this.directory, 'analytics', key);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** Rows of a shipped query as objects, BIGINT as numbers. */
  async answer(name: string, ...values: string[]): Promise<Record<string, unknown>[]> {
    const database = await openLakeDatabase(this.directory);
    try {
      const { columns, rows } = await database.answer(await readShippedQuery(name), values);
      return rows.map((row) =>
        Object.fromEntries(
          columns.map((column, index) => {
            const cell = row[index];
            return [column.name, typeof cell === 'bigint' ? Number(cell) : cell];
          }),
        ),
      );
    } finally {
      database.close();
    }
  }

  async remove(): Promise<void> {
    this.#connection.closeSync();
    await rm(this.directory, { recursive: true, force: true });
  }
}
