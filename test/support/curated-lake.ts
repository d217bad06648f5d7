import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ReportTable } from '../../lambdas/lib/analytics/report-tables.ts';

/** One Date of a curated table as DuckDB reads it, per delivery that owns rows of it. */
export interface CuratedDateRows {
  readonly date: string;
  readonly processingDate: string;
  readonly access: string;
  readonly instanceId: string;
  readonly isFinal: boolean;
  readonly rows: number;
  /** Sums by Apple's column name, uniques too. */
  readonly measures: Readonly<Record<string, number>>;
}

/** A lake's files, read by DuckDB and not by the engine that wrote them. */
export class CuratedLake {
  readonly #instance: DuckDBInstance;
  readonly #bucket: string;

  private constructor(instance: DuckDBInstance, bucket: string) {
    this.#instance = instance;
    this.#bucket = bucket;
  }

  /** `bucket`: the folder of the analytics bucket. */
  static async open(bucket: string): Promise<CuratedLake> {
    return new CuratedLake(await DuckDBInstance.create(':memory:'), bucket);
  }

  close(): void {
    this.#instance.closeSync();
  }

  /** Rows as JSON values; `{}` in the SQL stands for the files of the table. */
  async query(table: string, sql: string): Promise<Record<string, unknown>[]> {
    if (!existsSync(join(this.#bucket, 'curated', table))) return [];
    const files = `read_parquet('${this.#bucket}/curated/${table}/date=*/*.parquet', hive_partitioning=true, hive_types={'date': DATE})`;
    const connection = await this.#instance.connect();
    try {
      const reader = await connection.runAndReadAll(sql.replace('{}', files));
      return reader.getRowObjectsJson() as Record<string, unknown>[];
    } finally {
      connection.closeSync();
    }
  }

  /** What each delivery owns in the table of an app, by Date. */
  async dates(table: ReportTable, appId: string): Promise<readonly CuratedDateRows[]> {
    const measures = table.columns.filter(({ apple }) => apple.sumOver !== undefined);
    // Decimals, because a sum of floats depends on the order of its rows.
    const sums = measures.map(
      ({ name }, index) => `CAST(SUM(CAST(${name} AS DECIMAL(18,6))) AS DOUBLE) AS m${index}`,
    );
    const rows = await this.query(
      table.name,
      `SELECT ${[
        'CAST("date" AS VARCHAR) AS "date"',
        'CAST(processing_date AS VARCHAR) AS processing_date',
        'access, source_instance, is_final, CAST(COUNT(*) AS INTEGER) AS n',
        ...sums,
      ].join(', ')} FROM {} WHERE app_id = '${appId}' GROUP BY ALL ORDER BY ALL`,
    );
    return rows.map((row) => ({
      date: String(row.date),
      processingDate: String(row.processing_date),
      access: String(row.access),
      instanceId: String(row.source_instance),
      isFinal: row.is_final === true,
      rows: Number(row.n),
      measures: Object.fromEntries(
        measures.map(({ apple }, index) => [apple.name, Number(row[`m${index}`])]),
      ),
    }));
  }
}
