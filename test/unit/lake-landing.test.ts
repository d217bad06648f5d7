import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BodyToLand,
  BUFFER_LIMIT_BYTES,
  landBytes,
  sha256OfObject,
} from '../../lambdas/lib/lake/landing.ts';
import { multipartPut } from '../../lambdas/lib/lake/multipart-put.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import type { StandInHandler } from '../../local/http.ts';
import { s3RequestHandler } from '../../local/s3/request-handler.ts';
import { BUCKET, principal, startStore, type TestStore } from './local-s3-harness.ts';

const KEY = 'raw/app-crashes/1.2.3.tsv.gz';
const SMALL = Buffer.from('small bytes of a segment');
const LARGE = Buffer.alloc(BUFFER_LIMIT_BYTES + 1_000_000, 'large bytes ');
const CHUNK = 256 * 1024;

const md5Of = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function chunksOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, index) =>
    bytes.subarray(index * CHUNK, (index + 1) * CHUNK),
  );
}

function bodyOf(bytes: Buffer, contentLength: number | undefined = bytes.length): BodyToLand {
  return { body: Readable.from(chunksOf(bytes)), contentLength };
}

/** A body that breaks after half of its bytes. */
function breakingBody(bytes: Buffer, error: Error): BodyToLand {
  async function* half() {
    yield* chunksOf(bytes.subarray(0, bytes.length / 2));
    throw error;
  }
  return { body: Readable.from(half()), contentLength: bytes.length };
}

let server: TestStore;
let store: ObjectStore;
beforeEach(async () => {
  server = await startStore();
  store = objectStore(server.client, BUCKET);
});
afterEach(() => server.close());

async function expectNothing(): Promise<void> {
  const listed = await server.client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  expect(listed.Contents ?? []).toEqual([]);
  const uploads = await server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  expect(uploads.Uploads ?? []).toEqual([]);
}

async function stored(): Promise<{ bytes: Buffer; metadata: Record<string, string> | undefined }> {
  const answer = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: KEY }));
  return { bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []), metadata: answer.Metadata };
}

/** The same store with something between it and the client. */
function storeWith(intercept: (next: StandInHandler) => StandInHandler, maxAttempts = 1): ObjectStore {
  const client = new S3Client({
    region: 'us-east-1',
    credentials: principal,
    maxAttempts,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    requestHandler: s3RequestHandler(intercept(server.service.handle)),
  });
  return objectStore(client, BUCKET);
}

const refusing =
  (status: number, code: string, method = 'PUT', times = Number.POSITIVE_INFINITY) =>
  (next: StandInHandler): StandInHandler => {
    let left = times;
    return async (request) => {
      if (request.method !== method || left <= 0) return next(request);
      left -= 1;
      for await (const _ of request.body);
      return {
        status,
        headers: { 'content-type': 'application/xml' },
        body: `<Error><Code>${code}</Code></Error>`,
      };
    };
  };

