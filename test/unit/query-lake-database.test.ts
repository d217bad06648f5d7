import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { type LakeDatabase, openLakeDatabase } from '../../local/queries/lake-database.ts';
import { curatedView, tableColumns } from '../../local/queries/lake-views.ts';
import { QueryLake } from '../support/query-lake.ts';

const TABLE = 'app_downloads_standard_daily';

let lake: QueryLake;
let database: LakeDatabase;

beforeEach(async () => {
  lake = await QueryLake.create('query lake [a] it"s *-');
  database = await openLakeDatabase(lake.directory);
});
afterEach(async () => {
  database.close();
  await lake.remove();
});

function answer(sql: string, ...values: string[]) {
  return database.answer({ name: 'test', sql, header: undefined }, values);
}

async function failureOf(sql: string, ...values: string[]): Promise<string> {
  try {
    await answer(sql, ...values);
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'none';
}

describe('a lake directory as a database', () => {
  it('has every table of the catalog with its columns and types, the partition last, where there is no file', async () => {
    for (const table of REPORT_TABLES) {
      const { columns, rows } = await answer(`SELECT * FROM ${table.name}`);
      expect(columns, table.name).toEqual(tableColumns(table).map(({ name, type }) => ({ name, type })));
      expect(rows).toEqual([]);
    }
  });

  it('has the same columns and types where there are files, in whatever folder the lake lies', async () => {
    await lake.curated(TABLE, { date: '2026-06-01' }, [{ counts: 5, territory: 'US' }]);
    const { columns, rows } = await answer(`SELECT * FROM ${TABLE}`);
    const table = REPORT_TABLES.find(({ name }) => name === TABLE);
    expect(columns).toEqual(table && tableColumns(table).map(({ name, type }) => ({ name, type })));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.at(-1)).toBe('2026-06-01');
  });

  it('reads files that lack a column, all of them or some', async () => {
    await lake.curated(TABLE, { date: '2026-06-01' }, [{ counts: 5 }], ['territory', 'page_type']);
    await lake.curated(TABLE, { date: '2026-06-02' }, [{ counts: 6, territory: 'US' }], ['page_type']);
    const { rows } = await answer(`SELECT territory, page_type, counts FROM ${TABLE} ORDER BY counts`);
    expect(rows).toEqual([
      [null, null, 5n],
      ['US', null, 6n],
    ]);
  });

  it('has JSON Lines with the types of their table, whatever the first lines lack', async () => {
    const sums = { counts: 5, proceeds_in_usd: 1.25 };
    await lake.lines('deliveries/1/a.json', [{ date: null, rows: 0, sums: {} }]);
    await lake.lines('deliveries/2/b.json', [{ date: '2026-06-01', rows: 2, sums, is_final: true }]);
    const { columns, rows } = await answer(
      'SELECT "date", "rows", sums[\'proceeds_in_usd\'] AS proceeds, is_final FROM deliveries ORDER BY "rows"',
    );
    expect(columns.map(({ type }) => type)).toEqual(['DATE', 'BIGINT', 'DOUBLE', 'BOOLEAN']);
    expect(rows).toEqual([
      [null, 0n, null, null],
      ['2026-06-01', 2n, 1.25, true],
    ]);
  });

  it('knows the tables by the names that Athena gives them', async () => {
    await lake.curated(TABLE, { date: '2026-06-01' }, [{ counts: 5 }]);
    const { rows } = await answer(
      `SELECT a.counts FROM "AwsDataCatalog"."apple_analytics"."${TABLE}" AS a
       JOIN apple_analytics.${TABLE.toUpperCase()} AS b ON a."date" = b."date"`,
    );
    expect(rows).toEqual([[5n]]);
  });

  it('scans only the files of the Dates that are asked for', async () => {
    await lake.curated(TABLE, { date: '2026-06-01' }, [{ counts: 5 }]);
    await lake.curated(TABLE, { date: '2026-06-02' }, [{ counts: 6 }]);
    const table = REPORT_TABLES.find(({ name }) => name === TABLE);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      table === undefined ? '' : curatedView(table, join(lake.directory, 'analytics', 'curated', TABLE)),
    );
    const plan = await connection.runAndReadAll(
      `EXPLAIN ANALYZE SELECT counts FROM ${TABLE} WHERE "date" = CAST('2026-06-02' AS DATE)`,
    );
    connection.closeSync();
    expect(String(plan.getRows()[0]?.[1])).toMatch(/Scanning Files:\s*1\/2/);
  });

  it('gives lists and maps within each other as JSON with every digit, and refuses no kind of value', async () => {
    const { rows } = await answer(
      "SELECT MAP(ARRAY['b', 'a\"'], ARRAY[[1.5, NULL], []]), [9007199254740993], [DATE '2026-06-01']",
    );
    expect(rows).toEqual([['{"b":["1.5",null],"a\\"":[]}', '[9007199254740993]', '["2026-06-01"]']]);
  });

  it('gives maps as JSON and other types as their text', async () => {
    const { rows } = await answer(
      "SELECT CAST(1.5 AS DECIMAL(9, 2)), DATE '2026-06-01', MAP(ARRAY['a'], ARRAY[1])",
    );
    expect(rows).toEqual([['1.50', '2026-06-01', '{"a":1}']]);
  });
});

