import { rm } from 'node:fs/promises';
import type { StandInResponse } from '../http.ts';
import { s3Arn } from './access.ts';
import { MAXIMUM_PUT_BYTES } from './body.ts';
import type { OpenObject } from './bucket-store.ts';
import { type ChecksumAlgorithm, checksumElements, type StoredChecksum, startDigest } from './checksums.ts';
import { checkCopySourceConditions, writeCondition } from './conditions.ts';
import { authorizeDecryption, missingKey, type ObjectContext } from './context.ts';
import { notImplemented, S3Error } from './errors.ts';
import { FileWriter } from './file-writer.ts';
import { readRange } from './get-object.ts';
import {
  authorizeEncryption,
  describeNewObject,
  newETag,
  newVersionId,
  type ObjectDescription,
  requestedAlgorithm,
  writtenHeaders,
} from './object-headers.ts';
import type { ObjectDraft, ObjectRecord } from './object-record.ts';
import { documentDate, xmlResponse } from './responses.ts';

interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly object: OpenObject;
}

/** Reads `x-amz-copy-source`. Throws `InvalidArgument`, `NotImplemented` for a version of the source. */
export function parseCopySource(header: string): { bucket: string; key: string } {
  const [path = '', query] = header.split('?', 2);
  if (query !== undefined) throw notImplemented(`copy source parameter ${query.split('=')[0]}`);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw new S3Error('InvalidArgument', 'Copy Source must be URL-encoded');
  }
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decoded);
  if (match === null)
    throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key');
  return { bucket: match[1] ?? '', key: match[2] ?? '' };
}

/**
 * Opens the object that `x-amz-copy-source` names, with the permissions and conditions that reading it takes.
 * The caller closes it. Throws `NoSuchBucket`, `NoSuchKey`, `AccessDenied`, `PreconditionFailed`.
 */
export async function openCopySource(context: ObjectContext): Promise<CopySource> {
  const { bucket, key } = parseCopySource(context.request.headers['x-amz-copy-source'] ?? '');
  context.authorize('s3:GetObject', s3Arn(bucket, key));
  const { store } = await context.openBucket(bucket);
  const object = await store.open(key);
  if (object === undefined) throw missingKey(context, bucket, key);
  try {
    authorizeDecryption(context, object.record);
    checkCopySourceConditions(context.request.headers, object.record);
    return { bucket, key, object };
  } catch (error) {
    object.file.close();
    throw error;
  }
}

/** Copies bytes into a new incoming file, with the digests that its record needs. Closes the source. */
export async function copyToFile(
  context: ObjectContext,
  source: OpenObject,
  options: {
    readonly algorithm?: ChecksumAlgorithm | undefined;
    readonly range?: { start: number; length: number };
  },
): Promise<{ path: string; size: number; md5: string; checksum?: StoredChecksum }> {
  const stream = readRange(source, options.range);
  const path = context.store.incoming.newPath();
  const writer = new FileWriter(path);
  const md5 = startDigest('md5');
  const digest = options.algorithm === undefined ? undefined : startDigest(options.algorithm);
  let size = 0;
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) {
      size += bytes.length;
      md5.update(bytes);
      digest?.update(bytes);
      await writer.write(bytes);
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    await rm(path, { force: true });
    throw error;
  }
  const copied = { path, size, md5: (await md5.digest()).toString('hex') };
  if (options.algorithm === undefined || digest === undefined) return copied;
  const value = (await digest.digest()).toString('base64');
  return { ...copied, checksum: { algorithm: options.algorithm, type: 'FULL_OBJECT', value } };
}

function describeCopy(context: ObjectContext, source: CopySource): ObjectDescription {
  const requested = describeNewObject(context);
  const { headers } = context.request;
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY';
  if (directive === 'REPLACE') return requested;
  if (directive !== 'COPY') throw new S3Error('InvalidArgument', 'Unknown metadata directive.');
  const ontoItself = source.bucket === context.bucket.name && source.key === context.key;
  if (ontoItself && headers['x-amz-server-side-encryption'] === undefined) {
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing its metadata or encryption attributes.',
    );
  }
  const { headers: stored, userMetadata } = source.object.record;
  return { ...requested, headers: stored, userMetadata };
}

async function commitCopy(context: ObjectContext, source: CopySource): Promise<ObjectRecord> {
  const { store, key, bucket, clock } = context;
  if (source.object.record.file.size > MAXIMUM_PUT_BYTES) {
    throw new S3Error(
      'InvalidRequest',
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  }
  const description = describeCopy(context, source);
  authorizeEncryption(context, description.kmsKeyArn);
  const watch = store.watchDeletion(key);
  try {
    const condition = writeCondition(context, watch);
    const algorithm = requestedAlgorithm(context.request) ?? source.object.record.checksum?.algorithm;
    const { path, size, md5, checksum } = await copyToFile(context, source.object, { algorithm });
    const draft: ObjectDraft = {
      ...description,
      ...newVersionId(bucket),
      ...(checksum === undefined ? {} : { checksum }),
      etag: newETag(md5, description.kmsKeyArn),
      lastModified: clock.now(),
      parts: [{ size, md5 }],
    };
    try {
      return await store.commit(key, path, draft, condition);
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    watch.stop();
  }
}

/** CopyObject: new bytes under the key, metadata copied or replaced; the ETag is that of a single put. */
export async function copyObject(context: ObjectContext): Promise<StandInResponse> {
  const source = await openCopySource(context);
  let record: ObjectRecord;
  try {
    record = await commitCopy(context, source);
  } finally {
    source.object.file.close();
  }
  return xmlResponse(
    'CopyObjectResult',
    {
      ETag: `"${record.etag}"`,
      LastModified: documentDate(record.lastModified),
      ...checksumElements(record.checksum),
    },
    writtenHeaders(record),
  );
}
