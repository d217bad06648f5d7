import type { S3Client } from '@aws-sdk/client-s3';
import { loadAssembly } from '../../local/assembly/load.ts';
import { openLakeDatabase } from '../../local/queries/lake-database.ts';
import { shippedQueries } from '../../local/queries/query-files.ts';
import type { CheckList } from '../deploy/check-list.ts';
import { type Answer, duckdbAnswer } from './answers.ts';
import type { DemonstrationLake } from './demonstration-lake.ts';
import { type GlueTable, glueTables, savedQueries } from './glue-tables.ts';
import { checkPlantedFaults } from './planted-faults.ts';
import { AthenaProofError } from './proof-error.ts';
import { queryProblems, savedQueryProblems } from './query-checks.ts';
import {
  emptyDateProblems,
  expectedRows,
  nestedTables,
  type TwoEngines,
  tableProblems,
} from './table-checks.ts';
import type { TrinoClient } from './trino-client.ts';

/** The tables of the demonstration's template, all of one database. */
export interface ShippedTables {
  readonly database: string;
  readonly tables: readonly GlueTable[];
}

/** Reads the tables out of the assembly; throws `AthenaProofError` when there are none or several databases. */
export async function shippedTables(assemblyDirectory: string): Promise<ShippedTables> {
  const tables = glueTables(await loadAssembly(assemblyDirectory));
  const [database, ...others] = new Set(tables.map((table) => table.database));
  if (database === undefined || others.length > 0) {
    throw new AthenaProofError(
      `the template has tables of ${others.length + (database === undefined ? 0 : 1)} databases`,
    );
  }
  return { database, tables };
}

export interface ProofParts {
  readonly checks: CheckList;
  readonly trino: TrinoClient;
  readonly storage: S3Client;
  readonly lake: DemonstrationLake;
  readonly shipped: ShippedTables;
}

async function checkTables(
  checks: CheckList,
  engines: TwoEngines,
  tables: readonly GlueTable[],
): Promise<Map<string, Answer>> {
  checks.record('no table lies below another one', nestedTables(tables));
  const rows = new Map<string, Answer>();
  for (const table of tables) {
    const expected = await expectedRows(engines.duckdb, table.name);
    rows.set(table.name, expected);
    checks.record(
      `${table.name}: ${expected.rows.length} rows with the shipped types, equal on Trino and DuckDB, from every object below its prefix`,
      await tableProblems(engines, table, expected),
    );
  }
  const emptyDates: string[] = [];
  const projected = tables.filter(({ partitionKeys }) => partitionKeys.length > 0);
  for (const table of projected) emptyDates.push(...(await emptyDateProblems(engines.trino, table)));
  checks.record(`a Date without an object is empty and no error, in ${projected.length} tables`, emptyDates);
  return rows;
}

async function checkQueries({ checks, trino, lake, shipped }: ProofParts, { duckdb }: TwoEngines) {
  const queries = await shippedQueries();
  const saved = savedQueries(await loadAssembly(lake.assemblyDirectory));
  checks.record(
    `the template saves the ${queries.length} queries of queries/ as they are, and no other`,
    queries.length === 0 ? ['there are none'] : savedQueryProblems(queries, saved, shipped.database),
  );
  const answered = [];
  for (const query of queries) {
    const expected = duckdbAnswer(await duckdb.answer(query));
    answered.push({ query, expected });
    checks.record(
      `${query.name}: ${expected.rows.length} rows, equal on Trino and DuckDB`,
      await queryProblems(trino, query, expected),
    );
  }
  return answered;
}

/** Tables, queries and planted faults over the demonstration's lake. */
export async function proveLake(parts: ProofParts): Promise<void> {
  const { checks, trino, storage, lake, shipped } = parts;
  const duckdb = await openLakeDatabase(lake.lakeDirectory);
  try {
    const engines = { trino, duckdb, storage };
    const rows = await checkTables(checks, engines, shipped.tables);
    const queries = await checkQueries(parts, engines);
    await checkPlantedFaults({
      ...{ checks, trino, storage, rows, queries },
      lakeDirectory: lake.lakeDirectory,
      tables: shipped.tables,
    });
  } finally {
    duckdb.close();
  }
}
