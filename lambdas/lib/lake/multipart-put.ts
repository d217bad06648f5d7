import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { IntegrityError } from '../errors.ts';
import { conflictOf, isConditionConflict, isConditionFailed, type ObjectStore } from './object-store.ts';
import { writeFailure } from './storage-failures.ts';

/** One part, kept in one reused buffer: flat memory whatever the size; 10,000 parts reach 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;

export interface MultipartOptions {
  readonly onlyIfAbsent: boolean;
  /** The upload completes only with exactly so many bytes. */
  readonly expectedBytes?: number | undefined;
  /** The upload completes only if the bytes have this MD5, in hex. */
  readonly expectedMd5?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** `application/gzip`, as Apple's segments are, unless told. */
  readonly contentType?: string;
}

/** `exists`: nothing was written; size and sum are those of the bytes that came. */
export interface MultipartResult {
  readonly result: 'written' | 'exists';
  readonly bytes: number;
  readonly sha256: string;
}

/** Fills one buffer with the next bytes of the source; fewer than its length only at the end. */
async function* parts(source: Readable, buffer: Buffer): AsyncGenerator<Buffer> {
  let filled = 0;
  let yielded = false;
  for await (const chunk of source) {
    let rest = chunk as Buffer;
    while (rest.length > 0) {
      const taken = rest.subarray(0, buffer.length - filled);
      taken.copy(buffer, filled);
      filled += taken.length;
      rest = rest.subarray(taken.length);
      if (filled === buffer.length) {
        yield buffer;
        yielded = true;
        filled = 0;
      }
    }
  }
  if (filled > 0 || !yielded) yield buffer.subarray(0, filled);
}

interface Target {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

/** One call of an upload; what S3 only cannot do now is named. */
async function sent<Answer>(key: string, call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (error) {
    throw writeFailure(key, error);
  }
}

interface UploadedParts {
  readonly parts: readonly { readonly PartNumber: number; readonly ETag: string | undefined }[];
  readonly bytes: number;
  readonly sha256: string;
  readonly md5: string | undefined;
}

async function uploadParts(
  store: ObjectStore,
  target: Target,
  body: Readable,
  withMd5: boolean,
): Promise<UploadedParts> {
  const sha256 = createHash('sha256');
  const md5 = withMd5 ? createHash('md5') : undefined;
  const uploaded: { PartNumber: number; ETag: string | undefined }[] = [];
  let bytes = 0;
  for await (const part of parts(body, Buffer.allocUnsafe(PART_BYTES))) {
    sha256.update(part);
    md5?.update(part);
    bytes += part.length;
    const PartNumber = uploaded.length + 1;
    const answer = await sent(
      target.Key,
      store.client.send(
        new UploadPartCommand({ ...target, PartNumber, Body: part, ContentLength: part.length }),
      ),
    );
    uploaded.push({ PartNumber, ETag: answer.ETag });
  }
  return { parts: uploaded, bytes, sha256: sha256.digest('hex'), md5: md5?.digest('hex') };
}

function assertExpected(key: string, arrived: UploadedParts, options: MultipartOptions): void {
  const { expectedBytes, expectedMd5 } = options;
  if (expectedBytes !== undefined && arrived.bytes !== expectedBytes) {
    throw new IntegrityError(
      `${key}: Apple announced ${expectedBytes} bytes and sent ${arrived.bytes}; nothing was made visible.`,
      { details: { key, expected: expectedBytes, actual: arrived.bytes } },
    );
  }
  if (expectedMd5 !== undefined && arrived.md5 !== expectedMd5) {
    throw new IntegrityError(
      `${key}: the bytes do not have the checksum that Apple announced; nothing was made visible.`,
      { details: { key } },
    );
  }
}

/** True when the object was written, false when one was there already. */
async function complete(
  store: ObjectStore,
  target: Target,
  { parts }: UploadedParts,
  onlyIfAbsent: boolean,
): Promise<boolean> {
  try {
    await store.client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        MultipartUpload: { Parts: [...parts] },
        ...(onlyIfAbsent ? { IfNoneMatch: '*' } : {}),
      }),
    );
    return true;
  } catch (error) {
    if (isConditionFailed(error)) return false;
    throw isConditionConflict(error) ? conflictOf(target.Key, error) : writeFailure(target.Key, error);
  }
}

/**
 * Streams a body into one object by multipart upload and hashes it on the way. The upload is aborted on every
 * failure, and the body destroyed, so nothing half is ever visible.
 * Fails with IntegrityError when length or MD5 are not the expected ones, with WriteConflictError when S3 saw
 * another write to the key at the same time, with StorageUnavailableError when it could not take the bytes now.
 */
export async function multipartPut(
  store: ObjectStore,
  key: string,
  body: Readable,
  options: MultipartOptions,
): Promise<MultipartResult> {
  const object = { Bucket: store.bucket, Key: key };
  // A body that breaks before its first byte is asked for would end the process; reading it reports the same error.
  body.on('error', () => undefined);
  try {
    const { UploadId } = await sent(
      key,
      store.client.send(
        new CreateMultipartUploadCommand({
          ...object,
          ContentType: options.contentType ?? 'application/gzip',
          Metadata: options.metadata,
        }),
      ),
    );
    const target = { ...object, UploadId };
    let written = false;
    try {
      const arrived = await uploadParts(store, target, body, options.expectedMd5 !== undefined);
      assertExpected(key, arrived, options);
      written = await complete(store, target, arrived, options.onlyIfAbsent);
      const { bytes, sha256 } = arrived;
      return { result: written ? 'written' : 'exists', bytes, sha256 };
    } finally {
      // The first error is the one to report; what an abort leaves behind, the bucket's lifecycle removes in a day.
      if (!written) {
        await store.client.send(new AbortMultipartUploadCommand(target)).catch(() => undefined);
      }
    }
  } finally {
    body.destroy();
  }
}
