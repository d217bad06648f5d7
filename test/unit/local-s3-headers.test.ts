import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectAclCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  RestoreObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, refusal, startStore, type TestStore } from './local-s3-harness.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.close());

/** A client whose every request carries further headers. */
function clientSending(headers: Readonly<Record<string, string>>): S3Client {
  const client = store.clientWith({});
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, headers);
      return next(args);
    },
    { step: 'build' },
  );
  return client;
}

function put(Key: string, input: object = {}) {
  return store.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'content', ...input }));
}

async function exists(Key: string): Promise<boolean> {
  const { Contents = [] } = await store.client.send(
    new ListObjectsV2Command({ Bucket: BUCKET, Prefix: Key }),
  );
  return Contents.some((object) => object.Key === Key);
}

const object = { Bucket: BUCKET, Key: 'object' };
const upload = { ...object, UploadId: 'x' };
const CopySource = `${BUCKET}/object`;
const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: '"x"' }] };

/** Every operation, by the name that its refusal carries; what it works on need not be there. */
const OPERATIONS: Readonly<Record<string, (client: S3Client) => Promise<unknown>>> = {
  ListBuckets: (client) => client.send(new ListBucketsCommand({})),
  CreateBucket: (client) => client.send(new CreateBucketCommand({ Bucket: 'new-bucket' })),
  DeleteBucket: (client) => client.send(new DeleteBucketCommand({ Bucket: BUCKET })),
  HeadBucket: (client) => client.send(new HeadBucketCommand({ Bucket: BUCKET })),
  GetBucketLocation: (client) => client.send(new GetBucketLocationCommand({ Bucket: BUCKET })),
  GetBucketVersioning: (client) => client.send(new GetBucketVersioningCommand({ Bucket: BUCKET })),
  ListObjects: (client) => client.send(new ListObjectsCommand({ Bucket: BUCKET })),
  ListObjectsV2: (client) => client.send(new ListObjectsV2Command({ Bucket: BUCKET })),
  ListMultipartUploads: (client) => client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET })),
  DeleteObjects: (client) =>
    client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: [{ Key: 'object' }] } })),
  PutObject: (client) => client.send(new PutObjectCommand({ ...object, Body: 'changed' })),
  CopyObject: (client) => client.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource })),
  GetObject: (client) => client.send(new GetObjectCommand(object)),
  HeadObject: (client) => client.send(new HeadObjectCommand(object)),
  GetObjectTagging: (client) => client.send(new GetObjectTaggingCommand(object)),
  DeleteObject: (client) => client.send(new DeleteObjectCommand(object)),
  CreateMultipartUpload: (client) => client.send(new CreateMultipartUploadCommand(object)),
  UploadPart: (client) => client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' })),
  UploadPartCopy: (client) =>
    client.send(new UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource })),
  CompleteMultipartUpload: (client) =>
    client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload })),
  AbortMultipartUpload: (client) => client.send(new AbortMultipartUploadCommand(upload)),
  ListParts: (client) => client.send(new ListPartsCommand(upload)),
};

const DESCRIPTION = {
  'cache-control': 'no-store',
  'content-disposition': 'attachment',
  'content-encoding': 'gzip',
  'content-language': 'de',
  expires: 'Thu, 01 Jan 2037 00:00:00 GMT',
};
const HEADERS: Readonly<Record<string, string>> = {
  'if-match': '"0"',
  'if-none-match': '*',
  'if-modified-since': 'Mon, 01 Jan 2001 00:00:00 GMT',
  'if-unmodified-since': 'Mon, 01 Jan 2001 00:00:00 GMT',
  'if-range': '"0"',
  range: 'bytes=0-1',
  'content-range': 'bytes 0-1/2',
  // Of the beginning of a multipart upload and of a copy only: a put's body brings its own sum.
  'x-amz-checksum-algorithm': 'SHA256',
  'x-amz-checksum-type': 'COMPOSITE',
  ...DESCRIPTION,
};

const READ = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'range'];
const CONDITIONAL_WRITE = ['if-match', 'if-none-match'];
const DESCRIBES = Object.keys(DESCRIPTION);
const UNDERSTOOD: Readonly<Record<string, readonly string[]>> = {
  GetObject: READ,
  HeadObject: READ,
  PutObject: [...CONDITIONAL_WRITE, ...DESCRIBES],
  CopyObject: [...CONDITIONAL_WRITE, 'x-amz-checksum-algorithm', ...DESCRIBES],
  CreateMultipartUpload: ['x-amz-checksum-algorithm', 'x-amz-checksum-type', ...DESCRIBES],
  CompleteMultipartUpload: [...CONDITIONAL_WRITE, 'x-amz-checksum-type'],
  DeleteObject: ['if-match'],
};
const READING = /^(Get|Head|List)/;

