import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_DATA_TABLES, LINES_TABLES } from '../../infra/tables.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { type LakeDatabase, openLakeDatabase } from '../../local/queries/lake-database.ts';
import { queryNames, type ShippedQuery, shippedQueries } from '../../local/queries/query-files.ts';
import { QueryLake } from '../support/query-lake.ts';

const OTHER_TABLES = [...LINES_TABLES, ...ACCOUNT_DATA_TABLES].map(({ name }) => name);
const TYPES = ['DATE', 'TIMESTAMP', 'VARCHAR', 'BIGINT', 'DOUBLE', 'BOOLEAN', 'MAP(VARCHAR, VARCHAR)'];
const LONGEST_LINE = 120;

/** Measures that count distinct users or devices, as columns. */
const UNIQUES = new Set(
  REPORT_TABLES.flatMap(({ columns }) =>
    columns.filter(({ apple }) => apple.sumOver?.length === 0).map(({ name }) => name),
  ),
);

const queries: ShippedQuery[] = await shippedQueries();
let lake: QueryLake;
let database: LakeDatabase;

beforeAll(async () => {
  lake = await QueryLake.create();
  database = await openLakeDatabase(lake.directory);
});
afterAll(async () => {
  database.close();
  await lake.remove();
});

/** The statement without comments, and its texts in quotes emptied. */
function statementOf(sql: string): string {
  return sql.replace(/--.*$/gm, '').replace(/'(?:[^']|'')*'/g, "''");
}

function tablesOf(sql: string): string[] {
  const words = new Set(statementOf(sql).match(/\w+/g));
  return REPORT_TABLES.map(({ name }) => name).filter((name) => words.has(name));
}

