import type { Readable } from 'node:stream';
import { type Clock, realClock } from '../clock.ts';
import type { StandInResponse } from '../http.ts';
import { s3Arn } from '../s3/access.ts';
import { getBucketLocation, getBucketVersioning, headBucket, listBuckets } from '../s3/buckets.ts';
import { authorizeWriteCondition } from '../s3/conditions.ts';
import { authorizeDecryption, missingKey, type S3Bucket } from '../s3/context.ts';
import { parseCopySource } from '../s3/copy-object.ts';
import {
  authorizeDeletion,
  type Deletion,
  type DeletionResult,
  deleteObjects,
} from '../s3/delete-objects.ts';
import { notImplemented, S3Error } from '../s3/errors.ts';
import { authorizeEncryption, encryptionHeaders, requestedKmsKey } from '../s3/object-headers.ts';
import type { OperationName } from '../s3/operations.ts';
import type { S3Service } from '../s3/service.ts';
import {
  answerSignedRequests,
  type SignedRequest,
  type SignedRequestsOptions,
} from '../s3/signed-requests.ts';
import { forwardBody } from './forwarded-body.ts';
import { objectPath, toForwardedRequest } from './forwarded-request.ts';
import type { S3Upstream } from './upstream.ts';
import { type UpstreamAnswer, UpstreamClient } from './upstream-client.ts';

export interface ForwardingServiceOptions extends SignedRequestsOptions {
  readonly upstream: S3Upstream;
  /** The buckets that may be reached, under these names at the other server; keys decide KMS questions. */
  readonly buckets: readonly S3Bucket[];
  /** Time of the signatures for the other server; real unless told otherwise. */
  readonly upstreamClock?: Clock;
}

type Names = ReadonlySet<OperationName>;
const WITH_BODY: Names = new Set(['PutObject', 'UploadPart', 'CompleteMultipartUpload']);
const ENCRYPTING: Names = new Set([
  'PutObject',
  'CopyObject',
  'CreateMultipartUpload',
  'UploadPart',
  'UploadPartCopy',
]);
// S3 reads encrypted parts again before it makes one object of them.
const REREADING: Names = new Set(['UploadPart', 'UploadPartCopy', 'CompleteMultipartUpload']);
const CONDITIONAL: Names = new Set(['PutObject', 'CopyObject', 'CompleteMultipartUpload']);
const COPYING: Names = new Set(['CopyObject', 'UploadPartCopy']);
const READING: Names = new Set(['GetObject', 'HeadObject', 'GetObjectTagging']);
const TELLING_ENCRYPTION: Names = new Set([
  ...ENCRYPTING,
  'GetObject',
  'HeadObject',
  'CompleteMultipartUpload',
]);

/** Headers that belong to the other server's connection, identity or clock. */
const NOT_PASSED_BACK = [
  'connection',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
  'x-amz-id-2',
  'x-amz-request-id',
];

function passBack(answer: UpstreamAnswer): StandInResponse {
  const headers = Object.entries(answer.headers).filter(([name]) => !NOT_PASSED_BACK.includes(name));
  return { status: answer.status, headers: Object.fromEntries(headers), body: answer.body };
}

async function drop(body: Readable): Promise<void> {
  for await (const _bytes of body);
}

/** A signed request on one of the buckets. */
interface BucketRequest extends SignedRequest {
  readonly bucket: S3Bucket;
}

/** The KMS key that a request names for its object, where that is not the bucket's own. */
function otherKmsKey(signed: BucketRequest): string | undefined {
  const { request, operation, bucket } = signed;
  const requested = requestedKmsKey(signed);
  if (requested === bucket.kmsKeyArn) return undefined;
  const isNamed = request.headers['x-amz-server-side-encryption-aws-kms-key-id'] !== undefined;
  if (operation === 'PutObject' && isNamed) return requested;
  throw notImplemented(
    'encryption other than the bucket’s own, but for PutObject with a key’s ARN, before another S3 server',
  );
}

/** The permissions that an operation needs besides its own, asked before anything is sent. */
function authorizeForwarding(signed: BucketRequest, openBucket: (name: string) => S3Bucket): void {
  const { request, operation, bucket } = signed;
  if (request.key === undefined) return;
  if (ENCRYPTING.has(operation)) authorizeEncryption(signed, otherKmsKey(signed) ?? bucket.kmsKeyArn);
  if (REREADING.has(operation)) authorizeDecryption(signed, bucket);
  if (CONDITIONAL.has(operation)) authorizeWriteCondition(signed, bucket.name, request.key);
  if (operation === 'DeleteObject') {
    authorizeDeletion(signed, bucket.name, { key: request.key, ifMatch: request.headers['if-match'] });
  }
  if (COPYING.has(operation)) {
    const source = parseCopySource(request.headers['x-amz-copy-source'] ?? '');
    signed.authorize('s3:GetObject', s3Arn(source.bucket, source.key));
    authorizeDecryption(signed, openBucket(source.bucket));
  }
}

/** Whose absence a 404 means: of the key that was read, or of the one that was to be copied. */
function missingObject(signed: BucketRequest): S3Error | undefined {
  const { request, operation, bucket } = signed;
  if (READING.has(operation)) return missingKey(signed, bucket.name, request.key ?? '');
  if (!COPYING.has(operation)) return undefined;
  const source = parseCopySource(request.headers['x-amz-copy-source'] ?? '');
  return missingKey(signed, source.bucket, source.key);
}

