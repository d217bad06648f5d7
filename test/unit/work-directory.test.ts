import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { withWorkDirectory } from '../../lambdas/lib/runtime/work-directory.ts';

const PREFIX = `apple-data-pipeline-work-${process.getuid?.() ?? 0}`;

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** A directory as another process would have left it. */
async function leftover(processId: number | string): Promise<string> {
  const directory = join(tmpdir(), `${PREFIX}.${processId}.left`);
  made.push(directory);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'rows.spill'), 'rows');
  return directory;
}

describe('a work directory', () => {
  it('is fresh, empty and gone afterwards, also after an error', async () => {
    const used: string[] = [];
    const work = async (directory: string) => {
      expect(readdirSync(directory)).toEqual([]);
      await writeFile(join(directory, 'file'), 'x');
      used.push(directory);
      return 'done';
    };
    expect(await withWorkDirectory(work)).toBe('done');
    await expect(
      withWorkDirectory(async (directory) => {
        await work(directory);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');

    expect(new Set(used).size).toBe(2);
    expect(used.filter((directory) => existsSync(directory))).toEqual([]);
  });

  it('is taken together with what dead processes left, and with nothing that is still in use', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const left = [await leftover(dead), await leftover(process.pid)];
    const kept = await leftover(process.ppid);

    await withWorkDirectory((outer) =>
      withWorkDirectory(async () => {
        expect(left.filter((directory) => existsSync(directory))).toEqual([]);
        expect([kept, outer].filter((directory) => existsSync(directory))).toEqual([kept, outer]);
      }),
    );
  });
});
