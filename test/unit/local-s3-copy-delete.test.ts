import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  type CopyObjectCommandInput,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUCKET, md5Hex, refusal, startStore, type TestStore } from './local-s3-harness.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.close());

function put(Key: string, Body: string, input: object = {}) {
  return store.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ...input }));
}

function head(Key: string) {
  return store.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key, ChecksumMode: 'ENABLED' }));
}

function copy(from: string, Key: string, input: Partial<CopyObjectCommandInput> = {}) {
  const CopySource = `/${BUCKET}/${encodeURIComponent(from)}`;
  return store.client.send(new CopyObjectCommand({ Bucket: BUCKET, Key, CopySource, ...input }));
}

describe('CopyObject', () => {
  it('copies bytes, headers, metadata and the checksum', async () => {
    await put('from ü', 'content', {
      ContentType: 'text/plain',
      Metadata: { a: 'b' },
      ChecksumAlgorithm: 'CRC32',
    });
    const { CopyObjectResult } = await copy('from ü', 'to');
    expect(CopyObjectResult?.ETag).toBe(`"${md5Hex('content')}"`);
    const [source, target] = [await head('from ü'), await head('to')];
    expect(target).toMatchObject({
      ContentType: 'text/plain',
      Metadata: { a: 'b' },
      ChecksumCRC32: source.ChecksumCRC32,
    });
  });

  it.each(['CRC32', 'CRC64NVME', 'SHA256'] as const)(
    'keeps a %s sum, also under other metadata',
    async (name) => {
      const member = `Checksum${name}` as const;
      await put('summed', 'content', { ChecksumAlgorithm: name });
      const sum = (await head('summed'))[member];
      const replaced = { MetadataDirective: 'REPLACE', Metadata: { fresh: 'yes' } } as const;
      for (const input of [{}, replaced]) {
        const { CopyObjectResult } = await copy('summed', 'sum kept', input);
        expect(CopyObjectResult).toMatchObject({ [member]: sum, ChecksumType: 'FULL_OBJECT' });
        expect(await head('sum kept')).toMatchObject({ [member]: sum, ChecksumType: 'FULL_OBJECT' });
      }
    },
  );

  it('makes the sum that is asked for in place of the source’s, and none for a source without', async () => {
    await put('summed', 'content', { ChecksumAlgorithm: 'CRC32' });
    await put('unsummed', 'content');
    await copy('summed', 'other sum', { ChecksumAlgorithm: 'SHA256' });
    const other = await head('other sum');
    expect(other.ChecksumSHA256).toBe(createHash('sha256').update('content').digest('base64'));
    expect(other.ChecksumCRC32).toBeUndefined();
    await copy('unsummed', 'no sum');
    expect((await head('no sum')).ChecksumType).toBeUndefined();
  });

  it('makes a sum of the whole of a source whose own is made of its parts’ sums', async () => {
    const target = { Bucket: BUCKET, Key: 'composite' };
    const sum = { ChecksumAlgorithm: 'SHA256' } as const;
    const { UploadId } = await store.client.send(new CreateMultipartUploadCommand({ ...target, ...sum }));
    const part = await store.client.send(
      new UploadPartCommand({ ...target, ...sum, UploadId, PartNumber: 1, Body: 'content' }),
    );
    const Parts = [{ PartNumber: 1, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256 }];
    await store.client.send(
      new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }),
    );
    expect((await head('composite')).ChecksumType).toBe('COMPOSITE');
    await copy('composite', 'whole');
    expect(await head('whole')).toMatchObject({
      ChecksumSHA256: createHash('sha256').update('content').digest('base64'),
      ChecksumType: 'FULL_OBJECT',
    });
  });

  it('replaces metadata where asked, also of the object itself, but not for nothing', async () => {
    await put('self', 'content', { Metadata: { old: 'yes' } });
    expect((await refusal(copy('self', 'self'))).code).toBe('InvalidRequest');
    await copy('self', 'self', { MetadataDirective: 'REPLACE', Metadata: { fresh: 'yes' } });
    expect((await head('self')).Metadata).toEqual({ fresh: 'yes' });
  });

  it('keeps conditions on the source and on the target', async () => {
    const { ETag } = await put('source', 'content');
    expect((await refusal(copy('source', 'x', { CopySourceIfMatch: '"other"' }))).status).toBe(412);
    expect((await refusal(copy('source', 'x', { CopySourceIfNoneMatch: ETag }))).status).toBe(412);
    await copy('source', 'x', { CopySourceIfMatch: ETag, IfNoneMatch: '*' });
    expect((await refusal(copy('source', 'x', { IfNoneMatch: '*' }))).status).toBe(412);
  });

  it('refuses a missing source and one that is no bucket and key', async () => {
    expect((await refusal(copy('nothing', 'x'))).code).toBe('NoSuchKey');
    expect((await refusal(copy('x', 'y', { CopySource: 'no-slash' }))).code).toBe('InvalidArgument');
    expect((await refusal(copy('x', 'y', { CopySource: `${BUCKET}/x?versionId=1` }))).code).toBe(
      'NotImplemented',
    );
  });
});

