import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  type ChecksumAlgorithm,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BUCKET,
  md5Base64,
  md5Hex,
  refusal,
  StillClock,
  startStore,
  type TestStore,
} from './local-s3-harness.ts';

const NOON = Date.UTC(2026, 5, 3, 12);

let store: TestStore;
beforeAll(async () => {
  store = await startStore({ clock: new StillClock(NOON) });
});
afterAll(() => store.close());

function put(input: Omit<PutObjectCommandInput, 'Bucket'>) {
  return store.client.send(new PutObjectCommand({ Bucket: BUCKET, ...input }));
}

function get(key: string, range?: string) {
  return store.client.send(
    new GetObjectCommand({ Bucket: BUCKET, Key: key, ...(range && { Range: range }) }),
  );
}

async function text(key: string, range?: string): Promise<string> {
  return (await get(key, range)).Body?.transformToString() ?? '';
}

describe('objects', () => {
  it('keeps an object as a plain file, its headers and metadata beside it', async () => {
    await put({
      Key: 'raw/a b.tsv',
      Body: 'x\ty\n',
      ContentType: 'text/tab-separated-values',
      Metadata: { origin: 'test' },
    });

    expect(await readFile(join(store.directory, BUCKET, 'raw/a b.tsv'), 'utf8')).toBe('x\ty\n');
    const head = await store.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'raw/a b.tsv' }));
    expect(head).toMatchObject({
      ContentLength: 4,
      ContentType: 'text/tab-separated-values',
      Metadata: { origin: 'test' },
      ETag: `"${md5Hex('x\ty\n')}"`,
      LastModified: new Date(NOON),
      ServerSideEncryption: 'AES256',
    });
  });

  it('answers in the time of its own clock, so that clients do not correct theirs', async () => {
    const response = await store.service.handle({
      method: 'GET',
      target: '/',
      headers: {},
      body: Readable.from([]),
    });
    expect(response.headers.date).toBe('Wed, 03 Jun 2026 12:00:00 GMT');
  });

  it('stores empty objects and keys that cannot be paths, side by side', async () => {
    const keys = ['p', 'p/q', 'q/r', 'q', '..', 'a/../b', 'dir/', '//x', 'n\u0001', 'é'.repeat(512)];
    for (const key of keys) await put({ Key: key, Body: key === 'dir/' ? '' : `body of ${key}` });
    for (const key of keys) expect(await text(key), key).toBe(key === 'dir/' ? '' : `body of ${key}`);
    expect(await readdir(store.directory)).toEqual([BUCKET]);
  });

  it('refuses a key of more than 1,024 bytes', async () => {
    expect(await refusal(put({ Key: 'é'.repeat(513), Body: '' }))).toEqual({
      code: 'KeyTooLongError',
      status: 400,
    });
  });

  it.each([
    ['bytes=0-0', 'a', 'bytes 0-0/10'],
    ['bytes=2-4', 'cde', 'bytes 2-4/10'],
    ['bytes=7-', 'hij', 'bytes 7-9/10'],
    ['bytes=-3', 'hij', 'bytes 7-9/10'],
    ['bytes=8-99', 'ij', 'bytes 8-9/10'],
    ['bytes=-99', 'abcdefghij', 'bytes 0-9/10'],
    ['bytes=4-2', 'abcdefghij', undefined],
    ['bytes=0-1,3-4', 'abcdefghij', undefined],
  ])('answers the range %s', async (range, expected, contentRange) => {
    await put({ Key: 'range', Body: 'abcdefghij' });
    const response = await get('range', range);
    expect(await response.Body?.transformToString()).toBe(expected);
    expect(response.ContentRange).toBe(contentRange);
    expect(response.$metadata.httpStatusCode).toBe(contentRange === undefined ? 200 : 206);
  });

  it('refuses a range past the end', async () => {
    await put({ Key: 'range', Body: 'abcdefghij' });
    expect(await refusal(get('range', 'bytes=10-'))).toEqual({ code: 'InvalidRange', status: 416 });
    expect(await refusal(get('range', 'bytes=-0'))).toEqual({ code: 'InvalidRange', status: 416 });
  });

  it('answers conditional reads with 304 and 412', async () => {
    const { ETag } = await put({ Key: 'conditional', Body: 'x' });
    const read = (condition: object) =>
      store.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'conditional', ...condition }));
    expect((await refusal(read({ IfNoneMatch: ETag }))).status).toBe(304);
    expect((await refusal(read({ IfMatch: '"other"' }))).status).toBe(412);
    expect((await refusal(read({ IfModifiedSince: new Date(NOON) }))).status).toBe(304);
    expect((await refusal(read({ IfUnmodifiedSince: new Date(NOON - 1000) }))).status).toBe(412);
    expect((await read({ IfMatch: ETag, IfUnmodifiedSince: new Date(0) })).ETag).toBe(ETag);
  });

  it('says NoSuchKey, NoSuchBucket and InvalidBucketName', async () => {
    expect(await refusal(get('nothing'))).toEqual({ code: 'NoSuchKey', status: 404 });
    const other = (Bucket: string) => store.client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(await refusal(other('no-such-bucket'))).toEqual({ code: 'NoSuchBucket', status: 404 });
    const handle = store.clientWith({ forcePathStyle: true });
    expect(await refusal(handle.send(new GetObjectCommand({ Bucket: 'No', Key: 'k' })))).toEqual({
      code: 'InvalidBucketName',
      status: 400,
    });
  });
});

