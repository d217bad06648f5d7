import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BucketStore } from './bucket-store.ts';
import { ALGORITHMS } from './checksums.ts';
import { S3Error } from './errors.ts';
import { documentText, renameInto, unlessAbsent } from './files.ts';
import { KeyLocks } from './key-locks.ts';

const checksumAlgorithm = z.enum(ALGORITHMS);

const uploadDocument = z.object({
  key: z.string(),
  /** Milliseconds since 1970. */
  initiated: z.number(),
  initiator: z.string(),
  headers: z.record(z.string(), z.string()),
  userMetadata: z.record(z.string(), z.string()),
  kmsKeyArn: z.string().optional(),
  checksumAlgorithm: checksumAlgorithm.optional(),
  checksumType: z.enum(['FULL_OBJECT', 'COMPOSITE']).optional(),
});

/** An upload that has begun and is neither completed nor aborted. */
export type Upload = z.infer<typeof uploadDocument> & { readonly uploadId: string };

const partDocument = z.object({
  number: z.number(),
  /** Name of the file with the part's bytes, beside this document. */
  file: z.string(),
  size: z.number(),
  /** Hexadecimal. */
  md5: z.string(),
  etag: z.string(),
  lastModified: z.number(),
  checksum: z.object({ algorithm: checksumAlgorithm, value: z.string() }).optional(),
});

/** One part that has arrived whole. */
export type UploadedPart = z.infer<typeof partDocument>;

const UPLOAD_ID = /^[0-9a-f]{48}$/;
const UPLOAD_FILE = 'upload.json';
const PART_FILE = /^\d{5}\.json$/;

function partFile(partNumber: number): string {
  return `${String(partNumber).padStart(5, '0')}.json`;
}

const locksOfStores = new WeakMap<BucketStore, KeyLocks>();

function locksOf(store: BucketStore): KeyLocks {
  const locks = locksOfStores.get(store) ?? new KeyLocks();
  locksOfStores.set(store, locks);
  return locks;
}

/**
 * The multipart uploads of a bucket, one folder each. Beginning, a part, and the end are one rename each, so
 * a killed store goes on where it was: a part is the old one, the new one, or not there.
 */
export class UploadStore {
  readonly #store: BucketStore;

  constructor(store: BucketStore) {
    this.#store = store;
  }

  #folder(uploadId: string): string {
    return join(this.#store.uploadsFolder, uploadId);
  }

  /** Runs `work` while nobody else changes the upload. */
  exclusively<T>(uploadId: string, work: () => Promise<T>): Promise<T> {
    return locksOf(this.#store).run(uploadId, work);
  }

  async create(upload: Omit<Upload, 'uploadId'>): Promise<string> {
    const uploadId = randomBytes(24).toString('hex');
    this.#store.incoming.writeAtomically(join(this.#folder(uploadId), UPLOAD_FILE), JSON.stringify(upload));
    return uploadId;
  }

  /** The upload, undefined when there is none of that id. */
  async find(uploadId: string): Promise<Upload | undefined> {
    if (!UPLOAD_ID.test(uploadId)) return undefined;
    const text = documentText(join(this.#folder(uploadId), UPLOAD_FILE));
    return text === undefined ? undefined : { ...uploadDocument.parse(JSON.parse(text)), uploadId };
  }

  /** The upload of that id and key; throws `NoSuchUpload`. */
  async require(uploadId: string, key: string): Promise<Upload> {
    const upload = await this.find(uploadId);
    if (upload?.key !== key) throw new S3Error('NoSuchUpload', undefined, { UploadId: uploadId });
    return upload;
  }

  /** All open uploads, in no order. */
  async list(): Promise<Upload[]> {
    const ids = (await unlessAbsent(readdir(this.#store.uploadsFolder))) ?? [];
    const uploads = await Promise.all(ids.map((uploadId) => this.find(uploadId)));
    return uploads.filter((upload) => upload !== undefined);
  }

  /** Takes the file at `incoming` as a part, in place of an earlier one of that number. Throws `NoSuchUpload`. */
  async putPart(upload: Upload, incoming: string, part: Omit<UploadedPart, 'file'>): Promise<void> {
    await this.exclusively(upload.uploadId, async () => {
      await this.require(upload.uploadId, upload.key);
      const folder = this.#folder(upload.uploadId);
      const path = join(folder, partFile(part.number));
      const earlier = this.#readPart(path);
      const file = `${partFile(part.number)}.${randomBytes(8).toString('hex')}`;
      renameInto(incoming, join(folder, file));
      this.#store.incoming.writeAtomically(path, JSON.stringify({ ...part, file }));
      if (earlier !== undefined) await rm(join(folder, earlier.file), { force: true });
    });
  }

  #readPart(path: string): UploadedPart | undefined {
    const text = documentText(path);
    return text === undefined ? undefined : partDocument.parse(JSON.parse(text));
  }

  /** The upload's parts in order of their numbers. */
  async parts(uploadId: string): Promise<UploadedPart[]> {
    const folder = this.#folder(uploadId);
    const names = ((await unlessAbsent(readdir(folder))) ?? []).filter((name) => PART_FILE.test(name)).sort();
    return names.flatMap((name) => this.#readPart(join(folder, name)) ?? []);
  }

  partPath(uploadId: string, part: UploadedPart): string {
    return join(this.#folder(uploadId), part.file);
  }

  /** Ends the upload and removes its parts. */
  async remove(uploadId: string): Promise<void> {
    // One rename ends it; what a kill leaves behind then is swept with the other incoming files.
    const doomed = this.#store.incoming.newPath();
    await unlessAbsent(rename(this.#folder(uploadId), doomed));
    await rm(doomed, { recursive: true, force: true });
  }
}