/** Arguments of SUM, brackets balanced. */
function summedIn(sql: string): string[] {
  const found: string[] = [];
  for (const match of sql.matchAll(/\bSUM\(/gi)) {
    const start = match.index + match[0].length;
    let end = start;
    for (let depth = 1; depth > 0 && end < sql.length; end += 1) {
      if (sql[end] === '(') depth += 1;
      if (sql[end] === ')') depth -= 1;
    }
    found.push(sql.slice(start, end - 1));
  }
  return found;
}

function summedUniques(sql: string): string[] {
  const aliases = [...sql.matchAll(/\b(\w+) AS (\w+)/g)]
    .filter(([, column = '']) => UNIQUES.has(column))
    .map(([, , alias = '']) => alias);
  const forbidden = new Set([...UNIQUES, ...aliases]);
  return summedIn(sql).filter((argument) =>
    (argument.match(/\w+/g) ?? []).some((word) => forbidden.has(word)),
  );
}

describe('every shipped query', () => {
  it('is among those that people open App Store Connect or an archive for', async () => {
    expect(await queryNames()).toEqual(
      expect.arrayContaining([
        'account-data-arrivals',
        'account-data-current-rows',
        'app-store-connect-metrics',
        'conversion-by-source',
        'crash-rate-by-version',
        'discovery-funnel',
        'downloads',
        'freshness',
        'monthly-uniques',
        'overview',
        'pre-orders',
        'purchases-and-proceeds',
        'restatements',
        'sessions-by-version',
        'subscription-churn',
        'subscriptions',
        'web-preview',
        'weekly-uniques',
        'what-is-final',
      ]),
    );
  });

  it.each(queries)('$name answers on an empty lake with the columns that its header names', async (query) => {
    const answer = await database.answer(query);
    expect(answer.rows).toEqual([]);
    expect(answer.columns.map(({ name }) => name)).toEqual(query.header.columns.map(({ name }) => name));
    // Nothing is left to what an engine makes of a sum: HUGEINT there would be another type in Trino.
    for (const { name, type } of answer.columns) {
      expect(TYPES, name).toContain(type);
    }
  });

  it.each(queries)('$name has a default for each parameter, and casts each', ({ sql, header }) => {
    const statement = statementOf(sql);
    expect(statement.match(/\?/g) ?? []).toHaveLength(header.parameters.length);
    expect([...statement.matchAll(/CAST\(\? AS (\w+)\)/g)].map(([, type]) => type)).toEqual(
      header.parameters.map(({ type }) => type),
    );
  });

  it.each(queries)(
    '$name reads standard tables of one granularity, whose deliveries replace each other',
    ({ sql }) => {
      const tables = REPORT_TABLES.filter(({ name }) => tablesOf(sql).includes(name));
      const lines = OTHER_TABLES.filter((name) => new RegExp(`FROM ${name}\\b`).test(statementOf(sql)));
      expect(tables.length + lines.length).toBeGreaterThan(0);
      expect(new Set(tables.map(({ granularity }) => granularity)).size).toBeLessThanOrEqual(1);
      for (const { name, report, keepsDeliveries } of tables) {
        expect(report.level, name).not.toBe('DETAILED');
        expect(keepsDeliveries, name).toBe(false);
      }
    },
  );

  it.each(queries)('$name never adds up a count of distinct users or devices', ({ sql }) => {
    expect(summedUniques(statementOf(sql))).toEqual([]);
  });

  it.each(queries)('$name stays in what Trino and DuckDB have in common', ({ sql }) => {
    const statement = statementOf(sql);
    // A cast by ::, other quotes, and functions that one of the two lacks or means otherwise.
    expect(statement).not.toMatch(
      /::|`|\bILIKE\b|\bQUALIFY\b|\bLIMIT\b|\bGROUP BY ALL\b|\belement_at\b|\bdate_add\b/i,
    );
    expect(statement).not.toMatch(
      /\bdate_trunc\b|\bdate_part\b|\bstrftime\b|\bINTERVAL\b|\bNOW\b|\bCURRENT_/i,
    );
    // A division of integers is whole in Trino only: one side is cast, or a total of deliveries.
    for (const [line] of statement.matchAll(/^.*\/.*$/gm)) expect(line).toMatch(/AS DOUBLE\)|NULLIF/);
    expect(statement).toContain('ORDER BY');
    expect(statement).not.toContain(';');
    expect(Math.max(...sql.split('\n').map((line) => line.length))).toBeLessThanOrEqual(LONGEST_LINE);
  });

  it.each(queries)('$name orders its rows totally: by every column that it groups by', ({ sql }) => {
    const last = (pattern: RegExp) =>
      [...statementOf(sql).matchAll(pattern)].at(-1)?.[1]?.split(/,\s*/) ?? [];
    const grouped = last(/GROUP BY ([^)]*?)\n(?:HAVING|ORDER)/g);
    const ordered = last(/\nORDER BY (.*)\n?$/g);
    expect(ordered.length).toBeGreaterThanOrEqual(2);
    expect(grouped.filter((column) => !ordered.includes(column))).toEqual([]);
  });

  it.each(queries)('$name says what may not be done with it', ({ sql, header }) => {
    const caveats = header.caveats.join(' ');
    const words = new Set(statementOf(sql).match(/\w+/g));
    if ([...UNIQUES].some((name) => words.has(name))) expect(caveats).toContain('not summed');
    if (tablesOf(sql).some((name) => /session|installation|crashes/.test(name))) {
      expect(caveats).toMatch(/[Oo]pt-in only|share their data/);
    }
    if (tablesOf(sql).some((name) => name.includes('standard'))) expect(caveats).toMatch(/Detailed|opt-in/i);
  });
});

describe('the check for summed uniques', () => {
  it('finds them bare, within a CASE, and behind another name', () => {
    expect(summedUniques('SELECT SUM(unique_devices) FROM t')).toHaveLength(1);
    expect(summedUniques('SELECT SUM(CASE WHEN (a) THEN paying_users END) FROM t')).toHaveLength(1);
    expect(summedUniques('WITH x AS (SELECT unique_counts AS u FROM t) SELECT SUM(u) FROM x')).toHaveLength(
      1,
    );
    expect(summedUniques('SELECT SUM(counts), MAX(unique_devices) FROM t')).toEqual([]);
  });
});
