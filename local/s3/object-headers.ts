import { randomBytes } from 'node:crypto';
import type { AccessChecks } from './access.ts';
import { type ChecksumAlgorithm, parseAlgorithm } from './checksums.ts';
import type { BucketContext, S3Bucket } from './context.ts';
import { notImplemented, S3Error } from './errors.ts';
import type { ObjectDraft, ObjectRecord } from './object-record.ts';
import type { S3Request } from './request.ts';
import { httpDate } from './responses.ts';

/** Headers that describe an object: kept with it and given back by GET and HEAD. */
export const STORED_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';
const METADATA_PREFIX = 'x-amz-meta-';
const MAXIMUM_METADATA_BYTES = 2048;

/** What a request says about the object to come, besides its bytes. */
export type ObjectDescription = Pick<ObjectDraft, 'headers' | 'userMetadata' | 'kmsKeyArn'>;

/** A Content-Encoding without the transfer framing, which is not part of the object; empty when nothing is left. */
export function withoutAwsChunked(contentEncoding: string): string {
  return contentEncoding
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== 'aws-chunked' && coding !== '')
    .join(',');
}

function storedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const stored: Record<string, string> = { 'content-type': DEFAULT_CONTENT_TYPE };
  for (const name of STORED_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    const kept = name === 'content-encoding' ? withoutAwsChunked(value) : value;
    if (kept !== '') stored[name] = kept;
  }
  return stored;
}

function userMetadata(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers)
    .filter(([name]) => name.startsWith(METADATA_PREFIX))
    .map(([name, value]) => [name.slice(METADATA_PREFIX.length), value] as const);
  const size = entries.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (size > MAXIMUM_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', undefined, {
      Size: String(size),
      MaxSizeAllowed: String(MAXIMUM_METADATA_BYTES),
    });
  }
  return Object.fromEntries(entries);
}

/** The KMS key that a new object is encrypted with: the request's or the bucket's; undefined for SSE-S3. */
export function requestedKmsKey({
  request,
  bucket,
  region,
}: Pick<BucketContext, 'request' | 'bucket' | 'region'>): string | undefined {
  const algorithm = request.headers['x-amz-server-side-encryption'];
  const keyId = request.headers['x-amz-server-side-encryption-aws-kms-key-id'];
  if (algorithm === undefined) return bucket.kmsKeyArn;
  if (algorithm === 'AES256') {
    if (keyId === undefined) return undefined;
    throw new S3Error('InvalidArgument', 'A KMS key id needs x-amz-server-side-encryption: aws:kms');
  }
  if (algorithm !== 'aws:kms') throw notImplemented(`x-amz-server-side-encryption ${algorithm}`);
  return keyId ?? bucket.kmsKeyArn ?? `arn:aws:kms:${region}:111111111111:alias/aws/s3`;
}

/**
 * Reads Content-Type and its like, user metadata and encryption from a request. Throws `MetadataTooLarge`,
 * `NotImplemented` for storage classes other than STANDARD.
 */
export function describeNewObject(context: BucketContext): ObjectDescription {
  const { headers } = context.request;
  const storageClass = headers['x-amz-storage-class'] ?? 'STANDARD';
  if (storageClass !== 'STANDARD') throw notImplemented(`storage class ${storageClass}`);
  const kmsKeyArn = requestedKmsKey(context);
  return {
    headers: storedHeaders(headers),
    userMetadata: userMetadata(headers),
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
  };
}

/** Encrypting with a key needs its permission. Throws `AccessDenied`. */
export function authorizeEncryption(context: AccessChecks, kmsKeyArn: string | undefined): void {
  if (kmsKeyArn !== undefined) context.authorize('kms:GenerateDataKey', kmsKeyArn);
}

/** The ETag of new bytes: their MD5, or something opaque where KMS encrypts. Without quotes. */
export function newETag(md5Hex: string, kmsKeyArn: string | undefined): string {
  return kmsKeyArn === undefined ? md5Hex : randomBytes(16).toString('hex');
}

/** A new version id where the bucket is versioned. */
export function newVersionId(bucket: S3Bucket): { readonly versionId?: string } {
  return bucket.versioned === true ? { versionId: randomBytes(24).toString('base64url') } : {};
}

/** Encryption as response headers. */
export function encryptionHeaders(kmsKeyArn: string | undefined): Readonly<Record<string, string>> {
  if (kmsKeyArn === undefined) return { 'x-amz-server-side-encryption': 'AES256' };
  return {
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyArn,
    'x-amz-server-side-encryption-bucket-key-enabled': 'true',
  };
}

/** Encryption and version of a written object as response headers. */
export function writtenHeaders(
  record: Pick<ObjectRecord, 'kmsKeyArn' | 'versionId'>,
): Readonly<Record<string, string>> {
  return {
    ...encryptionHeaders(record.kmsKeyArn),
    ...(record.versionId === undefined ? {} : { 'x-amz-version-id': record.versionId }),
  };
}

/** Everything that GET and HEAD say about an object, its length and checksums aside. */
export function objectHeaders(record: ObjectRecord): Record<string, string> {
  const metadata = Object.entries(record.userMetadata).map(
    ([name, value]) => [METADATA_PREFIX + name, value] as const,
  );
  return {
    ...record.headers,
    ...Object.fromEntries(metadata),
    ...writtenHeaders(record),
    etag: `"${record.etag}"`,
    'last-modified': httpDate(record.lastModified),
    'accept-ranges': 'bytes',
  };
}

/** The algorithm that CopyObject or CreateMultipartUpload asks for. Throws `NotImplemented` for others. */
export function requestedAlgorithm(request: S3Request): ChecksumAlgorithm | undefined {
  const name = request.headers['x-amz-checksum-algorithm'];
  return name === undefined ? undefined : parseAlgorithm(name);
}
