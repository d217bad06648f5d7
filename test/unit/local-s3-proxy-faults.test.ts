import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import type { StandInHandler } from '../../local/http.ts';
import { prepareLakeBuckets, readLakeText } from '../../local/s3-proxy/lake-buckets.ts';
import { parseS3Upstream } from '../../local/s3-proxy/upstream.ts';
import { BUCKET, refusal } from './local-s3-harness.ts';
import { KEY_ARN, startProxy, type TestProxy, type TestProxyOptions } from './local-s3-proxy-harness.ts';

let proxy: TestProxy | undefined;
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
});

async function start(options: TestProxyOptions = {}): Promise<TestProxy> {
  proxy = await startProxy(options);
  return proxy;
}

const denying = (...denied: string[]): TestProxyOptions => ({
  buckets: [{ name: BUCKET, kmsKeyArn: KEY_ARN }],
  authorize: ({ action }) => !denied.includes(action),
});
const object = { Bucket: BUCKET, Key: 'k' };
const put = new PutObjectCommand({ ...object, Body: 'x' });

describe('what the proxy decides before it forwards', () => {
  it.each([
    ['s3:PutObject', put],
    ['kms:GenerateDataKey', put],
    ['kms:GenerateDataKey', new CreateMultipartUploadCommand(object)],
    ['kms:GenerateDataKey', new UploadPartCommand({ ...object, UploadId: 'u', PartNumber: 1, Body: 'x' })],
    ['kms:Decrypt', new UploadPartCommand({ ...object, UploadId: 'u', PartNumber: 1, Body: 'x' })],
    ['kms:Decrypt', new CompleteMultipartUploadCommand({ ...object, UploadId: 'u' })],
    ['s3:GetObject', new PutObjectCommand({ ...object, Body: 'x', IfMatch: '"e"' })],
    ['s3:ListBucket', new ListObjectsV2Command({ Bucket: BUCKET })],
  ])('refuses without %s, and forwards nothing', async (action, command) => {
    const { client, forwarded } = await start(denying(action));
    expect(await refusal(client.send(command as typeof put))).toEqual({ code: 'AccessDenied', status: 403 });
    expect(forwarded).toEqual([]);
  });

  it('gives no encrypted bytes without kms:Decrypt', async () => {
    const { client } = await start(denying('kms:Decrypt'));
    await client.send(put);
    expect((await refusal(client.send(new GetObjectCommand(object)))).code).toBe('AccessDenied');
  });

  it('tells the sum of encrypted bytes only with kms:Decrypt', async () => {
    const { client } = await start(denying('kms:Decrypt'));
    const head = new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' });
    await client.send(put);
    expect((await client.send(head)).ContentLength).toBe(1);
    await client.send(new PutObjectCommand({ ...object, Body: 'x', ChecksumAlgorithm: 'CRC32' }));
    expect((await refusal(client.send(head))).status).toBe(403);
  });

  it('hides whether a key exists from those who may not list', async () => {
    const { client } = await start(denying('s3:ListBucket'));
    expect(await refusal(client.send(new GetObjectCommand(object)))).toEqual({
      code: 'AccessDenied',
      status: 403,
    });
  });

  it('decides a deletion of several keys key by key', async () => {
    const { client, store } = await start({
      authorize: ({ resource }) => !resource.endsWith('/kept'),
    });
    for (const Key of ['kept', 'gone']) {
      await store.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'x' }));
    }
    const { Deleted, Errors } = await client.send(
      new DeleteObjectsCommand({
        Bucket: BUCKET,
        Delete: { Objects: [{ Key: 'kept' }, { Key: 'gone' }] },
        ChecksumAlgorithm: 'CRC32',
      }),
    );
    expect([Deleted?.[0]?.Key, Errors?.[0]?.Key, Errors?.[0]?.Code]).toEqual([
      'gone',
      'kept',
      'AccessDenied',
    ]);
  });

  it('asks for the key that an object was put under, not for that of its bucket', async () => {
    const { client } = await start({
      buckets: [{ name: BUCKET, kmsKeyArn: KEY_ARN }],
      authorize: ({ action, resource }) => action !== 'kms:Decrypt' || resource === KEY_ARN,
    });
    const otherKey = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: `${KEY_ARN}-of-grants` } as const;
    await client.send(new PutObjectCommand({ ...object, Body: 'x', ...otherKey }));
    expect((await client.send(new HeadObjectCommand(object))).SSEKMSKeyId).toBe(otherKey.SSEKMSKeyId);
    expect((await refusal(client.send(new GetObjectCommand(object)))).code).toBe('AccessDenied');
    await client.send(put);
    expect((await client.send(new GetObjectCommand(object))).ContentLength).toBe(1);
  });

  it('refuses by name an encryption that it could not keep', async () => {
    const { client } = await start();
    const encrypted = new PutObjectCommand({ ...object, Body: 'x', ServerSideEncryption: 'aws:kms' });
    expect((await refusal(client.send(encrypted))).code).toBe('NotImplemented');
  });
});

