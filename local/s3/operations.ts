import { ALGORITHMS } from './checksums.ts';
import { notImplemented, S3Error } from './errors.ts';
import { STORED_HEADERS, withoutAwsChunked } from './object-headers.ts';
import type { S3Request } from './request.ts';

/** The operations of this store, by S3's names. */
export type OperationName =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'DeleteBucket'
  | 'HeadBucket'
  | 'GetBucketLocation'
  | 'GetBucketVersioning'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'ListMultipartUploads'
  | 'DeleteObjects'
  | 'PutObject'
  | 'CopyObject'
  | 'GetObject'
  | 'HeadObject'
  | 'GetObjectTagging'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts';

interface OperationRules {
  /** Parameters that the operation understands; any other one changes what is asked for. */
  readonly parameters: readonly string[];
  /** Meaningful headers that it understands; a name ending with `*` stands for a prefix. */
  readonly headers: readonly string[];
}

const READ_CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];
const WRITE_CONDITIONS = ['if-match', 'if-none-match'];

// Headers of HTTP itself by which a request asks for something else than without them.
const MEANINGFUL_HTTP_HEADERS = new Set([
  ...READ_CONDITIONS,
  'if-range',
  'range',
  'content-range',
  ...STORED_HEADERS.filter((name) => name !== 'content-type'),
]);

const COMMON_HEADERS = [
  'x-amz-date',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'x-amz-user-agent',
  'x-amz-expected-bucket-owner',
  'x-amz-request-payer',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
];

const SUMS = ALGORITHMS.map((algorithm) => `x-amz-checksum-${algorithm}`);
const UPLOADED_BODY = [
  ...SUMS,
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-decoded-content-length',
];
const ENCRYPTION = [
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-bucket-key-enabled',
];
const NEW_OBJECT = ['x-amz-meta-*', 'x-amz-storage-class', ...STORED_HEADERS, ...ENCRYPTION];
const COPY_SOURCE = [
  'x-amz-copy-source',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-unmodified-since',
  'x-amz-source-expected-bucket-owner',
];
const RESPONSE_OVERRIDES = [
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
];
const LIST_PARAMETERS = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];
const READ_OBJECT: OperationRules = {
  parameters: ['partNumber', ...RESPONSE_OVERRIDES],
  headers: ['x-amz-checksum-mode', 'range', ...READ_CONDITIONS],
};
const NOTHING: OperationRules = { parameters: [], headers: [] };

const RULES: Readonly<Record<OperationName, OperationRules>> = {
  ListBuckets: NOTHING,
  CreateBucket: NOTHING,
  DeleteBucket: NOTHING,
  HeadBucket: NOTHING,
  GetBucketLocation: { parameters: ['location'], headers: [] },
  GetBucketVersioning: { parameters: ['versioning'], headers: [] },
  ListObjects: { parameters: [...LIST_PARAMETERS, 'marker'], headers: [] },
  ListObjectsV2: {
    parameters: [...LIST_PARAMETERS, 'list-type', 'continuation-token', 'start-after', 'fetch-owner'],
    headers: [],
  },
  ListMultipartUploads: {
    parameters: ['uploads', 'prefix', 'key-marker', 'upload-id-marker', 'max-uploads', 'encoding-type'],
    headers: [],
  },
  DeleteObjects: { parameters: ['delete'], headers: UPLOADED_BODY },
  PutObject: { parameters: [], headers: [...UPLOADED_BODY, ...NEW_OBJECT, ...WRITE_CONDITIONS] },
  CopyObject: {
    parameters: [],
    headers: [
      ...COPY_SOURCE,
      ...NEW_OBJECT,
      ...WRITE_CONDITIONS,
      'x-amz-metadata-directive',
      'x-amz-checksum-algorithm',
    ],
  },
  // The AWS SDK for Java offers to take a trailer after the body (`x-amz-te`); S3 need not send one.
  GetObject: { ...READ_OBJECT, headers: [...READ_OBJECT.headers, 'x-amz-te'] },
  HeadObject: READ_OBJECT,
  GetObjectTagging: { parameters: ['tagging'], headers: [] },
  DeleteObject: { parameters: [], headers: ['if-match'] },
  CreateMultipartUpload: {
    parameters: ['uploads'],
    headers: [...NEW_OBJECT, 'x-amz-checksum-algorithm', 'x-amz-checksum-type'],
  },
  UploadPart: { parameters: ['partNumber', 'uploadId'], headers: UPLOADED_BODY },
  UploadPartCopy: {
    parameters: ['partNumber', 'uploadId'],
    headers: [...COPY_SOURCE, 'x-amz-copy-source-range'],
  },
  CompleteMultipartUpload: {
    parameters: ['uploadId'],
    headers: [...SUMS, 'x-amz-checksum-type', 'x-amz-mp-object-size', ...WRITE_CONDITIONS],
  },
  AbortMultipartUpload: { parameters: ['uploadId'], headers: [] },
  ListParts: { parameters: ['uploadId', 'max-parts', 'part-number-marker'], headers: [] },
};