describe('headers that change what a request means', () => {
  it.each(Object.keys(OPERATIONS))('are refused by %s where it does not implement them', async (name) => {
    await put('object');
    const refused: string[] = [];
    for (const [header, value] of Object.entries(HEADERS)) {
      const answer = await OPERATIONS[name]?.(clientSending({ [header]: value })).then(
        () => ({ code: 'done', status: 200 }),
        (error: unknown) => refusal(Promise.reject(error)),
      );
      if (answer?.status === 501) refused.push(header);
      await put('object');
    }
    const understood = UNDERSTOOD[name] ?? [];
    // On a read Cache-Control speaks to caches on the way.
    const ignored = READING.test(name) ? ['cache-control'] : [];
    const expected = Object.keys(HEADERS).filter(
      (header) => !understood.includes(header) && !ignored.includes(header),
    );
    expect(refused).toEqual(expected);
  });

  it('leave the object where it is when a deletion carries one that it does not implement', async () => {
    await put('kept');
    for (const headers of [
      { 'if-none-match': '*' },
      { 'if-unmodified-since': 'Mon, 01 Jan 2001 00:00:00 GMT' },
    ]) {
      const deletion = clientSending(headers).send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'kept' }));
      expect(await refusal(deletion)).toEqual({ code: 'NotImplemented', status: 501 });
    }
    expect(await exists('kept')).toBe(true);
  });

  it('are named by the refusal', async () => {
    const upload = new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'conditional' });
    await expect(clientSending({ 'if-none-match': '*' }).send(upload)).rejects.toThrow(
      'header if-none-match of CreateMultipartUpload',
    );
  });
});

describe('operations that S3 has and this store has not', () => {
  const target = { Bucket: BUCKET, Key: 'object' };
  const bucket = { Bucket: BUCKET };

  it.each<[string, (client: S3Client) => Promise<unknown>]>([
    ['restore', (client) => client.send(new RestoreObjectCommand({ ...target, RestoreRequest: {} }))],
    ['acl', (client) => client.send(new GetObjectAclCommand(target))],
    [
      'attributes',
      (client) => client.send(new GetObjectAttributesCommand({ ...target, ObjectAttributes: ['ETag'] })),
    ],
    ['tagging', (client) => client.send(new PutObjectTaggingCommand({ ...target, Tagging: { TagSet: [] } }))],
    ['versions', (client) => client.send(new ListObjectVersionsCommand(bucket))],
    ['policy', (client) => client.send(new GetBucketPolicyCommand(bucket))],
  ])('are refused by the name of their subresource: %s', async (subresource, send) => {
    await put('object');
    await expect(send(store.client)).rejects.toMatchObject({
      name: 'NotImplemented',
      message: expect.stringContaining(`parameter ${subresource}`),
    });
  });
});

describe('headers that describe an object', () => {
  const described = {
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    ContentEncoding: 'gzip',
    ContentLanguage: 'de',
    ContentType: 'text/plain',
    ExpiresString: 'Thu, 01 Jan 2037 00:00:00 GMT',
  };
  const input = {
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    ContentEncoding: 'gzip',
    ContentLanguage: 'de',
    ContentType: 'text/plain',
    Expires: new Date(Date.UTC(2037, 0, 1)),
  };
  const head = (Key: string) => store.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }));

  it('are kept and given back after a put, and copied', async () => {
    await put('described', input);
    await store.client.send(
      new CopyObjectCommand({ Bucket: BUCKET, Key: 'described copy', CopySource: `${BUCKET}/described` }),
    );
    expect(await head('described')).toMatchObject(described);
    expect(await head('described copy')).toMatchObject(described);
  });

  it('replace those of the source where a copy asks for it', async () => {
    await put('replaced', input);
    await store.client.send(
      new CopyObjectCommand({
        Bucket: BUCKET,
        Key: 'replaced',
        CopySource: `${BUCKET}/replaced`,
        MetadataDirective: 'REPLACE',
        CacheControl: 'max-age=60',
      }),
    );
    const copied = await head('replaced');
    expect(copied.CacheControl).toBe('max-age=60');
    expect(copied.ContentLanguage).toBeUndefined();
  });

  it('are kept by a multipart upload from its beginning', async () => {
    const target = { Bucket: BUCKET, Key: 'described parts' };
    const { UploadId } = await store.client.send(new CreateMultipartUploadCommand({ ...target, ...input }));
    const part = { ...target, UploadId, PartNumber: 1 };
    const { ETag } = await store.client.send(new UploadPartCommand({ ...part, Body: 'content' }));
    const Parts = [{ PartNumber: 1, ETag }];
    await store.client.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
    );
    expect(await head('described parts')).toMatchObject(described);
  });

  it('hold no framing: aws-chunked is taken off, and alone it is no header', async () => {
    await clientSending({ 'content-encoding': 'aws-chunked' }).send(
      new PutObjectCommand({ Bucket: BUCKET, Key: 'framed', Body: 'x' }),
    );
    expect((await head('framed')).ContentEncoding).toBeUndefined();
    const deletion = new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: [{ Key: 'framed' }] } });
    await clientSending({ 'content-encoding': 'aws-chunked' }).send(deletion);
    expect(await exists('framed')).toBe(false);
  });
});
