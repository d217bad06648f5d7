import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import type { S3AccessRequest, S3RequestRecord } from '../../local/s3/service.ts';
import { md5Hex, refusal, startStore, type TestStore } from './local-s3-harness.ts';

const PLAIN = 'plain-bucket';
const SECRET = 'secret-bucket';
const KEY_ARN = 'arn:aws:kms:us-east-1:111111111111:key/lake';

const stores: TestStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** A store that grants everything but the `denied` actions, and says what it was asked. */
async function storeWithout(...denied: string[]) {
  const asked: S3AccessRequest[] = [];
  const answered: S3RequestRecord[] = [];
  const store = await startStore({
    buckets: [{ name: PLAIN }, { name: SECRET, kmsKeyArn: KEY_ARN, versioned: true }],
    authorize: (request) => {
      asked.push(request);
      return !denied.includes(request.action);
    },
    onRequest: (record) => answered.push(record),
  });
  stores.push(store);
  return {
    store,
    asked,
    answered,
    deny: (...actions: string[]) => denied.splice(0, denied.length, ...actions),
  };
}

function put(store: TestStore, Bucket: string, Key = 'k', input: object = {}) {
  return store.client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...input }));
}

function get(store: TestStore, Bucket: string, Key = 'k') {
  return store.client.send(new GetObjectCommand({ Bucket, Key }));
}

const ACCESS_DENIED = { code: 'AccessDenied', status: 403 };

describe('permissions', () => {
  it('are asked for by action and ARN, with what policies may want to know', async () => {
    const { store, asked } = await storeWithout();
    await put(store, PLAIN, 'a/b', { IfNoneMatch: '*' });
    await store.client.send(new ListObjectsV2Command({ Bucket: PLAIN, Prefix: 'a/' }));
    expect(asked).toMatchObject([
      {
        action: 's3:PutObject',
        resource: `arn:aws:s3:::${PLAIN}/a/b`,
        conditionKeys: { 's3:if-none-match': '*' },
      },
      { action: 's3:ListBucket', resource: `arn:aws:s3:::${PLAIN}`, conditionKeys: { 's3:prefix': 'a/' } },
    ]);
    expect(
      asked.every(({ secureTransport, principal }) => secureTransport && principal.name === 'tester'),
    ).toBe(true);
  });

  it('refuse with 403 what is not granted, and nothing is written', async () => {
    const { store, deny } = await storeWithout('s3:PutObject');
    expect(await refusal(put(store, PLAIN))).toEqual(ACCESS_DENIED);
    deny();
    expect((await refusal(get(store, PLAIN))).code).toBe('NoSuchKey');
  });

  it('hide whether a key exists from those who may not list', async () => {
    const { store } = await storeWithout('s3:ListBucket');
    expect(await refusal(get(store, PLAIN, 'missing'))).toEqual(ACCESS_DENIED);
    const head = store.client.send(new HeadObjectCommand({ Bucket: PLAIN, Key: 'missing' }));
    expect((await refusal(head)).status).toBe(403);
  });

  it('want the source of a copy readable and an If-Match readable', async () => {
    const { store, deny } = await storeWithout();
    const { ETag } = await put(store, PLAIN);
    deny('s3:GetObject');
    const copy = new CopyObjectCommand({ Bucket: PLAIN, Key: 'copy', CopySource: `${PLAIN}/k` });
    expect(await refusal(store.client.send(copy))).toEqual(ACCESS_DENIED);
    expect(await refusal(put(store, PLAIN, 'k', { IfMatch: ETag }))).toEqual(ACCESS_DENIED);
    expect(
      await refusal(store.client.send(new DeleteObjectCommand({ Bucket: PLAIN, Key: 'k', IfMatch: ETag }))),
    ).toEqual(ACCESS_DENIED);
  });

  it('are decided key by key when many are deleted', async () => {
    const { store } = await storeWithout('s3:DeleteObject');
    await put(store, PLAIN);
    const many = new DeleteObjectsCommand({ Bucket: PLAIN, Delete: { Objects: [{ Key: 'k' }] } });
    expect((await store.client.send(many)).Errors).toMatchObject([{ Key: 'k', Code: 'AccessDenied' }]);
    expect((await get(store, PLAIN)).ContentLength).toBe(1);
  });

  it('refuse the wrong account and buckets that are not configured', async () => {
    const { store } = await storeWithout();
    const owner = (ExpectedBucketOwner: string) => put(store, PLAIN, 'k', { ExpectedBucketOwner });
    expect(await refusal(owner('999999999999'))).toEqual(ACCESS_DENIED);
    expect((await owner('111111111111')).$metadata.httpStatusCode).toBe(200);
    expect((await refusal(put(store, 'other-bucket'))).code).toBe('NoSuchBucket');
  });

  it('report each answer without query and credentials', async () => {
    const { store, answered } = await storeWithout();
    await put(store, PLAIN);
    await refusal(get(store, PLAIN, 'missing'));
    expect(answered).toEqual([
      { operation: 'PutObject', principal: 'tester', bucket: PLAIN, key: 'k', status: 200 },
      { operation: 'GetObject', principal: 'tester', bucket: PLAIN, key: 'missing', status: 404 },
    ]);
  });
});

