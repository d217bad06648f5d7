import { describe, expect, it } from 'vitest';
import { parseQueryHeader } from '../../local/queries/query-header.ts';
import type { Answer } from './answers.ts';
import { queryProblems } from './query-checks.ts';
import { emptyDateProblems } from './table-checks.ts';
import { type TrinoClient, TrinoQueryError } from './trino-client.ts';

const sql = `-- How many?
--
-- Meaning: A number.
--
-- Columns:
--   - counts: it.
--
-- Caveats:
--   - It is made up.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date.
SELECT 5 AS counts WHERE DATE '2026-06-01' >= CAST(? AS DATE)`;
const query = { name: 'made-up', sql, header: parseQueryHeader(sql, 'made-up.sql') };

const answer = (...cells: string[]): Answer => ({ columns: ['counts'], rows: cells.map((cell) => [cell]) });

function answering(given: Answer, seen: unknown[] = []): TrinoClient {
  return {
    async run(statement, parameters) {
      seen.push([statement, parameters]);
      return { ...given, physicalInputBytes: 0 };
    },
  };
}

const refusing: TrinoClient = {
  async run() {
    throw new TrinoQueryError('SYNTAX_ERROR', 'mismatched input');
  },
};

describe('a shipped query', () => {
  it('runs unchanged, the defaults of its header beside it', async () => {
    const seen: unknown[] = [];
    expect(await queryProblems(answering(answer('5'), seen), query, answer('5'))).toEqual([]);
    expect(seen).toEqual([[sql, ['2024-01-01']]]);
  });

  it('must answer as DuckDB does, and with rows', async () => {
    expect(await queryProblems(answering(answer('6')), query, answer('5'))).toHaveLength(1);
    expect(await queryProblems(answering(answer()), query, answer())).toEqual(['Trino answers no rows']);
  });

  it('that Trino refuses is a problem, anything else an error', async () => {
    expect(await queryProblems(refusing, query, answer('5'))).toEqual(['SYNTAX_ERROR: mismatched input']);
    const broken: TrinoClient = { run: () => Promise.reject(new TypeError('fetch failed')) };
    await expect(queryProblems(broken, query, answer('5'))).rejects.toThrow('fetch failed');
  });
});

describe('a Date without an object', () => {
  const table = {
    ...{ database: 'apple_analytics', name: 'app_crashes_daily', columns: [], partitionKeys: [] },
    ...{ location: 's3://analytics/curated/app_crashes_daily/', inputFormat: '', outputFormat: '' },
    ...{ serializationLibrary: '', serializationParameters: {} },
    parameters: { 'projection.date.range': '2024-01-01,NOW' },
  };

  it('is empty', async () => {
    const seen: unknown[] = [];
    expect(await emptyDateProblems(answering(answer(), seen), table)).toEqual([]);
    expect(seen).toMatchObject([[expect.stringContaining('app_crashes_daily'), ['2024-01-01']]]);
  });

  it('that has rows, is refused or is not projected is a problem', async () => {
    expect(await emptyDateProblems(answering(answer('5')), table)).toEqual([
      'app_crashes_daily: there are 1 rows of 2024-01-01',
    ]);
    expect(await emptyDateProblems(refusing, table)).toHaveLength(1);
    expect(await emptyDateProblems(answering(answer()), { ...table, parameters: {} })).toHaveLength(1);
  });
});
