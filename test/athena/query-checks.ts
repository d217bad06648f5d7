import { parameterValues } from '../../local/queries/parameters.ts';
import type { ShippedQuery } from '../../local/queries/query-files.ts';
import { type Answer, differences } from './answers.ts';
import type { GlueTable, SavedQuery } from './glue-tables.ts';
import { refusalAsProblem } from './table-checks.ts';
import type { TrinoClient } from './trino-client.ts';

/**
 * How Trino's answer to a shipped query, its parameters at their defaults, differs from `expected`, row by row in
 * the statement's own order. No rows at all are a problem, and so is a refusal.
 */
export async function queryProblems(
  trino: TrinoClient,
  query: ShippedQuery,
  expected: Answer,
): Promise<string[]> {
  const problems: string[] = [];
  const values = parameterValues(query, query.header.parameters.length, []);
  const answer = await refusalAsProblem(problems, () => trino.run(query.sql, values));
  if (answer === undefined) return problems;
  if (answer.rows.length === 0) problems.push('Trino answers no rows');
  return [...problems, ...differences(expected, answer)];
}

/** The database of the tables that a statement names; undefined when they are of none or of several. */
function databaseOf(
  sql: string,
  tables: readonly Pick<GlueTable, 'name' | 'database'>[],
): string | undefined {
  const words = new Set(sql.replace(/--.*$/gm, '').match(/\w+/g));
  const [database, ...others] = new Set(
    tables.filter(({ name }) => words.has(name)).map((table) => table.database),
  );
  return others.length === 0 ? database : undefined;
}

/** Where the saved queries of the template are not the shipped files, each over the database of its tables. */
export function savedQueryProblems(
  shipped: readonly Pick<ShippedQuery, 'name' | 'sql'>[],
  saved: readonly SavedQuery[],
  tables: readonly Pick<GlueTable, 'name' | 'database'>[],
): string[] {
  const byName = new Map(saved.map((query) => [query.name, query]));
  const names = new Set(shipped.map(({ name }) => name));
  return [
    ...shipped.flatMap(({ name, sql }) => {
      const found = byName.get(name);
      if (found === undefined) return [`queries/${name}.sql is not saved`];
      const database = databaseOf(sql, tables);
      return found.sql === sql && found.database === database
        ? []
        : [`saved query ${name} is not queries/${name}.sql over ${database ?? 'one database'}`];
    }),
    ...saved.filter(({ name }) => !names.has(name)).map(({ name }) => `saved query ${name} has no file`),
  ];
}
