import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { StandInResponse } from '../http.ts';
import { receiveDocument } from './body.ts';
import type { CommitCondition } from './bucket-store.ts';
import {
  assertChecksumValue,
  checksumElement,
  checksumElements,
  checksumHeader,
  type StoredChecksum,
  startDigest,
} from './checksums.ts';
import { writeCondition } from './conditions.ts';
import { authorizeDecryption, type ObjectContext } from './context.ts';
import { notImplemented, S3Error } from './errors.ts';
import { FileWriter } from './file-writer.ts';
import { newETag, newVersionId, writtenHeaders } from './object-headers.ts';
import type { ObjectRecord } from './object-record.ts';
import type { S3Request } from './request.ts';
import { xmlResponse } from './responses.ts';
import { type Upload, type UploadedPart, UploadStore } from './upload-store.ts';
import { parseXml, xmlList, xmlText } from './xml.ts';

const MINIMUM_PART_BYTES = 5 * 1024 ** 2;
const READ_BYTES = 1024 ** 2;
const KNOWN_ELEMENTS = new Set([
  'PartNumber',
  'ETag',
  'ChecksumCRC32',
  'ChecksumCRC64NVME',
  'ChecksumSHA256',
  'ChecksumMD5',
  '#text',
]);

interface ClaimedPart {
  readonly number: number;
  readonly etag: string;
  readonly checksums: ReadonlyMap<string, string>;
}

function parseClaims(document: string): ClaimedPart[] {
  const claims = xmlList(parseXml(document, 'CompleteMultipartUpload').Part).map((part) => {
    const number = Number(xmlText(part, 'PartNumber'));
    const etag = xmlText(part, 'ETag')?.trim().replaceAll('"', '');
    if (!Number.isInteger(number) || etag === undefined) throw new S3Error('MalformedXML');
    const unknown = Object.keys(part).find((name) => !KNOWN_ELEMENTS.has(name));
    if (unknown !== undefined) throw notImplemented(`element ${unknown} of CompleteMultipartUpload`);
    const checksums = Object.keys(part).filter((name) => name.startsWith('Checksum'));
    return { number, etag, checksums: new Map(checksums.map((name) => [name, xmlText(part, name) ?? ''])) };
  });
  if (claims.length === 0) throw new S3Error('MalformedXML');
  return claims;
}

function assertClaimedChecksums(upload: Upload, claim: ClaimedPart, part: UploadedPart): void {
  const element = part.checksum === undefined ? undefined : checksumElement(part.checksum.algorithm);
  for (const [name, value] of claim.checksums) {
    if (name !== element || value !== part.checksum?.value) {
      throw new S3Error('InvalidPart', undefined, { PartNumber: String(claim.number), ETag: claim.etag });
    }
  }
  if (upload.checksumType === 'COMPOSITE' && claim.checksums.size === 0) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${upload.checksumAlgorithm} checksum. The complete request must include the checksum for each part. It was missing for part ${claim.number} in the request.`,
    );
  }
}

function selectParts(
  upload: Upload,
  claims: readonly ClaimedPart[],
  parts: readonly UploadedPart[],
): UploadedPart[] {
  const byNumber = new Map(parts.map((part) => [part.number, part]));
  if (claims.some(({ number }, index) => number <= (claims[index - 1]?.number ?? 0))) {
    throw new S3Error('InvalidPartOrder');
  }
  return claims.map((claim, index) => {
    const part = byNumber.get(claim.number);
    if (part === undefined || part.etag !== claim.etag) {
      throw new S3Error('InvalidPart', undefined, { PartNumber: String(claim.number), ETag: claim.etag });
    }
    assertClaimedChecksums(upload, claim, part);
    if (index < claims.length - 1 && part.size < MINIMUM_PART_BYTES) {
      throw new S3Error('EntityTooSmall', undefined, {
        ProposedSize: String(part.size),
        MinSizeAllowed: String(MINIMUM_PART_BYTES),
        PartNumber: String(part.number),
      });
    }
    return part;
  });
}

async function compositeChecksum(
  upload: Upload,
  parts: readonly UploadedPart[],
): Promise<StoredChecksum | undefined> {
  if (upload.checksumAlgorithm === undefined) return undefined;
  const digest = startDigest(upload.checksumAlgorithm);
  for (const part of parts) digest.update(Buffer.from(part.checksum?.value ?? '', 'base64'));
  const value = `${(await digest.digest()).toString('base64')}-${parts.length}`;
  return { algorithm: upload.checksumAlgorithm, type: 'COMPOSITE', value };
}

/** Writes the parts one after the other into `path`; gives the sum of the whole where the upload wants one. */
async function concatenate(
  uploads: UploadStore,
  upload: Upload,
  parts: readonly UploadedPart[],
  path: string,
): Promise<StoredChecksum | undefined> {
  const algorithm = upload.checksumType === 'FULL_OBJECT' ? upload.checksumAlgorithm : undefined;
  const digest = algorithm === undefined ? undefined : startDigest(algorithm);
  const writer = new FileWriter(path);
  try {
    for (const part of parts) {
      const source = createReadStream(uploads.partPath(upload.uploadId, part), { highWaterMark: READ_BYTES });
      for await (const bytes of source as AsyncIterable<Buffer>) {
        digest?.update(bytes);
        await writer.write(bytes);
      }
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  if (algorithm === undefined || digest === undefined) return compositeChecksum(upload, parts);
  return { algorithm, type: 'FULL_OBJECT', value: (await digest.digest()).toString('base64') };
}

function assertWholeChecksum(
  context: ObjectContext,
  upload: Upload,
  actual: StoredChecksum | undefined,
): void {
  const { headers } = context.request;
  const type = headers['x-amz-checksum-type'];
  if (type !== undefined && upload.checksumType !== undefined && type.toUpperCase() !== upload.checksumType) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using the ${upload.checksumType} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const expected = checksumHeader(headers);
  if (expected?.value === undefined) return;
  assertChecksumValue(expected.algorithm, expected.value.replace(/-\d+$/, ''));
  if (expected.algorithm !== actual?.algorithm || expected.value !== actual.value)
    throw new S3Error('BadDigest');
}

function assertObjectSize(context: ObjectContext, parts: readonly UploadedPart[]): void {
  const expected = context.request.headers['x-amz-mp-object-size'];
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (expected !== undefined && expected !== String(size)) {
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${expected} does not match what was computed: ${size}`,
    );
  }
}