describe('what a query may not do', () => {
  it('reads no file outside the bucket, and none of the other buckets', async () => {
    const secret = join(lake.directory, 'personal', 'grants.json');
    await mkdir(join(lake.directory, 'personal'));
    await writeFile(secret, '{}');
    expect(await failureOf(`SELECT * FROM read_text('${secret}')`)).toMatch(
      /QueryFailedError: .*Permission Error/,
    );
    expect(await failureOf("SELECT * FROM read_text('/etc/hostname')")).toContain('Permission Error');
  });

  it('runs one SELECT: writing, changing and several statements are refused', async () => {
    const target = join(lake.directory, 'analytics', 'copy.csv');
    expect(await failureOf(`COPY (SELECT 1) TO '${target}'`)).toContain('it is no SELECT statement');
    expect(await readdir(join(lake.directory, 'analytics'))).toEqual([]);
    expect(await failureOf('CREATE TABLE x (a INTEGER)')).toContain('it is no SELECT statement');
    expect(await failureOf('SET threads = 1')).toContain('QueryFailedError');
    expect(await failureOf('SELECT 1; SELECT 2')).toContain('it holds 2 statements instead of one');
    expect(await failureOf('-- nothing')).toContain('it holds no statement');
  });

  it('names the query, quotes DuckDB and points to the list of columns when a name is wrong', async () => {
    expect(await failureOf(`SELECT count FROM ${TABLE}`)).toMatch(
      /^QueryFailedError: test: Binder Error: .*count[\s\S]*docs\/data-contract\.md/,
    );
    expect(await failureOf('SELECT 1 FROM app_downloads')).toMatch(
      /Catalog Error[\s\S]*docs\/data-contract\.md/,
    );
  });

  it('takes as many values as it has parameters, and no more', async () => {
    expect((await answer('SELECT CAST(? AS BIGINT) + CAST(? AS BIGINT) AS x', '1', '2')).rows).toEqual([
      [3n],
    ]);
    expect(await failureOf('SELECT ?', '1', '2')).toMatch(
      /QueryParametersError: .*1 parameters, but 2 values/,
    );
    expect(await failureOf('SELECT ?, ?', '1')).toMatch(/QueryParametersError: parameter 2 of 2 .*no/);
    expect(await failureOf('SELECT CAST(? AS DATE)', 'yesterday')).toMatch(/QueryFailedError: .*yesterday/);
  });
});

describe('a folder that is no lake', () => {
  it.each([
    ['does not exist', async () => join(lake.directory, 'nowhere')],
    [
      'has no folder analytics',
      async () => {
        await rm(join(lake.directory, 'analytics'), { recursive: true });
        return lake.directory;
      },
    ],
  ])('is refused when it %s, with what to do', async (_, folder) => {
    await expect(openLakeDatabase(await folder())).rejects.toMatchObject({
      name: 'LakeNotFoundError',
      message: expect.stringContaining('Run npm start or npm run sync first'),
    });
  });
});
