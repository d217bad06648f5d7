import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readQueryFiles, tablesOf } from '../../infra/query-files.ts';
import { ACCOUNT_DATA_TABLES, LINES_TABLES } from '../../infra/tables.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { PROJECT_DIRECTORY, temporaryDirectory } from './synthesized.ts';

const TABLES = ['app_crashes_daily', 'deliveries'];

function queryWith(statement: string) {
  return { name: 'q', question: 'Why?', text: `-- Why?\n--\n${statement}` };
}

describe('the query files of a folder', () => {
  it('are read in the order of their names, other files left out, the question from the first paragraph', () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'b.sql'), '-- How many\n-- crashes?\n--\n-- Caveats: none\nSELECT 1\n');
    writeFileSync(join(folder, 'a.sql'), '-- Which?\nSELECT 2\n');
    writeFileSync(join(folder, 'notes.md'), 'notes');
    expect(readQueryFiles(folder).map(({ name, question }) => ({ name, question }))).toEqual([
      { name: 'a', question: 'Which?' },
      { name: 'b', question: 'How many crashes?' },
    ]);
  });

  it('are refused by name without a question on top', () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'silent.sql'), 'SELECT 1 -- one\n');
    expect(() => readQueryFiles(folder)).toThrow('queries/silent.sql does not begin with its question');
  });
});

describe('the tables of a query', () => {
  it('are found in its statement, whatever the case and the database before them', () => {
    expect(tablesOf(queryWith('SELECT * FROM apple_analytics.APP_CRASHES_DAILY'), TABLES)).toEqual([
      'app_crashes_daily',
    ]);
  });

  it('are not found in comments, texts or longer names', () => {
    const statement =
      "SELECT 'it''s app_crashes_daily' AS app_crashes_daily_old FROM deliveries -- app_crashes_daily";
    expect(tablesOf(queryWith(statement), TABLES)).toEqual(['deliveries']);
  });

  it('are an error that names the query when there are none', () => {
    expect(() => tablesOf(queryWith('SELECT 1 FROM app_crash_daily'), TABLES)).toThrow(
      'queries/q.sql reads no table',
    );
  });
});

describe('the shipped queries', () => {
  const queries = readQueryFiles(`${PROJECT_DIRECTORY}queries`);
  const known = [...REPORT_TABLES, ...LINES_TABLES, ...ACCOUNT_DATA_TABLES].map(({ name }) => name);

  it('read tables of the catalog and fit into what Athena saves', () => {
    for (const query of queries) {
      expect(tablesOf(query, known).length).toBeGreaterThan(0);
      expect(query.name.length).toBeLessThanOrEqual(128);
      expect(query.question.length).toBeLessThanOrEqual(1024);
      expect(Buffer.byteLength(query.text)).toBeLessThanOrEqual(262_144);
    }
    expect(queries.length).toBeGreaterThan(10);
  });
});