const ACTIONS: Partial<Readonly<Record<OperationName, string>>> = {
  ListBuckets: 's3:ListAllMyBuckets',
  HeadBucket: 's3:ListBucket',
  ListObjects: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  DeleteObjects: 's3:DeleteObject',
  CopyObject: 's3:PutObject',
  HeadObject: 's3:GetObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  UploadPartCopy: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  ListParts: 's3:ListMultipartUploadParts',
};

/** The IAM action that S3 asks for on an operation's own bucket or key. */
export function iamAction(operation: OperationName): string {
  return ACTIONS[operation] ?? `s3:${operation}`;
}

function bucketOperation({ method, query }: S3Request): OperationName | undefined {
  if (method === 'PUT') return 'CreateBucket';
  if (method === 'DELETE') return 'DeleteBucket';
  if (method === 'HEAD') return 'HeadBucket';
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : undefined;
  if (method !== 'GET') return undefined;
  if (query.has('location')) return 'GetBucketLocation';
  if (query.has('versioning')) return 'GetBucketVersioning';
  if (query.has('uploads')) return 'ListMultipartUploads';
  return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
}

function putOperation({ query, headers }: S3Request): OperationName {
  const copies = headers['x-amz-copy-source'] !== undefined;
  if (query.has('uploadId') || query.has('partNumber')) return copies ? 'UploadPartCopy' : 'UploadPart';
  return copies ? 'CopyObject' : 'PutObject';
}

function objectOperation(request: S3Request): OperationName | undefined {
  const { method, query } = request;
  const inUpload = query.has('uploadId');
  if (method === 'PUT') return putOperation(request);
  if (method === 'HEAD') return 'HeadObject';
  if (method === 'DELETE') return inUpload ? 'AbortMultipartUpload' : 'DeleteObject';
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload';
  if (method === 'POST' && inUpload) return 'CompleteMultipartUpload';
  if (method !== 'GET') return undefined;
  if (inUpload) return 'ListParts';
  return query.has('tagging') ? 'GetObjectTagging' : 'GetObject';
}

function isUnderstood(header: string, understood: readonly string[]): boolean {
  return understood.some((rule) =>
    rule.endsWith('*') ? header.startsWith(rule.slice(0, -1)) : header === rule,
  );
}

function unknownOperation({ method, query }: S3Request): S3Error {
  const [subresource] = query.keys();
  if (subresource !== undefined) return notImplemented(`${method} with parameter ${subresource}`);
  return new S3Error('MethodNotAllowed', undefined, { Method: method });
}

function isMeaningful(name: string, value: string, method: string): boolean {
  // That framing is no property of an object, and on a read Cache-Control speaks to caches on the way.
  if (name === 'content-encoding') return withoutAwsChunked(value) !== '';
  if (name === 'cache-control' && (method === 'GET' || method === 'HEAD')) return false;
  return name.startsWith('x-amz-') || MEANINGFUL_HTTP_HEADERS.has(name);
}

/**
 * Which operation a request asks for. Throws `NotImplemented` for operations, subresources, parameters and
 * headers (`x-amz-*`, conditions, ranges, descriptions) that this store does not understand there, since
 * ignoring one would change the meaning.
 */
export function resolveOperation(request: S3Request): OperationName {
  let operation: OperationName | undefined;
  if (request.bucket === undefined) operation = request.method === 'GET' ? 'ListBuckets' : undefined;
  else operation = request.key === undefined ? bucketOperation(request) : objectOperation(request);
  if (operation === undefined) throw unknownOperation(request);
  const rules = RULES[operation];
  const isPresigned = request.query.has('X-Amz-Signature');
  for (const name of request.query.keys()) {
    // Of a presigned request these are headers, and judged as such below.
    const isHeader = isPresigned && name.toLowerCase().startsWith('x-amz-');
    if (name !== 'x-id' && !isHeader && !rules.parameters.includes(name)) {
      throw notImplemented(`parameter ${name} of ${operation}`);
    }
  }
  for (const [name, value] of Object.entries(request.headers)) {
    if (
      isMeaningful(name, value, request.method) &&
      !isUnderstood(name, COMMON_HEADERS) &&
      !isUnderstood(name, rules.headers)
    ) {
      throw notImplemented(`header ${name} of ${operation}`);
    }
  }
  return operation;
}