describe.each([
  ['one buffer', SMALL],
  ['a stream', LARGE],
])('a segment that passes as %s', (_, bytes) => {
  const announced = { md5: md5Of(bytes), bytes: bytes.length };

  it('lands with what Apple announced', async () => {
    expect(await landBytes(store, KEY, bodyOf(bytes), announced)).toEqual({
      result: 'written',
      bytes: bytes.length,
    });
    const { bytes: landed, metadata } = await stored();
    expect(landed.equals(bytes)).toBe(true);
    expect(metadata).toEqual({ 'apple-md5': announced.md5, 'apple-size': String(bytes.length) });
  });

  it('lands with its length where Apple announced no size', async () => {
    const landed = await landBytes(store, KEY, bodyOf(bytes), { md5: announced.md5, bytes: undefined });

    expect(landed).toEqual({ result: 'written', bytes: bytes.length });
    expect((await stored()).metadata).toEqual({ 'apple-md5': announced.md5 });
  });

  it('lands without a length, by the announced size', async () => {
    const body = { body: Readable.from(chunksOf(bytes)), contentLength: undefined };

    expect(await landBytes(store, KEY, body, announced)).toEqual({ result: 'written', bytes: bytes.length });
    expect((await stored()).bytes.equals(bytes)).toBe(true);
  });

  it('lands without any checksum, with our own SHA-256', async () => {
    const landed = await landBytes(store, KEY, bodyOf(bytes), { md5: undefined, bytes: bytes.length });

    expect(landed).toEqual({ result: 'written', bytes: bytes.length, sha256: sha256Of(bytes) });
    expect(await sha256OfObject(store, KEY)).toBe(sha256Of(bytes));
  });

  it.each([true, false])(
    'is refused with a wrong checksum, and nothing is visible (length known: %s)',
    async (known) => {
      const body = { body: Readable.from(chunksOf(bytes)), contentLength: known ? bytes.length : undefined };

      await expect(
        landBytes(store, KEY, body, { ...announced, md5: md5Of(Buffer.from('other')) }),
      ).rejects.toMatchObject({ name: 'IntegrityError', message: expect.stringContaining(KEY) });
      expect(body.body.destroyed).toBe(true);
      await expectNothing();
    },
  );

  it.each([
    ['shorter', bytes.subarray(0, -1)],
    ['longer', Buffer.concat([bytes, Buffer.from('x')])],
  ])('is refused when it is %s than announced, with and without a length', async (_, wrong) => {
    for (const contentLength of [wrong.length, undefined]) {
      for (const md5 of [announced.md5, md5Of(wrong), undefined]) {
        const body = { body: Readable.from(chunksOf(wrong)), contentLength };
        await expect(landBytes(store, KEY, body, { md5, bytes: bytes.length })).rejects.toMatchObject({
          name: 'IntegrityError',
        });
        expect(body.body.destroyed).toBe(true);
      }
    }
    await expectNothing();
  });

  it('passes on what broke its source, instead of waiting for ever', async () => {
    for (const md5 of [announced.md5, undefined]) {
      const broken = Object.assign(new Error('the download broke off'), { name: 'ApiUnavailableError' });
      await expect(
        landBytes(store, KEY, breakingBody(bytes, broken), { md5, bytes: bytes.length }),
      ).rejects.toBe(broken);
    }
    await expectNothing();
  });

  it('says exists, with its own size and sum, when something lies there, and leaves it alone', async () => {
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: KEY, Body: 'earlier' }));

    expect(await landBytes(store, KEY, bodyOf(bytes), announced)).toEqual({
      result: 'exists',
      bytes: bytes.length,
    });
    expect(await landBytes(store, KEY, bodyOf(bytes), { md5: undefined, bytes: bytes.length })).toEqual({
      result: 'exists',
      bytes: bytes.length,
      sha256: sha256Of(bytes),
    });
    expect((await stored()).bytes.toString()).toBe('earlier');
  });

  it('fails with WriteConflictError when S3 saw another write at the same time', async () => {
    const conflicting = storeWith(refusing(409, 'ConditionalRequestConflict'));

    await expect(landBytes(conflicting, KEY, bodyOf(bytes), announced)).rejects.toMatchObject({
      name: 'WriteConflictError',
      message: expect.stringContaining(KEY),
    });
    await expectNothing();
  });

  it.each([
    [400, 'RequestTimeout'],
    [500, 'InternalError'],
    [503, 'SlowDown'],
    [503, 'ServiceUnavailable'],
    [502, 'SomethingOfAProxy'],
  ])(
    'fails with StorageUnavailableError when S3 answers %i %s, and lets go of its source',
    async (status, code) => {
      for (const md5 of [announced.md5, undefined]) {
        const body = bodyOf(bytes);
        await expect(
          landBytes(storeWith(refusing(status, code)), KEY, body, { ...announced, md5 }),
        ).rejects.toMatchObject({
          name: 'StorageUnavailableError',
          message: expect.stringContaining(`${KEY} (${code})`),
        });
        expect(body.body.destroyed).toBe(true);
      }
      await expectNothing();
    },
  );

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT'])(
    'fails with StorageUnavailableError when the connection breaks with %s',
    async (code) => {
      const breaking: StandInHandler = async ({ method }) => {
        throw Object.assign(new Error(`${method} broke`), { code });
      };
      for (const md5 of [announced.md5, undefined]) {
        await expect(
          landBytes(
            storeWith((next) => (request) => (request.method === 'PUT' ? breaking : next)(request)),
            KEY,
            bodyOf(bytes),
            { ...announced, md5 },
          ),
        ).rejects.toMatchObject({ name: 'StorageUnavailableError', message: expect.stringContaining(code) });
      }
      await expectNothing();
    },
  );

  it('passes on that S3 refuses, and lets go of its source', async () => {
    const body = bodyOf(bytes);

    await expect(
      landBytes(storeWith(refusing(403, 'AccessDenied')), KEY, body, announced),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(body.body.destroyed).toBe(true);
    await expectNothing();
  });
});