describe('deletions', () => {
  it('remove the file, its metadata and the folders left empty; again is no error', async () => {
    await put('gone/deep/key', 'x');
    const remove = () => store.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'gone/deep/key' }));
    await remove();
    expect((await remove()).$metadata.httpStatusCode).toBe(204);
    expect(await readdir(join(store.directory, BUCKET))).not.toContain('gone');
    expect(await readdir(join(store.directory, BUCKET, '.meta', 'objects'))).not.toContain(
      'gone%2Fdeep%2Fkey.json',
    );
  });

  it('of many keys have one result each', async () => {
    await put('many/a', 'x');
    await put('many/<&>\u0001', 'x');
    const Objects = ['many/a', 'many/<&>\u0001', 'many/none'].map((Key) => ({ Key }));
    const { Deleted, Errors } = await store.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }),
    );
    expect(Deleted?.map(({ Key }) => Key)).toEqual(Objects.map(({ Key }) => Key));
    expect(Errors).toBeUndefined();
    expect((await refusal(head('many/<&>\u0001'))).status).toBe(404);
    const quiet = new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects, Quiet: true } });
    expect((await store.client.send(quiet)).Deleted).toBeUndefined();
  });

  it('of more than 1,000 keys are refused', async () => {
    const Objects = Array.from({ length: 1001 }, (_, index) => ({ Key: String(index) }));
    const request = store.client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }));
    expect((await refusal(request)).code).toBe('MalformedXML');
  });
});

describe('buckets', () => {
  it('are made, found, listed and removed when empty', async () => {
    const Bucket = 'second-bucket';
    await store.client.send(new CreateBucketCommand({ Bucket }));
    expect((await store.client.send(new HeadBucketCommand({ Bucket }))).BucketRegion).toBe('us-east-1');
    expect((await store.client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toContain(
      Bucket,
    );
    expect(
      (await store.client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint,
    ).toBeUndefined();
    await store.client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    expect((await refusal(store.client.send(new DeleteBucketCommand({ Bucket })))).code).toBe(
      'BucketNotEmpty',
    );
    await store.client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    await store.client.send(new DeleteBucketCommand({ Bucket }));
    expect((await refusal(store.client.send(new HeadBucketCommand({ Bucket })))).status).toBe(404);
  });

  it('have objects without tags', async () => {
    await put('untagged', 'x');
    const tags = new GetObjectTaggingCommand({ Bucket: BUCKET, Key: 'untagged' });
    expect((await store.client.send(tags)).TagSet).toEqual([]);
    expect(
      (await store.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'untagged' }))).ContentLength,
    ).toBe(1);
  });
});