describe('digests of a body', () => {
  it('accepts the right Content-MD5 and refuses a wrong or malformed one, nothing visible', async () => {
    expect(await refusal(put({ Key: 'md5', Body: 'x', ContentMD5: md5Base64('y') }))).toEqual({
      code: 'BadDigest',
      status: 400,
    });
    expect(await refusal(put({ Key: 'md5', Body: 'x', ContentMD5: 'short' }))).toEqual({
      code: 'InvalidDigest',
      status: 400,
    });
    expect(await refusal(get('md5'))).toEqual({ code: 'NoSuchKey', status: 404 });
    await put({ Key: 'md5', Body: 'x', ContentMD5: md5Base64('x') });
    expect(await text('md5')).toBe('x');
  });

  it('keeps the old object when the new body is refused', async () => {
    await put({ Key: 'kept', Body: 'old' });
    await refusal(put({ Key: 'kept', Body: 'new', ContentMD5: md5Base64('other') }));
    expect(await text('kept')).toBe('old');
    expect(await readdir(join(store.directory, BUCKET, '.meta', 'incoming'))).toHaveLength(1);
  });

  it.each(['CRC32', 'CRC64NVME', 'SHA256'] as ChecksumAlgorithm[])(
    'verifies, keeps and returns a %s header',
    async (algorithm) => {
      const written = await put({ Key: 'sum', Body: 'hello', ChecksumAlgorithm: algorithm });
      const head = await store.client.send(
        new HeadObjectCommand({ Bucket: BUCKET, Key: 'sum', ChecksumMode: 'ENABLED' }),
      );
      const field = `Checksum${algorithm}` as 'ChecksumCRC32';
      expect(written[field]).toBeDefined();
      expect(head[field]).toBe(written[field]);
      expect(head.ChecksumType).toBe('FULL_OBJECT');
    },
  );

  it('verifies, keeps and returns an md5 header, beside Content-MD5 or alone', async () => {
    await put({
      Key: 'md5-sum',
      Body: 'hello',
      ChecksumMD5: md5Base64('hello'),
      ContentMD5: md5Base64('hello'),
    });
    const command = new HeadObjectCommand({ Bucket: BUCKET, Key: 'md5-sum', ChecksumMode: 'ENABLED' });
    expect((await store.client.send(command)).ChecksumMD5).toBe(md5Base64('hello'));
    await put({ Key: 'md5-sum', Body: 'hello', ChecksumAlgorithm: 'MD5' });
    expect(await text('md5-sum')).toBe('hello');
  });

  it.each([
    ['ChecksumCRC32', Buffer.alloc(4).toString('base64')],
    ['ChecksumCRC64NVME', Buffer.alloc(8).toString('base64')],
    ['ChecksumSHA256', createHash('sha256').update('other').digest('base64')],
    ['ChecksumMD5', md5Base64('other')],
  ])('refuses a wrong %s', async (field, value) => {
    expect(await refusal(put({ Key: 'wrong-sum', Body: 'hello', [field]: value }))).toEqual({
      code: 'BadDigest',
      status: 400,
    });
    expect((await refusal(get('wrong-sum'))).code).toBe('NoSuchKey');
  });

  it('refuses a checksum of the wrong length, and algorithms that it does not compute', async () => {
    expect((await refusal(put({ Key: 'k', Body: 'x', ChecksumCRC32: 'AA==' }))).code).toBe('InvalidRequest');
    expect(await refusal(put({ Key: 'k', Body: 'x', ChecksumAlgorithm: 'SHA1' }))).toEqual({
      code: 'NotImplemented',
      status: 501,
    });
  });

  it('verifies the trailer of a streamed body', async () => {
    const bytes = Buffer.alloc(100_000, 'stream');
    const streamed = () => Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]);
    for (const ChecksumAlgorithm of ['CRC32', 'CRC64NVME', 'SHA256'] as const) {
      await put({ Key: 'streamed', Body: streamed(), ContentLength: bytes.length, ChecksumAlgorithm });
      expect(md5Hex(await readFile(join(store.directory, BUCKET, 'streamed'))), ChecksumAlgorithm).toBe(
        md5Hex(bytes),
      );
    }
  });

  it('refuses a body that is shorter or longer than announced', async () => {
    for (const ContentLength of [4, 6]) {
      const Body = Readable.from([Buffer.from('hello')]);
      expect(await refusal(put({ Key: 'length', Body, ContentLength })), String(ContentLength)).toEqual({
        code: 'IncompleteBody',
        status: 400,
      });
    }
    expect((await refusal(get('length'))).code).toBe('NoSuchKey');
  });

  it('refuses a stream of unknown length', async () => {
    const Body = Readable.from([Buffer.from('hello')]);
    expect(await refusal(put({ Key: 'unknown', Body }))).toEqual({ code: 'NotImplemented', status: 501 });
  });

  it('refuses more than 5 GiB before reading it', async () => {
    const Body = Readable.from([Buffer.from('never counted')]);
    expect(await refusal(put({ Key: 'huge', Body, ContentLength: 5 * 1024 ** 3 + 1 }))).toEqual({
      code: 'EntityTooLarge',
      status: 400,
    });
  });
});

