import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleAnswers } from '../../local/commands/sample-queries.ts';
import { queryNames } from '../../local/queries/query-files.ts';
import { QueryLake } from '../support/query-lake.ts';

const COMMAND = fileURLToPath(new URL('../../local/commands/query.ts', import.meta.url));

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

let lake: QueryLake;

beforeAll(async () => {
  lake = await QueryLake.create();
  await lake.curated('app_opt_in_daily', { date: '2026-06-01' }, [
    { downloading_users: 1000, users_opting_in: 250 },
  ]);
  await lake.curated('app_opt_in_daily', { date: '2026-06-02', appId: '22' }, [
    { downloading_users: 8, users_opting_in: 1 },
  ]);
});
afterAll(() => lake.remove());

/** Runs the command in the lake's folder, which is not the project's. */
function query(...given: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...given], {
      cwd: lake.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, output, errors }));
  });
}

describe('npm run query', () => {
  it('prints a table and nothing else, with the defaults of the header', async () => {
    const { exitCode, output, errors } = await query('opt-in', '--lake', lake.directory);
    expect(errors).toBe('');
    expect(exitCode).toBe(0);
    expect(output.split('\n')).toEqual([
      '┌────────────┬────────┬───────────────────┬─────────────────┬──────────────┬──────────┐',
      '│ date       │ app_id │ downloading_users │ users_opting_in │ opt_in_share │ is_final │',
      '├────────────┼────────┼───────────────────┼─────────────────┼──────────────┼──────────┤',
      '│ 2026-06-01 │ 1      │              1000 │             250 │        0.250 │ true     │',
      '│ 2026-06-02 │ 22     │                 8 │               1 │        0.125 │ true     │',
      '└────────────┴────────┴───────────────────┴─────────────────┴──────────────┴──────────┘',
      '',
    ]);
  });

  it('fills the parameters in order and leaves the others at their defaults', async () => {
    const { output } = await query('opt-in', '--param', '2026-06-02', '--csv', '--lake', lake.directory);
    expect(output).toBe(
      'date,app_id,downloading_users,users_opting_in,opt_in_share,is_final\r\n2026-06-02,22,8,1,0.125,true\r\n',
    );
  });

  it('runs the statement of a file', async () => {
    const file = join(lake.directory, 'mine.sql');
    await writeFile(
      file,
      'SELECT SUM(users_opting_in) AS people, CAST(? AS VARCHAR) AS word FROM app_opt_in_daily;',
    );
    const { output } = await query('mine.sql', '--param', 'a,"b"', '--csv', '--lake', lake.directory);
    expect(output).toBe('people,word\r\n251,"a,""b"""\r\n');
  });

  it('explains itself and lists the queries with --help', async () => {
    const { exitCode, output } = await query('--help');
    expect(exitCode).toBe(0);
    for (const name of await queryNames()) expect(output).toContain(`  ${name} `);
    expect(output).toContain('How did each app do, day by day?');
  });

  it('names every query when there is none of that name', async () => {
    const { exitCode, output, errors } = await query('overwiew', '--lake', lake.directory);
    expect(exitCode).toBe(1);
    expect(output).toBe('');
    expect(errors).toContain('QueryNotFoundError: overwiew is neither a query nor a file');
    for (const name of await queryNames()) expect(errors).toContain(name);
  });

  it('says that a parameter is too many, and which there are', async () => {
    const values = ['a', 'b', 'c', 'd'].flatMap((value) => ['--param', value]);
    const { exitCode, errors } = await query('opt-in', ...values, '--lake', lake.directory);
    expect(exitCode).toBe(1);
    expect(errors).toContain('QueryParametersError: opt-in has 3 parameters, from (DATE), to (DATE), app');
  });

  it('says what to do where there is no lake, and by default looks in .local/lake', async () => {
    const { exitCode, errors } = await query('opt-in');
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/LakeNotFoundError: \.local\/lake is no lake.*npm start/);
  });

  it('ends with an error, and shows how it is used, without a query', async () => {
    const { exitCode, errors } = await query();
    expect(exitCode).toBe(1);
    expect(errors).toContain('Usage: npm run query --');
  });
});

describe('the answers that npm start shows', () => {
  it('are three tables and a chart of one app, each below the command that gives it whole', async () => {
    const download = { download_type: 'First-time download', counts: 64 };
    await lake.curated('app_downloads_standard_daily', { date: '2026-06-01' }, [download]);
    await lake.curated('app_downloads_standard_daily', { date: '2026-06-02' }, [{ ...download, counts: 32 }]);
    await lake.curated('app_downloads_standard_daily', { date: '2026-06-01', appId: '22' }, [
      { ...download, counts: 9999 },
    ]);
    const text = await sampleAnswers(lake.directory, '1');
    expect(
      text.match(/^npm run query -- \S+ --param 2024-01-01 --param 2099-12-31 --param 1$/gm),
    ).toHaveLength(4);
    expect(text.match(/┌/g)).toHaveLength(3);
    expect(text).toContain('│ First-Time Downloads │    96 │ exact      │ 2026-06-01 │ 2026-06-02 │');
    expect(text.split('\n').slice(-2)).toEqual([
      `2026-06-01 ${'█'.repeat(40)} 64`,
      `2026-06-02 ${'█'.repeat(20)}${' '.repeat(20)} 32`,
    ]);
    expect(text).not.toContain('9999');
  });
});
