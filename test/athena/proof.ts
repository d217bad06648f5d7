import type { S3Client } from '@aws-sdk/client-s3';
import { loadAssembly } from '../../local/assembly/load.ts';
import { type LakeDatabase, openLakeDatabase } from '../../local/queries/lake-database.ts';
import { shippedQueries } from '../../local/queries/query-files.ts';
import type { CheckList } from '../deploy/check-list.ts';
import { checkAccountDataFaults } from './account-data-faults.ts';
import { duckdbAnswer } from './answers.ts';
import type { DemonstrationLake } from './demonstration-lake.ts';
import { type GlueTable, glueTables, savedQueries } from './glue-tables.ts';
import { checkPlantedFaults } from './planted-faults.ts';
import type { AnsweredQuery } from './planting.ts';
import { AthenaProofError } from './proof-error.ts';
import { queryProblems, savedQueryProblems } from './query-checks.ts';
import {
  type ExpectedRows,
  emptyDateProblems,
  expectedRows,
  nestedTables,
  type TwoEngines,
  tableProblems,
} from './table-checks.ts';
import type { TrinoClient } from './trino-client.ts';

/** The tables of the demonstration's template; throws `AthenaProofError` when there are none. */
export async function shippedTables(assemblyDirectory: string): Promise<readonly GlueTable[]> {
  const tables = glueTables(await loadAssembly(assemblyDirectory));
  if (tables.length === 0) throw new AthenaProofError('the template has no tables');
  return tables;
}

export interface ProofParts {
  readonly checks: CheckList;
  /** A client whose statements find the tables of a database by their names alone. */
  readonly trinoOf: (database: string) => TrinoClient;
  readonly storage: S3Client;
  readonly lake: DemonstrationLake;
  readonly tables: readonly GlueTable[];
}

async function checkTables(
  checks: CheckList,
  engines: TwoEngines,
  tables: readonly GlueTable[],
): Promise<Map<string, ExpectedRows>> {
  checks.record('no table lies below another one', nestedTables(tables));
  const rows = new Map<string, ExpectedRows>();
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

async function checkQueries({ checks, trinoOf, lake, tables }: ProofParts, duckdb: LakeDatabase) {
  const queries = await shippedQueries();
  const saved = savedQueries(await loadAssembly(lake.assemblyDirectory));
  checks.record(
    `the template saves the ${queries.length} queries of queries/ as they are, and no other`,
    queries.length === 0 ? ['there are none'] : savedQueryProblems(queries, saved, tables),
  );
  const answered: AnsweredQuery[] = [];
  for (const query of queries) {
    const database = saved.find(({ name }) => name === query.name)?.database;
    if (database === undefined) continue;
    const trino = trinoOf(database);
    const expected = duckdbAnswer(await duckdb.answer(query));
    answered.push({ query, expected, trino });
    checks.record(
      `${query.name}: ${expected.rows.length} rows, equal on Trino and DuckDB`,
      await queryProblems(trino, query, expected),
    );
  }
  return answered;
}

/** Tables, queries and planted faults over the demonstration's lake. */
export async function proveLake(parts: ProofParts): Promise<void> {
  const { checks, trinoOf, storage, lake, tables } = parts;
  const trino = trinoOf(tables[0]?.database ?? '');
  const duckdb = await openLakeDatabase(lake.lakeDirectory);
  try {
    const rows = await checkTables(checks, { trino, duckdb, storage }, tables);
    const queries = await checkQueries(parts, duckdb);
    const { lakeDirectory } = lake;
    const faults = { checks, trino, storage, rows, queries, lakeDirectory, tables };
    await checkPlantedFaults(faults);
    await checkAccountDataFaults(faults);
  } finally {
    duckdb.close();
  }
}
