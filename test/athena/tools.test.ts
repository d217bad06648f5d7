import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { javaVersion, mavenProblem } from './tools.ts';

const COMMAND = fileURLToPath(new URL('./run.ts', import.meta.url));
const emptyFolder = mkdtempSync(join(tmpdir(), 'no-tools-'));
afterAll(() => rmSync(emptyFolder, { recursive: true, force: true }));

describe('npm run test:athena', () => {
  it('ends with what it lacks and exit code 3 where there is no Java, before it makes anything', () => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND], {
      cwd: emptyFolder,
      env: { PATH: emptyFolder, TMPDIR: emptyFolder },
      encoding: 'utf8',
    });
    expect(stdout).toBe('skipped: java (17 or newer)\n');
    expect(status).toBe(3);
    expect(readdirSync(emptyFolder)).toEqual([]);
  });
});

describe('the words of tools', () => {
  it('tell the main version of Java, old and new', () => {
    expect(javaVersion('openjdk version "17.0.15" 2025-04-15')).toBe(17);
    expect(javaVersion('java version "1.8.0_401"')).toBe(8);
    expect(javaVersion('openjdk version "25" 2025-09-16')).toBe(25);
    expect(javaVersion('command not found')).toBeUndefined();
  });

  it('tell why Maven failed without an address', () => {
    const words =
      '[INFO] Scanning\n[ERROR] Could not find artifact a:b:1 in mirror (https://user:word@host/path)\n';
    expect(mavenProblem(words)).toBe('Could not find artifact a:b:1 in mirror (<url>)');
    expect(mavenProblem('')).toBe('no reason given');
  });
});
