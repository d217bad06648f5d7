import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Error } from './errors.ts';
import { documentText, errorCode, regularFile, renameInto, unlinkAndPrune } from './files.ts';
import { ForeignFiles } from './foreign-files.ts';
import { IncomingFiles } from './incoming-files.ts';
import { KeyLocks } from './key-locks.ts';
import { ESCAPED_KEYS_FOLDER, escapedPath, isPlainKey, METADATA_FOLDER } from './key-paths.ts';
import { formatMetadata, type ObjectDraft, type ObjectRecord, parseMetadata } from './object-record.ts';
import { OpenFile } from './open-file.ts';

type FileIdentity = NonNullable<ReturnType<typeof regularFile>>;

/** An object's bytes at one moment: the file keeps them even when the key is overwritten meanwhile. */
export interface OpenObject {
  readonly record: ObjectRecord;
  /** The caller closes it. */
  readonly file: OpenFile;
}

/** Decides, under the key's lock, whether a change may happen; throws the refusal. */
export type CommitCondition = (current: ObjectRecord | undefined) => void;

/** Tells a conditional write whether its key was deleted while its body was on the way. */
export interface DeletionWatch {
  readonly deleted: boolean;
  stop(): void;
}

const READ_TRIES = 50;
const BLOCKED_PATH = new Set(['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY', 'ENAMETOOLONG']);
const ONE_MILLISECOND = 1_000_000n;

/**
 * The objects of one bucket as files. An object changes by exactly one rename of its body: its next metadata
 * are written before, beside the published ones, and each names the file (size and modification time) that it
 * describes. Killed at any moment, the store holds the old object or the new one. One process owns a folder.
 */
export class BucketStore {
  readonly folder: string;
  readonly incoming: IncomingFiles;
  readonly #locks = new KeyLocks();
  readonly #foreign = new ForeignFiles();
  readonly #watches = new Map<string, Set<{ deleted: boolean }>>();

  constructor(folder: string) {
    this.folder = folder;
    this.incoming = new IncomingFiles(join(folder, METADATA_FOLDER, 'incoming'));
  }

  get uploadsFolder(): string {
    return join(this.folder, METADATA_FOLDER, 'uploads');
  }

  get escapedKeysFolder(): string {
    return join(this.folder, ESCAPED_KEYS_FOLDER);
  }

