import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * File operations of the store. Those on names and small documents are synchronous: each takes microseconds, and
 * waiting for a thread to do it takes many times as long. Bytes of objects pass asynchronously.
 */

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}

/** Waits for a file operation; undefined when the file or a folder on its way does not exist. */
export async function unlessAbsent<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Does a synchronous file operation; undefined when the file or a folder on its way does not exist. */
export function unlessAbsentSync<T>(operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** What identifies the content of a regular file at one moment; undefined when there is no such file. */
export function regularFile(path: string) {
  const stat = unlessAbsentSync(() => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  return stat?.isFile() ? stat : undefined;
}

/** A small document whole, undefined when there is none. */
export function documentText(path: string): string | undefined {
  return unlessAbsentSync(() => readFileSync(path, 'utf8'));
}

// Another process may remove an empty folder between making it and renaming into it.
const RENAME_TRIES = 20;

/** Renames a file over `target`, making the folders above it where they are missing. */
export function renameInto(source: string, target: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      renameSync(source, target);
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === RENAME_TRIES) throw error;
      mkdirSync(dirname(target), { recursive: true });
    }
  }
}

/** Removes a file and the folders above it that it leaves empty, up to but not including `root`. */
export function unlinkAndPrune(root: string, path: string): void {
  unlessAbsentSync(() => unlinkSync(path));
  let folder = dirname(path);
  while (relative(root, folder) !== '' && !relative(root, folder).startsWith('..')) {
    try {
      rmdirSync(folder);
    } catch {
      // Not empty, or already gone: either way nothing above it has become empty by this deletion.
      return;
    }
    folder = dirname(folder);
  }
}

/** Relative paths, with `/`, of all regular files below a folder; empty when it does not exist. */
export async function filesBelow(root: string): Promise<string[]> {
  const entries = (await unlessAbsent(readdir(root, { recursive: true, withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