describe('a bucket with a KMS key', () => {
  it('has opaque ETags and says how it encrypts', async () => {
    const { store } = await storeWithout();
    const written = await put(store, SECRET);
    expect(written).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: KEY_ARN,
      BucketKeyEnabled: true,
    });
    expect(written.ETag).not.toBe(`"${md5Hex('x')}"`);
    expect((await get(store, SECRET)).ETag).toBe(written.ETag);
  });

  it('needs GenerateDataKey to write and Decrypt to read, but not to look', async () => {
    const { store, deny } = await storeWithout('kms:GenerateDataKey');
    expect(await refusal(put(store, SECRET))).toEqual(ACCESS_DENIED);
    deny('kms:Decrypt');
    await put(store, SECRET);
    expect(await refusal(get(store, SECRET))).toEqual(ACCESS_DENIED);
    expect((await store.client.send(new HeadObjectCommand({ Bucket: SECRET, Key: 'k' }))).ContentLength).toBe(
      1,
    );
  });

  it('needs Decrypt to tell the sum of encrypted bytes, and only for that', async () => {
    const { store, deny } = await storeWithout();
    await put(store, SECRET, 'with sum', { ChecksumAlgorithm: 'CRC32' });
    await put(store, SECRET, 'without sum');
    await put(store, PLAIN, 'with sum', { ChecksumAlgorithm: 'CRC32' });
    const head = (Bucket: string, Key: string) =>
      store.client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    deny('kms:Decrypt');
    expect((await refusal(head(SECRET, 'with sum'))).status).toBe(403);
    expect((await head(SECRET, 'without sum')).ContentLength).toBe(1);
    expect((await head(PLAIN, 'with sum')).ChecksumCRC32).toBeDefined();
    deny();
    expect((await head(SECRET, 'with sum')).ChecksumCRC32).toBeDefined();
  });

  it('needs GenerateDataKey to begin a multipart upload, both permissions for a part, Decrypt to end it', async () => {
    const { store, deny } = await storeWithout();
    const target = { Bucket: SECRET, Key: 'multipart' };
    await put(store, PLAIN, 'source');
    const begin = () => store.client.send(new CreateMultipartUploadCommand(target));
    deny('kms:GenerateDataKey');
    expect(await refusal(begin())).toEqual(ACCESS_DENIED);
    deny('kms:Decrypt');
    const { UploadId } = await begin();
    const part = { ...target, UploadId, PartNumber: 1 };
    const CopySource = `${PLAIN}/source`;
    const upload = () => store.client.send(new UploadPartCommand({ ...part, Body: 'x' }));
    const copy = () => store.client.send(new UploadPartCopyCommand({ ...part, CopySource }));
    for (const permission of ['kms:Decrypt', 'kms:GenerateDataKey']) {
      deny(permission);
      expect(await refusal(upload())).toEqual(ACCESS_DENIED);
      expect(await refusal(copy())).toEqual(ACCESS_DENIED);
    }
    deny();
    await copy();
    const { ETag } = await upload();
    const Parts = [{ PartNumber: 1, ETag }];
    const complete = () =>
      store.client.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
      );
    deny('kms:Decrypt');
    expect(await refusal(complete())).toEqual(ACCESS_DENIED);
    deny();
    expect((await complete()).ETag).toMatch(/^"[0-9a-f]{32}-1"$/);
  });
});

describe('a versioned bucket', () => {
  it('gives version ids and delete markers', async () => {
    const { store } = await storeWithout();
    const { VersionId } = await put(store, SECRET);
    expect(VersionId).toBeDefined();
    expect((await get(store, SECRET)).VersionId).toBe(VersionId);
    expect(
      (await store.client.send(new DeleteObjectCommand({ Bucket: SECRET, Key: 'k' }))).DeleteMarker,
    ).toBe(true);
    expect((await store.client.send(new GetBucketVersioningCommand({ Bucket: SECRET }))).Status).toBe(
      'Enabled',
    );
    const old = store.client.send(new GetObjectCommand({ Bucket: SECRET, Key: 'k', VersionId }));
    expect(await refusal(old)).toEqual({ code: 'NotImplemented', status: 501 });
  });
});