describe('what it does not understand', () => {
  it.each<[string, Partial<PutObjectCommandInput>]>([
    ['an ACL', { ACL: 'private' }],
    ['tags', { Tagging: 'a=b' }],
    ['object lock', { ObjectLockMode: 'GOVERNANCE' }],
    ['another storage class', { StorageClass: 'GLACIER' }],
    ['a customer key', { SSECustomerAlgorithm: 'AES256' }],
  ])('refuses %s with NotImplemented', async (_name, input) => {
    expect(await refusal(put({ Key: 'k', Body: 'x', ...input }))).toEqual({
      code: 'NotImplemented',
      status: 501,
    });
  });

  it('answers a reader that offers to take a trailer, as the AWS SDK for Java does', async () => {
    await put({ Key: 'no-trailer', Body: 'as ever' });
    const client = store.clientWith({});
    client.middlewareStack.add(
      (next) => (parameters) => {
        (parameters.request as { headers: Record<string, string> }).headers['x-amz-te'] = 'append-md5';
        return next(parameters);
      },
      { step: 'build' },
    );
    const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'no-trailer' }));
    expect(await Body?.transformToString()).toBe('as ever');
  });

  it('refuses user metadata above 2 KB', async () => {
    expect((await refusal(put({ Key: 'k', Body: 'x', Metadata: { long: 'x'.repeat(2048) } }))).code).toBe(
      'MetadataTooLarge',
    );
  });
});

describe('files that something else wrote', () => {
  it('serves a file put there by hand as an object with its MD5', async () => {
    await mkdir(join(store.directory, BUCKET, 'by-hand'), { recursive: true });
    await writeFile(join(store.directory, BUCKET, 'by-hand', 'file.txt'), 'hand-made');
    expect((await get('by-hand/file.txt')).ETag).toBe(`"${md5Hex('hand-made')}"`);
  });

  it('keeps metadata when a copied lake has lost its file times, and drops it when the bytes changed', async () => {
    const other = await startStore();
    await other.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: 'a', Body: 'same', Metadata: { kept: 'yes' } }),
    );
    await other.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: 'b', Body: 'same', Metadata: { kept: 'yes' } }),
    );
    const copy = await startStore();
    await cp(other.directory, copy.directory, { recursive: true });
    await utimes(join(copy.directory, BUCKET, 'a'), 1, 1);
    await writeFile(join(copy.directory, BUCKET, 'b'), 'diff');

    const head = (key: string) => copy.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
    expect((await head('a')).Metadata).toEqual({ kept: 'yes' });
    expect((await head('b')).Metadata).toEqual({});
    expect((await head('b')).ETag).toBe(`"${md5Hex('diff')}"`);
    await other.close();
    await copy.close();
  });
});