  #metadataPath(key: string): string {
    return join(this.folder, METADATA_FOLDER, 'objects', `${escapedPath(key)}.json`);
  }

  #locations(key: string): string[] {
    const escaped = join(this.escapedKeysFolder, escapedPath(key));
    return isPlainKey(key) ? [join(this.folder, key), escaped] : [escaped];
  }

  #versions(key: string): readonly ObjectRecord[] {
    const path = this.#metadataPath(key);
    const text = documentText(path);
    return text === undefined ? [] : parseMetadata(text, path);
  }

  /** The record that describes the file; undefined when the file was replaced while this looked. */
  async #describe(key: string, path: string, file: FileIdentity): Promise<ObjectRecord | undefined> {
    const versions = this.#versions(key);
    const record = versions.find(
      (version) =>
        version.file.size === Number(file.size) && version.file.modifiedNanoseconds === String(file.mtimeNs),
    );
    if (record !== undefined) return record;
    const now = regularFile(path);
    if (now === undefined || now.ino !== file.ino || now.mtimeNs !== file.mtimeNs) return undefined;
    return this.#foreign.describe(path, file, versions);
  }

  async #find(key: string): Promise<{ path: string; record: ObjectRecord } | undefined> {
    for (let attempt = 0; attempt < READ_TRIES; attempt += 1) {
      let replaced = false;
      for (const path of this.#locations(key)) {
        const file = regularFile(path);
        if (file === undefined) continue;
        const record = await this.#describe(key, path, file);
        if (record !== undefined) return { path, record };
        replaced = true;
      }
      if (!replaced) return undefined;
    }
    throw new S3Error('InternalError', 'The object changed too often while it was read.');
  }

  /** What is known of the object under `key`; undefined when there is none. */
  async describe(key: string): Promise<ObjectRecord | undefined> {
    return (await this.#find(key))?.record;
  }

  /** Opens the object under `key` for reading; undefined when there is none. */
  async open(key: string): Promise<OpenObject | undefined> {
    for (let attempt = 0; attempt < READ_TRIES; attempt += 1) {
      const found = await this.#find(key);
      if (found === undefined) return undefined;
      const file = OpenFile.open(found.path);
      if (file === undefined) continue;
      const now = file.stat();
      const { size, modifiedNanoseconds } = found.record.file;
      if (Number(now.size) === size && String(now.mtimeNs) === modifiedNanoseconds) {
        return { record: found.record, file };
      }
      file.close();
    }
    throw new S3Error('InternalError', 'The object changed too often while it was opened.');
  }

  /**
   * Publishes the file at `incoming` as the object `key`, after `condition` has agreed to what it replaces.
   * One commit at a time per key; `incoming` is moved away, or left for the caller when this throws.
   */
  async commit(
    key: string,
    incoming: string,
    draft: ObjectDraft,
    condition: CommitCondition,
  ): Promise<ObjectRecord> {
    return this.#locks.run(key, async () => {
      const current = await this.#find(key);
      condition(current?.record);
      const file = await this.#identityUnlike(incoming, current?.record);
      const record: ObjectRecord = { ...draft, file };
      const versions = current === undefined ? [record] : [current.record, record];
      this.incoming.writeAtomically(this.#metadataPath(key), formatMetadata(key, versions));
      this.#place(key, incoming, current?.path);
      return record;
    });
  }

  // Two versions of one size written within one tick of the file system's clock would look the same.
  async #identityUnlike(path: string, current: ObjectRecord | undefined): Promise<ObjectRecord['file']> {
    const file = regularFile(path);
    if (file === undefined)
      throw new Error(`The received file ${path} has gone. Is another process emptying the folder?`);
    const identity = { size: Number(file.size), modifiedNanoseconds: String(file.mtimeNs) };
    if (
      identity.size !== current?.file.size ||
      identity.modifiedNanoseconds !== current.file.modifiedNanoseconds
    ) {
      return identity;
    }
    await utimes(path, Number(file.atimeMs) / 1000, Number((file.mtimeNs + ONE_MILLISECOND) / 1000n) / 1e6);
    return this.#identityUnlike(path, current);
  }

  #place(key: string, incoming: string, currentPath: string | undefined): void {
    const candidates = currentPath === undefined ? this.#locations(key) : [currentPath];
    const last = candidates.at(-1);
    for (const path of candidates) {
      try {
        renameInto(incoming, path);
        return;
      } catch (error) {
        // `a` beside `a/b`: whichever came second lies escaped.
        if (path === last || !BLOCKED_PATH.has(errorCode(error) ?? '')) throw error;
      }
    }
  }

  /** Removes the object under `key`, after `condition` has agreed; resolves with what was removed, if anything. */
  async remove(key: string, condition: CommitCondition): Promise<ObjectRecord | undefined> {
    return this.#locks.run(key, async () => {
      const current = await this.#find(key);
      condition(current?.record);
      for (const path of this.#locations(key)) {
        if (regularFile(path) !== undefined) unlinkAndPrune(this.folder, path);
      }
      unlinkAndPrune(this.folder, this.#metadataPath(key));
      if (current !== undefined) {
        for (const watch of this.#watches.get(key) ?? []) watch.deleted = true;
      }
      return current?.record;
    });
  }

  /** Watches for a deletion of `key` until `stop` is called. */
  watchDeletion(key: string): DeletionWatch {
    const watch = { deleted: false, stop: () => this.#unwatch(key, watch) };
    const watches = this.#watches.get(key) ?? new Set();
    this.#watches.set(key, watches.add(watch));
    return watch;
  }

  #unwatch(key: string, watch: { deleted: boolean }): void {
    const watches = this.#watches.get(key);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(key);
  }

  async close(): Promise<void> {
    await this.incoming.close();
  }
}