class ForwardingService {
  readonly #client: UpstreamClient;
  readonly #buckets: ReadonlyMap<string, S3Bucket>;
  /** Keys of objects that are not under the bucket's own, which the other server knows nothing of. */
  readonly #otherKeys = new Map<string, string>();

  constructor({ upstream, buckets, upstreamClock }: ForwardingServiceOptions) {
    this.#client = new UpstreamClient(upstream, upstreamClock ?? realClock);
    this.#buckets = new Map(buckets.map((bucket) => [bucket.name, bucket]));
  }

  readonly #open = (name: string): S3Bucket => {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', undefined, { BucketName: name });
    return bucket;
  };

  async run(signed: SignedRequest): Promise<StandInResponse> {
    const { bucket: name } = signed.request;
    if (name === undefined)
      return listBuckets(signed, { names: async () => [...this.#buckets.keys()].sort() });
    const bucket = this.#open(name);
    switch (signed.operation) {
      case 'CreateBucket':
      case 'DeleteBucket':
        throw new S3Error('AccessDenied', 'The buckets of this store are fixed.');
      case 'HeadBucket':
        return headBucket(signed);
      case 'GetBucketLocation':
        return getBucketLocation(signed);
      case 'GetBucketVersioning':
        return getBucketVersioning({ bucket });
      case 'DeleteObjects':
        return deleteObjects(signed, (deletion) => this.#delete(signed, bucket, deletion));
      default:
        return this.#forward({ ...signed, bucket });
    }
  }

  async #forward(signed: BucketRequest): Promise<StandInResponse> {
    const { operation, bucket } = signed;
    authorizeForwarding(signed, this.#open);
    const otherKey = operation === 'PutObject' ? otherKmsKey(signed) : undefined;
    const forwarded = toForwardedRequest(signed.request, bucket.name);
    let answer: UpstreamAnswer;
    if (WITH_BODY.has(operation)) {
      const { headers, body } = forwardBody(signed, forwarded);
      answer = await this.#client.send({ ...forwarded, headers }, body);
    } else {
      answer = await this.#client.send(forwarded);
    }
    if (operation === 'PutObject' && answer.status < 300) this.#remember(signed, otherKey);
    try {
      return this.#judge(signed, answer);
    } catch (error) {
      await drop(answer.body);
      throw error;
    }
  }

  #remember({ bucket, request }: BucketRequest, otherKey: string | undefined): void {
    const place = `${bucket.name}/${request.key ?? ''}`;
    if (otherKey === undefined) this.#otherKeys.delete(place);
    else this.#otherKeys.set(place, otherKey);
  }

  /** The key of the object that a request is about, as S3Bucket tells it of a whole bucket. */
  #encryptionOf({ bucket, request }: BucketRequest): Pick<S3Bucket, 'kmsKeyArn'> {
    const kmsKeyArn = this.#otherKeys.get(`${bucket.name}/${request.key ?? ''}`);
    return kmsKeyArn === undefined ? bucket : { kmsKeyArn };
  }

  #judge(signed: BucketRequest, answer: UpstreamAnswer): StandInResponse {
    const { operation } = signed;
    const encryption = this.#encryptionOf(signed);
    const missing = answer.status === 404 ? missingObject(signed) : undefined;
    if (missing !== undefined) throw missing;
    if (answer.status >= 400) return passBack(answer);
    const tellsChecksum = Object.keys(answer.headers).some((name) => name.startsWith('x-amz-checksum-'));
    if (operation === 'GetObject' || (operation === 'HeadObject' && tellsChecksum)) {
      authorizeDecryption(signed, encryption);
    }
    const response = passBack(answer);
    if (!TELLING_ENCRYPTION.has(operation) || answer.status === 304) return response;
    return { ...response, headers: { ...response.headers, ...encryptionHeaders(encryption.kmsKeyArn) } };
  }

  async #delete(signed: SignedRequest, bucket: S3Bucket, deletion: Deletion): Promise<DeletionResult> {
    authorizeDeletion(signed, bucket.name, deletion);
    const { status, headers, body } = await this.#client.send({
      method: 'DELETE',
      path: objectPath(bucket.name, deletion.key),
      query: {},
      headers: {
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        ...(deletion.ifMatch === undefined ? {} : { 'if-match': deletion.ifMatch }),
      },
    });
    await drop(body);
    if (status === 412) throw new S3Error('PreconditionFailed');
    if (status === 404 && deletion.ifMatch !== undefined) throw new S3Error('NoSuchKey');
    if (status >= 400 && status !== 404)
      throw new S3Error('InternalError', `The S3 server answered ${status}.`);
    const versionId = headers['x-amz-version-id'];
    return versionId === undefined ? {} : { versionId };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/**
 * S3 on another S3 server: signatures are verified here, in the runtime's time, and permissions decided as the
 * plain-file store decides them, KMS questions included; then the request is signed again in real time and
 * streamed on, path style. Objects put under a KMS key of their own are known as such as long as this process lives. Dates of answers are the runtime's; Last-Modified and ETags are the other server's.
 */
export function createForwardingS3Service(options: ForwardingServiceOptions): S3Service {
  const service = new ForwardingService(options);
  return {
    handle: answerSignedRequests(options, (signed) => service.run(signed)),
    close: () => service.close(),
  };
}
