import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../local/commands/grants.ts', import.meta.url));
const TOKEN = 'token-that-nobody-may-see';

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

let lake: string;

beforeAll(async () => {
  lake = await mkdtemp(join(tmpdir(), 'grants-command-'));
});
afterAll(() => rm(lake, { recursive: true, force: true }));

function grants(given: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...given], { stdio: 'pipe' });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, output, errors }));
    child.stdin.end(input);
  });
}

function line(externalId: string): string {
  return JSON.stringify({
    externalId,
    refreshToken: TOKEN,
    region: 'JP',
    scopes: ['data-transfer-user-profile', 'app-install-activity-account-data-for-JP-users'],
    mode: 'WEEKLY_180',
  });
}

describe('npm run grants', () => {
  it('imports from standard input into a lake, and lists and shows what is there', async () => {
    const imported = await grants(['import', '--lake', lake], `${line('anna')}\n${line('ben')}\n`);
    expect(imported).toMatchObject({ exitCode: 0, errors: '' });
    expect(imported.output.match(/added/g)).toHaveLength(2);

    const listed = await grants(['list', '--lake', lake]);
    expect(listed).toMatchObject({ exitCode: 0, errors: '' });
    expect(listed.output).toMatch(/anna +│ JP +│ WEEKLY_180 │ active/);

    const shown = await grants(['show', 'ben', '--lake', lake]);
    expect(shown.exitCode).toBe(0);
    expect(shown.output).toContain('app-install-activity-account-data-for-JP-users');
    expect(imported.output + listed.output + shown.output).not.toContain(TOKEN);
    const [file = ''] = await readdir(join(lake, 'personal', 'grants'));
    expect(await readFile(join(lake, 'personal', 'grants', file), 'utf8')).toContain(TOKEN);
  });

  it('names a bad line with its number, and does not end well', async () => {
    const { exitCode, output, errors } = await grants(
      ['import', '--lake', lake],
      `${line('anna')}\n${TOKEN}\n`,
    );
    expect(exitCode).toBe(1);
    expect(output).toContain('unchanged');
    expect(errors).toBe('line 2 was refused: is not JSON\n');
    expect(output + errors).not.toContain(TOKEN);
  });

  it('does not end well when there is nothing to import, or no such grant', async () => {
    expect(await grants(['import', '--lake', lake])).toMatchObject({ exitCode: 1 });
    const { exitCode, errors } = await grants(['show', 'nobody', '--lake', lake]);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^GrantNotFoundError: /);
  });

  it('asks for the key where it would call Apple itself', async () => {
    const { exitCode, errors } = await grants(['start', '--lake', lake]);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^CommandLineError: .*--key-file/);
  });
});
