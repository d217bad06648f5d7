import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, renameInto, unlessAbsentSync } from './files.ts';

// After a restart in a container the next process may have the same id: its own folders it knows.
const foldersOfThisProcess = new Set<string>();

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * Names for files that are not published yet. They lie in a folder of this process, so that the next process
 * can tell what a killed one left behind.
 */
export class IncomingFiles {
  readonly #root: string;
  readonly #folder: string;
  #isSwept = false;

  constructor(root: string) {
    this.#root = root;
    this.#folder = join(root, `${process.pid}-${randomBytes(6).toString('hex')}`);
    foldersOfThisProcess.add(this.#folder);
  }

  /** The path of a file that does not exist yet, in a folder that does. */
  newPath(): string {
    if (!this.#isSwept) this.#removeLeftovers();
    this.#isSwept = true;
    mkdirSync(this.#folder, { recursive: true });
    return join(this.#folder, randomBytes(12).toString('hex'));
  }

  #removeLeftovers(): void {
    for (const name of unlessAbsentSync(() => readdirSync(this.#root)) ?? []) {
      const folder = join(this.#root, name);
      const processId = Number.parseInt(name, 10);
      const isLive = processId === process.pid ? foldersOfThisProcess.has(folder) : isRunning(processId);
      if (!isLive) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Makes `target` hold `text`: the old content or the new one, never half. */
  writeAtomically(target: string, text: string): void {
    const path = this.newPath();
    writeFileSync(path, text);
    renameInto(path, target);
  }

  /** Removes everything of this process that was not published. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    foldersOfThisProcess.delete(this.#folder);
  }
}
