import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeResults } from './results-file.ts';

const COMMAND = fileURLToPath(new URL('./run.ts', import.meta.url));
const AT = Date.parse('2026-11-21T10:00:00Z');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bench-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function bench(environment: NodeJS.ProcessEnv, ...options: string[]) {
  const child = spawn(process.execPath, [COMMAND, '--results', directory, ...options], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { output: '', errors: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.errors += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...said };
}

describe('npm run bench', () => {
  it('refuses a benchmark that it does not know, and names those it knows', async () => {
    const { code, errors } = await bench({}, '--only', 'transfer,transfr');
    expect(code).toBe(1);
    expect(errors).toContain("There is no benchmark 'transfr'; there is: transfer, archive, curate, unpack.");
  });

  it.each(['0', 'many'])('refuses %s rounds', async (rounds) => {
    const { code, errors } = await bench({}, '--rounds', rounds);
    expect(code).toBe(1);
    expect(errors).toContain('Give a whole number from 1 on.');
  });

  it('says what is missing, with exit code 3, where a tool is not installed', async () => {
    const { code, output } = await bench({ PATH: directory }, '--only', 'transfer');
    expect(code).toBe(3);
    expect(output).toMatch(/^skipped: sh, curl, openssl(, \/proc)? not found\n$/);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('the results file', () => {
  const result = (ratio: number) => ({ tables: [], notes: [], measurements: { ratio }, bounds: [] });
  const read = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as { benchmarks: object };

  it('is named by the day and keeps the benchmarks of that day that were not run again', async () => {
    await writeResults(directory, AT, new Map([['first', result(1)]]));
    await writeResults(directory, AT, new Map([['second', result(2)]]));
    const file = await writeResults(directory, AT + 3_600_000, new Map([['second', result(3)]]));
    expect(file).toBe(join(directory, '2026-11-21.json'));
    expect((await read(file)).benchmarks).toMatchObject({
      first: { ratio: 1, at: '2026-11-21T10:00:00.000Z' },
      second: { ratio: 3, at: '2026-11-21T11:00:00.000Z' },
    });
  });

  it('is not overwritten when it is something else', async () => {
    await writeFile(join(directory, '2026-11-21.json'), 'notes');
    const writing = writeResults(directory, AT, new Map([['first', result(1)]]));
    await expect(writing).rejects.toThrow('is not a results file');
  });
});