describe('a buffered segment', () => {
  it('is sent again by the SDK after 503 SlowDown', async () => {
    const announced = { md5: md5Of(SMALL), bytes: SMALL.length };
    const slow = storeWith(refusing(503, 'SlowDown', 'PUT', 1), 3);

    expect(await landBytes(slow, KEY, bodyOf(SMALL), announced)).toMatchObject({ result: 'written' });
    expect((await stored()).bytes.equals(SMALL)).toBe(true);
  });

  it('is read no further than it may be long', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += CHUNK;
        yield Buffer.alloc(CHUNK);
      }
    }
    const body = { body: Readable.from(endless()), contentLength: undefined };

    await expect(landBytes(store, KEY, body, { md5: undefined, bytes: SMALL.length })).rejects.toMatchObject({
      name: 'IntegrityError',
    });
    expect(read).toBeLessThan(40 * CHUNK);
  });

  it('of no bytes at all lands as an empty object', async () => {
    const empty = Buffer.alloc(0);

    expect(await landBytes(store, KEY, bodyOf(empty), { md5: md5Of(empty), bytes: 0 })).toEqual({
      result: 'written',
      bytes: 0,
    });
    expect((await stored()).bytes).toHaveLength(0);
  });
});

describe('multipartPut', () => {
  const options = { onlyIfAbsent: true, metadata: {} };

  it('writes a body of unknown length in parts, the last one short', async () => {
    const landed = await multipartPut(store, KEY, Readable.from(chunksOf(LARGE)), options);

    expect(landed).toEqual({ result: 'written', bytes: LARGE.length, sha256: sha256Of(LARGE) });
    expect((await stored()).bytes.equals(LARGE)).toBe(true);
  });

  it('writes an empty body', async () => {
    expect(await multipartPut(store, KEY, Readable.from([]), options)).toMatchObject({ bytes: 0 });
    expect((await stored()).bytes).toHaveLength(0);
  });

  it('overwrites only where it may', async () => {
    await multipartPut(store, KEY, Readable.from([SMALL]), options);

    expect(await multipartPut(store, KEY, Readable.from([LARGE]), options)).toMatchObject({
      result: 'exists',
    });
    expect((await stored()).bytes.equals(SMALL)).toBe(true);
    await multipartPut(store, KEY, Readable.from([LARGE]), { ...options, onlyIfAbsent: false });
    expect((await stored()).bytes.equals(LARGE)).toBe(true);
  });

  it('lets go of the body when the upload cannot even begin', async () => {
    const body = Readable.from(chunksOf(LARGE));

    await expect(
      multipartPut(storeWith(refusing(403, 'AccessDenied', 'POST')), KEY, body, options),
    ).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(body.destroyed).toBe(true);
    await expectNothing();
  });

  it('fails with the error of a body that breaks while the upload is being begun', async () => {
    const body = new Readable({ read: () => {} });
    const breaking = storeWith((next) => async (request) => {
      if (request.target.includes('?uploads')) body.destroy(new Error('the connection broke'));
      return next(request);
    });

    await expect(multipartPut(breaking, KEY, body, options)).rejects.toThrow('the connection broke');
    await expectNothing();
  });

  it.each(['begun', 'completed'])(
    'fails with StorageUnavailableError when the upload cannot be %s now',
    async (when) => {
      const slow = storeWith((next) => (request) => {
        const isStruck =
          request.method === 'POST' && request.target.includes('uploadId=') === (when !== 'begun');
        return isStruck ? refusing(503, 'SlowDown', 'POST')(next)(request) : next(request);
      });

      await expect(multipartPut(slow, KEY, Readable.from(chunksOf(LARGE)), options)).rejects.toMatchObject({
        name: 'StorageUnavailableError',
      });
      await expectNothing();
    },
  );

  it('aborts the upload when a part is refused', async () => {
    await expect(
      multipartPut(storeWith(refusing(400, 'InvalidRequest')), KEY, Readable.from(chunksOf(LARGE)), options),
    ).rejects.toMatchObject({ name: 'InvalidRequest' });
    await expectNothing();
  });
});
