import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ArchiveTooLargeError, StorageUnavailableError } from '../errors.ts';
import { conflictOf, isConditionConflict, isConditionFailed, type ObjectStore } from './object-store.ts';
import { sentInPieces } from './piecewise-upload.ts';
import { writeFailure } from './storage-failures.ts';

/** Bytes of a part, and of each buffer: flat memory whatever the size of the archive. */
export const ARCHIVE_PART_BYTES = 8 * 1024 * 1024;

/** One buffer is filled while the others are on their way. */
const BUFFERS = 3;

/** S3's limit; with parts of this size an archive may have 80 GB. */
const MOST_PARTS = 10_000;

/** What lies under the key after `complete`, and whether it is this upload's. */
export type CompletedUpload =
  | { readonly result: 'written'; readonly bytes: number; readonly sha256: string }
  | { readonly result: 'exists' };

/** An object that becomes visible only by `complete`; whoever began it ends it with `complete` or `abort`. */
export interface ArchiveUpload {
  /** Bytes taken so far. */
  readonly bytes: number;
  /** Takes a copy of the next bytes; waits while every buffer is on its way to S3. */
  take(piece: Buffer): Promise<void>;
  /** Waits until S3 has every byte; only `complete` and `abort` may follow. */
  flush(): Promise<void>;
  /** Makes the object visible unless one is there already, which then stays as it is. */
  complete(): Promise<CompletedUpload>;
  /** Takes back what was sent. Never fails: what it leaves behind, the bucket's lifecycle removes. */
  abort(): Promise<void>;
}

interface UploadedPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
  readonly ChecksumCRC32: string;
}

/** A CRC-32 as S3 writes it. */
function base64Crc(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}

class MultipartArchive implements ArchiveUpload {
  bytes = 0;
  readonly #store: ObjectStore;
  readonly #target: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined };
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #sha256 = createHash('sha256');
  #crc = 0;
  readonly #free: Buffer[] = [];
  #allocated = 1;
  #buffer: Buffer = Buffer.allocUnsafe(ARCHIVE_PART_BYTES);
  #filled = 0;
  readonly #parts: UploadedPart[] = [];
  #begun = 0;
  readonly #onTheirWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(store: ObjectStore, key: string, uploadId: string | undefined, signal: AbortSignal) {
    this.#store = store;
    this.#target = { Bucket: store.bucket, Key: key, UploadId: uploadId };
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
  }

  async take(piece: Buffer): Promise<void> {
    let rest = piece;
    while (rest.length > 0) {
      this.#throwFailure();
      const taken = rest.subarray(0, this.#buffer.length - this.#filled);
      taken.copy(this.#buffer, this.#filled);
      this.#filled += taken.length;
      this.bytes += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === this.#buffer.length) {
        this.#send();
        this.#buffer = await this.#nextBuffer();
      }
    }
  }

  async flush(): Promise<void> {
    if (this.#filled > 0 || this.#begun === 0) this.#send();
    while (this.#onTheirWay.size > 0) await Promise.race(this.#onTheirWay);
    this.#throwFailure();
  }

  async complete(): Promise<CompletedUpload> {
    await this.flush();
    const { Key } = this.#target;
    try {
      await this.#store.client.send(
        new CompleteMultipartUploadCommand({
          ...this.#target,
          MultipartUpload: { Parts: this.#parts.toSorted((a, b) => a.PartNumber - b.PartNumber) },
          ChecksumType: 'FULL_OBJECT',
          ChecksumCRC32: base64Crc(this.#crc),
          MpuObjectSize: this.bytes,
          IfNoneMatch: '*',
        }),
      );
      return { result: 'written', bytes: this.bytes, sha256: this.#sha256.digest('hex') };
    } catch (error) {
      await this.abort();
      // S3 lets one of two uploads win, and may tell the other so by either answer.
      if (isConditionFailed(error)) return { result: 'exists' };
      if (!isConditionConflict(error)) throw named(Key, error);
      if ((await this.#store.facts(Key)) !== undefined) return { result: 'exists' };
      throw conflictOf(Key, error);
    }
  }

  async abort(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#onTheirWay);
    // The first error is the one to report; what an abort leaves behind, the bucket's lifecycle removes in a day.
    await this.#store.client.send(new AbortMultipartUploadCommand(this.#target)).catch(() => undefined);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(): void {
    const buffer = this.#buffer;
    const part = buffer.subarray(0, this.#filled);
    this.#filled = 0;
    this.#begun += 1;
    const PartNumber = this.#begun;
    this.#sha256.update(part);
    this.#crc = crc32(part, this.#crc);
    const sent = this.#upload(PartNumber, part)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#free.push(buffer);
        this.#onTheirWay.delete(sent);
      });
    this.#onTheirWay.add(sent);
  }

  async #upload(PartNumber: number, part: Buffer): Promise<void> {
    const { Key } = this.#target;
    if (PartNumber > MOST_PARTS) {
      throw new ArchiveTooLargeError(`${Key} has more than ${MOST_PARTS * ARCHIVE_PART_BYTES} bytes.`, {
        details: { key: Key, bytes: this.bytes },
      });
    }
    const ChecksumCRC32 = base64Crc(crc32(part));
    try {
      const answer = await this.#store.client.send(
        sentInPieces(
          new UploadPartCommand({
            ...this.#target,
            PartNumber,
            Body: part,
            ContentLength: part.length,
            ChecksumCRC32,
          }),
        ),
        { abortSignal: this.#signal },
      );
      this.#parts.push({ PartNumber, ETag: answer.ETag, ChecksumCRC32 });
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      throw named(Key, error);
    }
  }

  async #nextBuffer(): Promise<Buffer> {
    if (this.#free.length === 0 && this.#allocated < BUFFERS) {
      this.#allocated += 1;
      return Buffer.allocUnsafe(ARCHIVE_PART_BYTES);
    }
    while (this.#free.length === 0) await Promise.race(this.#onTheirWay);
    return this.#free.pop() as Buffer;
  }
}

/** An upload that somebody else ended is begun anew, which finds out whether it still may. */
function named(key: string, error: unknown): unknown {
  if (!(error instanceof S3ServiceException && error.name === 'NoSuchUpload'))
    return writeFailure(key, error);
  return new StorageUnavailableError(`The upload of ${key} was ended by somebody else: it is begun again.`, {
    details: { key },
    cause: error,
  });
}

/**
 * Begins an upload of an archive whose size nobody knows. S3 verifies the CRC-32 of every part and, at the end, that
 * of the whole; the SHA-256 is made on the way. `signal` ends the sending of parts with its reason.
 * Its calls fail with StorageUnavailableError (S3 could not take the bytes now), ArchiveTooLargeError (more parts than
 * S3 takes), or WriteConflictError (S3 saw another write to the key and kept neither).
 */
export async function beginArchiveUpload(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<ArchiveUpload> {
  try {
    const { UploadId } = await store.client.send(
      new CreateMultipartUploadCommand({
        Bucket: store.bucket,
        Key: key,
        ContentType: 'application/zip',
        ChecksumAlgorithm: 'CRC32',
        ChecksumType: 'FULL_OBJECT',
      }),
    );
    return new MultipartArchive(store, key, UploadId, signal);
  } catch (error) {
    throw writeFailure(key, error);
  }
}