function completedResponse(context: ObjectContext, record: ObjectRecord): StandInResponse {
  const { bucket, key, region } = context;
  return xmlResponse(
    'CompleteMultipartUploadResult',
    {
      Location: `https://${bucket.name}.s3.${region}.amazonaws.com/${key.split('/').map(encodeURIComponent).join('/')}`,
      Bucket: bucket.name,
      Key: key,
      ETag: `"${record.etag}"`,
      ...checksumElements(record.checksum),
    },
    writtenHeaders(record),
  );
}

async function commitUpload(
  context: ObjectContext,
  upload: Upload,
  claims: readonly ClaimedPart[],
  condition: CommitCondition,
): Promise<ObjectRecord> {
  const { store, key, bucket, clock } = context;
  const uploads = new UploadStore(store);
  const parts = selectParts(upload, claims, await uploads.parts(upload.uploadId));
  assertObjectSize(context, parts);
  // Refused early, a large upload is not copied for nothing; the commit asks again.
  condition(await store.describe(key));
  const path = store.incoming.newPath();
  try {
    const checksum = await concatenate(uploads, upload, parts, path);
    assertWholeChecksum(context, upload, checksum);
    const md5s = createHash('md5');
    for (const part of parts) md5s.update(Buffer.from(part.md5, 'hex'));
    const { headers, userMetadata, kmsKeyArn, uploadId } = upload;
    return await store.commit(
      key,
      path,
      {
        headers,
        userMetadata,
        uploadId,
        ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
        ...(checksum === undefined ? {} : { checksum }),
        ...newVersionId(bucket),
        etag: `${newETag(md5s.digest('hex'), kmsKeyArn)}-${parts.length}`,
        lastModified: clock.now(),
        parts: parts.map(({ size, md5 }) => ({ size, md5 })),
      },
      condition,
    );
  } finally {
    await rm(path, { force: true });
  }
}

// Here these headers speak of the object to come, not of the document that is sent.
function withoutChecksums(request: S3Request): S3Request {
  const headers = Object.entries(request.headers).filter(([name]) => !name.startsWith('x-amz-checksum-'));
  return { ...request, headers: Object.fromEntries(headers) };
}

/**
 * CompleteMultipartUpload: the object appears when every part, size, order, checksum and the condition hold;
 * repeated, it answers what it answered before. Throws `NoSuchUpload`, `InvalidPart`, `InvalidPartOrder`,
 * `EntityTooSmall`, `BadDigest`, `PreconditionFailed`, `ConditionalRequestConflict`.
 */
export async function completeMultipartUpload(context: ObjectContext): Promise<StandInResponse> {
  const { store, key, request } = context;
  const uploads = new UploadStore(store);
  const uploadId = request.query.get('uploadId') ?? '';
  const watch = store.watchDeletion(key);
  try {
    const condition = writeCondition(context, watch);
    const claims = parseClaims(await receiveDocument(withoutChecksums(request), context.verified));
    return await uploads.exclusively(uploadId, async () => {
      const current = await store.describe(key);
      if (current?.uploadId === uploadId) {
        await uploads.remove(uploadId);
        return completedResponse(context, current);
      }
      const upload = await uploads.require(uploadId, key);
      authorizeDecryption(context, upload);
      const record = await commitUpload(context, upload, claims, condition);
      await uploads.remove(uploadId);
      return completedResponse(context, record);
    });
  } finally {
    watch.stop();
  }
}
