import {
  CopyObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { BUCKET, startStore, type TestStore } from './local-s3-harness.ts';

const shape = z.object({ count: z.int() });

function s3Exception(name: string, httpStatusCode: number): S3ServiceException {
  return new S3ServiceException({ name, $fault: 'client', message: name, $metadata: { httpStatusCode } });
}

describe('an object store over S3', () => {
  let server: TestStore;
  let store: ObjectStore;
  beforeEach(async () => {
    server = await startStore();
    store = objectStore(server.client, BUCKET);
  });
  afterEach(() => server.close());

  it('writes only if nothing is there, and says whether it did', async () => {
    expect(await store.writeText('a', '1', { ifAbsent: true })).toBe(true);
    expect(await store.writeText('a', '2', { ifAbsent: true })).toBe(false);
    expect((await store.readText('a'))?.value).toBe('1');
  });

  it('writes only over what was read', async () => {
    await store.writeText('a', '1');
    const read = await store.readText('a');
    const etag = read?.etag ?? '';

    expect(await store.writeText('a', '2', { ifMatch: etag })).toBe(true);
    expect(await store.writeText('a', '3', { ifMatch: etag })).toBe(false);
    expect((await store.readText('a'))?.value).toBe('2');
  });

  it('does not write over what is gone', async () => {
    expect(await store.writeText('a', '1', { ifMatch: '"d41d8cd98f00b204e9800998ecf8427e"' })).toBe(false);
    expect(await store.readText('a')).toBeUndefined();
  });

  it('overwrites without a condition', async () => {
    await store.writeText('a', '1');
    expect(await store.writeText('a', '2')).toBe(true);
    expect((await store.readText('a'))?.value).toBe('2');
  });

  it('lets exactly one of many racing writers win', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.writeText('a', String(index), { ifAbsent: true })),
    );

    expect(results.filter(Boolean)).toHaveLength(1);
    expect((await store.readText('a'))?.value).toBe(String(results.indexOf(true)));
  });

  it('names the object that is not of the expected shape, or no JSON', async () => {
    await store.writeText('runs/a.json', '{"count":"many"}');
    await store.writeText('runs/b.json', '{"count"');

    await expect(store.readJson('runs/a.json', shape)).rejects.toMatchObject({
      name: 'PayloadContractError',
      message: expect.stringMatching(/runs\/a\.json.*count/),
    });
    await expect(store.readJson('runs/b.json', shape)).rejects.toMatchObject({
      name: 'PayloadContractError',
      message: expect.stringContaining('runs/b.json'),
    });
    expect(await store.readJson('runs/c.json', shape)).toBeUndefined();
  });

  it('tells size and metadata of an object, and undefined where there is none', async () => {
    await server.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: 'a', Body: 'abc', Metadata: { 'apple-md5': 'x' } }),
    );

    expect(await store.facts('a')).toMatchObject({ bytes: 3, metadata: { 'apple-md5': 'x' } });
    expect(await store.facts('b')).toBeUndefined();
  });

  it('moves an object with its metadata, whatever its key, and is harmless when repeated', async () => {
    const key = 'raw/a b/processing_date=2026-06-03/1%2F2+ü.tsv.gz';
    await server.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: 'abc', Metadata: { 'apple-md5': 'x' } }),
    );

    await store.move(key, `superseded/${key}`);
    await store.move(key, `superseded/${key}`);

    expect(await store.facts(key)).toBeUndefined();
    expect(await store.facts(`superseded/${key}`)).toMatchObject({
      bytes: 3,
      metadata: { 'apple-md5': 'x' },
    });
  });

  it('lists keys under a prefix in order, behind a key', async () => {
    for (const key of ['l/3', 'l/1', 'm/1', 'l/2']) await store.writeText(key, '');

    expect(await store.list('l/')).toEqual(['l/1', 'l/2', 'l/3']);
    expect(await store.list('l/', 'l/1')).toEqual(['l/2', 'l/3']);
    expect(await store.list('n/')).toEqual([]);
  });
});

describe('an object store whose S3 is in trouble', () => {
  const client = new S3Client({ region: 'us-east-1' });
  const s3 = mockClient(client);
  const store = objectStore(client, 'lake');
  beforeEach(() => s3.reset());

  it('repeats a conditional write that S3 answers with 409', async () => {
    s3.on(PutObjectCommand)
      .rejectsOnce(s3Exception('ConditionalRequestConflict', 409))
      .rejectsOnce(s3Exception('ConditionalRequestConflict', 409))
      .resolves({});

    expect(await store.writeText('a', '1', { ifAbsent: true })).toBe(true);
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(3);
  });

  it('sees after a 409 that somebody else was first', async () => {
    s3.on(PutObjectCommand)
      .rejectsOnce(s3Exception('ConditionalRequestConflict', 409))
      .rejects(s3Exception('PreconditionFailed', 412));

    expect(await store.writeText('a', '1', { ifAbsent: true })).toBe(false);
  });

  it('fails with WriteConflictError when the 409 stays', async () => {
    s3.on(PutObjectCommand).rejects(s3Exception('ConditionalRequestConflict', 409));

    await expect(store.writeText('leases/main.json', '1', { ifMatch: '"x"' })).rejects.toMatchObject({
      name: 'WriteConflictError',
      message: expect.stringContaining('leases/main.json'),
    });
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(5);
  });

  it.each([
    ['SlowDown', 503],
    ['AccessDenied', 403],
    ['OperationAborted', 409],
  ] as const)('passes %s (%i) of an unconditional write on', async (name, status) => {
    s3.on(PutObjectCommand).rejects(s3Exception(name, status));

    await expect(store.writeText('a', '1')).rejects.toMatchObject({ name });
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(1);
  });

  it('never takes a refusal for a missing object', async () => {
    s3.on(GetObjectCommand).rejects(s3Exception('AccessDenied', 403));
    s3.on(CopyObjectCommand).rejects(s3Exception('AccessDenied', 403));

    await expect(store.readText('a')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(store.move('a', 'b')).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('reads every page of a list', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [{ Key: 'a' }, { Key: 'b' }], IsTruncated: true, NextContinuationToken: '2' })
      .resolvesOnce({ Contents: [{ Key: 'c' }], IsTruncated: true, NextContinuationToken: '3' })
      .resolves({ IsTruncated: false });

    expect(await store.list('', 'Z')).toEqual(['a', 'b', 'c']);
    const tokens = s3.commandCalls(ListObjectsV2Command).map((call) => call.args[0].input.ContinuationToken);
    expect(tokens).toEqual([undefined, '2', '3']);
  });
});
