import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of one user of the machine, whose directories nobody else may remove. */
const NAME = `apple-data-pipeline-work-${process.getuid?.() ?? 0}`;

/** Directories that work of this process uses now. */
const inUse = new Set<string>();

function isOfAnotherProcess(processId: number): boolean {
  if (processId === process.pid) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** What a process left that died: Lambda keeps /tmp when it starts a function's process anew. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [prefix, processId] = name.split('.');
    if (prefix !== NAME || isOfAnotherProcess(Number(processId))) continue;
    const directory = join(tmpdir(), name);
    if (!inUse.has(directory)) await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Gives `work` a fresh, empty directory under the system's own for temporary files and removes it on every path,
 * together with what processes left behind that died at work.
 */
export async function withWorkDirectory<Result>(
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = join(tmpdir(), `${NAME}.${process.pid}.${randomUUID()}`);
  inUse.add(directory);
  try {
    await removeLeftovers();
    await mkdir(directory, { mode: 0o700 });
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
    inUse.delete(directory);
  }
}
