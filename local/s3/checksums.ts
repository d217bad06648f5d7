import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc64Nvme } from '@aws-sdk/checksums/crc';
import { notImplemented, S3Error } from './errors.ts';

/** The checksum algorithms that this store computes, by S3's header suffix. */
export const ALGORITHMS = ['crc32', 'crc64nvme', 'sha256', 'md5'] as const;

/** One of them. */
export type ChecksumAlgorithm = (typeof ALGORITHMS)[number];

/** How a multipart object's checksum is made: of the whole bytes, or of its parts' checksums. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** A checksum as S3 stores and returns it; `value` is base64, for COMPOSITE with `-<parts>` behind it. */
export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** A digest that grows with the bytes it is given. */
export interface RunningDigest {
  update(bytes: Uint8Array): void;
  digest(): Promise<Buffer>;
}

const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc64nvme: 8,
  sha256: 32,
  md5: 16,
};

function crc32Digest(): RunningDigest {
  let value = 0;
  return {
    update: (bytes) => {
      value = crc32(bytes, value);
    },
    digest: async () => {
      const result = Buffer.alloc(4);
      result.writeUInt32BE(value >>> 0);
      return result;
    },
  };
}

function crc64NvmeDigest(): RunningDigest {
  const running = new Crc64Nvme();
  return {
    update: (bytes) => running.update(bytes),
    digest: async () => Buffer.from(await running.digest()),
  };
}

/** Starts a digest of one of S3's algorithms. */
export function startDigest(algorithm: ChecksumAlgorithm): RunningDigest {
  if (algorithm === 'crc32') return crc32Digest();
  if (algorithm === 'crc64nvme') return crc64NvmeDigest();
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: async () => hash.digest() };
}

/** The algorithm of a header or list value, in either case; throws `NotImplemented` for S3's other ones. */
export function parseAlgorithm(name: string): ChecksumAlgorithm {
  const lowerCase = name.toLowerCase();
  if (lowerCase in DIGEST_BYTES) return lowerCase as ChecksumAlgorithm;
  throw notImplemented(`checksum algorithm ${name}`);
}

/** What the request says about the checksum of its body. */
export interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; absent when the value comes as a trailer. */
  readonly value?: string;
}

const HEADER_PREFIX = 'x-amz-checksum-';
const NOT_A_SUM = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-type', 'x-amz-checksum-mode']);

/** Throws `InvalidRequest` unless `value` is base64 of the algorithm's length. */
export function assertChecksumValue(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== DIGEST_BYTES[algorithm] || bytes.toString('base64') !== value) {
    throw new S3Error('InvalidRequest', `Value for ${HEADER_PREFIX}${algorithm} header is invalid.`);
  }
}

/** The one `x-amz-checksum-<algorithm>` header of a request, unverified as to its value's form. */
export function checksumHeader(headers: Readonly<Record<string, string>>): DeclaredChecksum | undefined {
  const names = Object.keys(headers).filter((name) => name.startsWith(HEADER_PREFIX) && !NOT_A_SUM.has(name));
  if (names.length > 1) {
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const [name] = names;
  if (name === undefined) return undefined;
  return { algorithm: parseAlgorithm(name.slice(HEADER_PREFIX.length)), value: headers[name] ?? '' };
}

function trailerAlgorithm(trailer: string): ChecksumAlgorithm {
  const name = trailer.trim().toLowerCase();
  const algorithm = name.startsWith(HEADER_PREFIX) ? parseAlgorithm(name.slice(HEADER_PREFIX.length)) : 'md5';
  if (algorithm === 'md5') {
    throw new S3Error('InvalidRequest', 'The value specified in the x-amz-trailer header is not supported');
  }
  return algorithm;
}

/**
 * The checksum that a body upload declares, as header or as announced trailer. Throws `InvalidRequest` for
 * contradictions, `NotImplemented` for other algorithms.
 */
export function declaredChecksum(headers: Readonly<Record<string, string>>): DeclaredChecksum | undefined {
  const header = checksumHeader(headers);
  if (header?.value !== undefined) assertChecksumValue(header.algorithm, header.value);
  const trailer = headers['x-amz-trailer'];
  if (header !== undefined && trailer !== undefined) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header');
  }
  const declared = trailer === undefined ? header : { algorithm: trailerAlgorithm(trailer) };
  const announced = headers['x-amz-sdk-checksum-algorithm'];
  // The SDK's older name for Content-MD5.
  if (announced === 'MD5' && headers['content-md5'] !== undefined) return declared;
  if (announced !== undefined && parseAlgorithm(announced) !== declared?.algorithm) {
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  return declared;
}

/** Name of the XML element that carries a sum of this algorithm, such as `ChecksumCRC32`. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`;
}

/** A stored checksum as response headers. */
export function checksumHeaders(checksum: StoredChecksum | undefined): Readonly<Record<string, string>> {
  if (checksum === undefined) return {};
  return { [`${HEADER_PREFIX}${checksum.algorithm}`]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** A stored checksum as XML children of a result document. */
export function checksumElements(checksum: StoredChecksum | undefined): Readonly<Record<string, string>> {
  if (checksum === undefined) return {};
  return { [checksumElement(checksum.algorithm)]: checksum.value, ChecksumType: checksum.type };
}