describe('a server behind the proxy that fails', () => {
  it('is an internal error with its address, and told to the operator', async () => {
    const reported: unknown[] = [];
    const started = await start({ onInternalError: (error) => reported.push(error) });
    const gone = { ...started.upstream, origin: 'http://127.0.0.1:9' };
    const { client, close } = await startProxy({
      upstream: gone,
      onInternalError: (error) => reported.push(error),
    });
    expect(await refusal(client.send(put))).toEqual({ code: 'InternalError', status: 500 });
    expect(reported.map(String)).toEqual([
      expect.stringMatching(
        /^UpstreamUnavailableError: http:\/\/127\.0\.0\.1:9 did not answer PUT \/lake-bucket\/k/,
      ),
    ]);
    await close();
  });

  it('may answer before it has read the body: the sender gets that answer', async () => {
    const early: StandInHandler = async () => ({ status: 412, headers: {}, body: '' });
    const { client } = await start({ wrapUpstream: () => early });
    const large = new PutObjectCommand({ ...object, Body: Buffer.alloc(4 * 1024 * 1024) });
    expect((await refusal(client.send(large))).status).toBe(412);
    expect((await refusal(client.send(put))).status).toBe(412);
  });

  it('holds nothing of a body whose sender broke off', async () => {
    const { client, store } = await start();
    const body = Readable.from(
      (async function* () {
        yield Buffer.alloc(100_000);
        throw new Error('the source broke off');
      })(),
      { objectMode: false },
    );
    const broken = new PutObjectCommand({ ...object, Body: body, ContentLength: 200_000 });
    await expect(client.send(broken)).rejects.toThrow('the source broke off');
    expect((await refusal(store.client.send(new GetObjectCommand(object)))).code).toBe('NoSuchKey');
  });

  it('is sent a large body chunk by chunk, unchanged', async () => {
    const { client, store } = await start();
    const sum = createHash('sha256');
    const chunk = Buffer.alloc(256 * 1024, 'chunk');
    const chunks = 128;
    for (let sent = 0; sent < chunks; sent += 1) sum.update(chunk);
    const source = Readable.from(Array<Buffer>(chunks).fill(chunk), { objectMode: false });
    await client.send(
      new PutObjectCommand({ ...object, Body: source, ContentLength: chunks * chunk.length }),
    );
    const { Body } = await store.client.send(new GetObjectCommand(object));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum.digest('hex'));
  });
});

describe('the buckets of a lake on another server', () => {
  it('are made where they are missing and emptied where they are not, unfinished uploads included', async () => {
    const { upstream, store } = await start();
    for (const Key of ['raw/a', 'raw/b'])
      await store.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'x' }));
    await store.client.send(new CreateMultipartUploadCommand(object));
    await prepareLakeBuckets(upstream, [BUCKET, 'results']);
    for (const Bucket of [BUCKET, 'results'])
      expect((await store.client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
    await store.client.send(put);
    expect(await readLakeText(upstream, BUCKET, 'k')).toBe('x');
    expect(await readLakeText(upstream, BUCKET, 'missing')).toBeUndefined();
  });

  it('cannot be prepared with a wrong secret or without the server: S3EndpointError says which', async () => {
    const { upstream } = await start();
    const credentials = { ...upstream.credentials, secretAccessKey: 'wrong' };
    await expect(prepareLakeBuckets({ ...upstream, credentials }, [BUCKET])).rejects.toThrow(
      /403 .*Check AWS_ACCESS_KEY_ID/,
    );
    const origin = 'http://127.0.0.1:9';
    await expect(prepareLakeBuckets({ ...upstream, origin }, [BUCKET])).rejects.toThrow(/cannot be reached/);
  });
});

describe('where the other server is', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

  it('is an origin, and who we are there stands in the environment', () => {
    expect(parseS3Upstream('http://127.0.0.1:7070/', { ...environment, AWS_REGION: 'eu-west-1' })).toEqual({
      origin: 'http://127.0.0.1:7070',
      region: 'eu-west-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
    expect(parseS3Upstream('https://s3.example', environment).region).toBe('us-east-1');
  });

  it.each([
    ['ftp://127.0.0.1', /http or https/],
    ['127.0.0.1:7070', /http or https/],
    ['http://user:word@127.0.0.1', /credentials/],
    ['http://127.0.0.1/base', /scheme, host and port/],
  ])('refuses %s without repeating what may be secret', (endpoint, message) => {
    expect(() => parseS3Upstream(endpoint, environment)).toThrow(message);
    expect(() => parseS3Upstream(endpoint, environment)).not.toThrow(/word/);
  });

  it('names the missing variables', () => {
    expect(() => parseS3Upstream('http://127.0.0.1', { AWS_ACCESS_KEY_ID: 'id' })).toThrow(
      /Set AWS_SECRET_ACCESS_KEY in the environment/,
    );
  });
});
