import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { S3Client, type UploadPartCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StorageDeps } from '../../../lambdas/lib/account-data/deps.ts';
import { streamArchive } from '../../../lambdas/lib/account-data/stream-archive.ts';
import { ApiUnavailableError } from '../../../lambdas/lib/errors.ts';
import { ARCHIVE_PART_BYTES, beginArchiveUpload } from '../../../lambdas/lib/lake/archive-upload.ts';
import { type ObjectStore, objectStore } from '../../../lambdas/lib/lake/object-store.ts';
import type { StandInResponse } from '../../../local/http.ts';
import { s3RequestHandler } from '../../../local/s3/request-handler.ts';
import { promptRetries } from '../../support/prompt-retries.ts';
import { BUCKET, principal } from '../local-s3-harness.ts';
import { archiveBytes, FetchWorld, sha256Of } from './fetch-world.ts';

const KEY = 'archives/grant=g/request=r/1.zip';
const BYTES = archiveBytes(2 * ARCHIVE_PART_BYTES + 12_345, 5);
const never = new AbortController().signal;

let world: FetchWorld;
beforeEach(async () => {
  world = await FetchWorld.open();
});
afterEach(() => world.close());

async function upload(bytes: Buffer, store: ObjectStore = world.store) {
  const begun = await beginArchiveUpload(store, KEY, never);
  await begun.take(bytes);
  return begun;
}

function s3Error(status: number, code: string): StandInResponse {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<Error><Code>${code}</Code></Error>`,
  };
}

/** S3 with another answer to requests of that method, once their body has come. */
function answering(method: string, answer: StandInResponse): void {
  world.interceptS3 = async (request, next) => {
    if (request.method !== method || !request.target.includes('uploadId=')) return next(request);
    for await (const _ of request.body);
    return answer;
  };
}

describe('the upload of an archive', () => {
  it('is visible only when it is complete, whole and with its own checksum', async () => {
    const begun = await upload(BYTES);
    await begun.flush();
    expect(await world.lake.facts(KEY)).toBeUndefined();

    expect(await begun.complete()).toEqual({
      result: 'written',
      bytes: BYTES.length,
      sha256: sha256Of(BYTES),
    });
    expect(await world.lake.facts(KEY)).toMatchObject({ bytes: BYTES.length });
    expect(await world.openUploads()).toBe(0);
  });

  it('takes pieces of any size', async () => {
    const begun = await beginArchiveUpload(world.store, KEY, never);
    let from = 0;
    for (const length of [1, ARCHIVE_PART_BYTES - 1, ARCHIVE_PART_BYTES + 5, 0, 12_340]) {
      await begun.take(BYTES.subarray(from, from + length));
      from += length;
    }
    expect(from).toBe(BYTES.length);
    expect(await begun.complete()).toMatchObject({ sha256: sha256Of(BYTES) });
  });

  it('is refused by S3 when a byte changes on its way, and nothing is visible', async () => {
    world.interceptS3 = (request, next) => {
      if (request.method !== 'PUT') return next(request);
      const body = (async function* () {
        for await (const bytes of request.body) {
          const changed = Buffer.from(bytes);
          changed[0] = (changed[0] as number) ^ 1;
          yield changed;
        }
      })();
      return next({ ...request, body });
    };
    const begun = await upload(BYTES);

    await expect(begun.flush()).rejects.toThrow();
    await begun.abort();
    expect(await world.lake.facts(KEY)).toBeUndefined();
    expect(await world.openUploads()).toBe(0);
  });

  it('names the CRC-32 of every part and of the whole', async () => {
    const sums: (string | undefined)[] = [];
    world.store.client.middlewareStack.add(
      (next) => (input) => {
        const { ChecksumCRC32 } = input.input as { ChecksumCRC32?: string };
        if ('PartNumber' in input.input || 'MultipartUpload' in input.input) sums.push(ChecksumCRC32);
        return next(input);
      },
      { step: 'initialize' },
    );
    await (await upload(BYTES)).complete();

    expect(sums).toHaveLength(4);
    expect(sums.every((sum) => /^[A-Za-z0-9+/]{6}==$/.test(sum ?? ''))).toBe(true);
  });

  it('of other bytes than its checksum says is refused at its end', async () => {
    world.store.client.middlewareStack.add(
      (next) => (input) => {
        if ('MultipartUpload' in input.input) Object.assign(input.input, { ChecksumCRC32: 'AAAAAA==' });
        return next(input);
      },
      { step: 'initialize' },
    );

    await expect((await upload(BYTES)).complete()).rejects.toMatchObject({ name: 'BadDigest' });
    expect(await world.lake.facts(KEY)).toBeUndefined();
    expect(await world.openUploads()).toBe(0);
  });

  it('leaves an object alone that is there already', async () => {
    await (await upload(BYTES)).complete();
    const other = await upload(archiveBytes(10_000, 6));

    expect(await other.complete()).toEqual({ result: 'exists' });
    expect(await world.lake.facts(KEY)).toMatchObject({ bytes: BYTES.length });
    expect(await world.openUploads()).toBe(0);
  });

  it('that meets another one at its end finds what that one left', async () => {
    await (await upload(BYTES)).complete();
    answering('POST', s3Error(409, 'ConditionalRequestConflict'));

    expect(await (await upload(BYTES)).complete()).toEqual({ result: 'exists' });
  });

  it('that meets another one which leaves nothing is a conflict by name', async () => {
    answering('POST', s3Error(409, 'ConditionalRequestConflict'));

    await expect((await upload(BYTES)).complete()).rejects.toMatchObject({ name: 'WriteConflictError' });
  });

  it.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [404, 'NoSuchUpload'],
  ])('that S3 answers with %i %s is StorageUnavailableError', async (status, code) => {
    answering('PUT', s3Error(status, code));
    const begun = await upload(BYTES);

    await expect(begun.flush()).rejects.toMatchObject({ name: 'StorageUnavailableError' });
    await expect(begun.take(BYTES)).rejects.toMatchObject({ name: 'StorageUnavailableError' });
    await begun.abort();
  });

  it('sends a part again, whole, when S3 could not take it the first time', async () => {
    const bodies: string[] = [];
    const client = new S3Client({
      region: 'us-east-1',
      credentials: principal,
      retryStrategy: promptRetries(2),
      requestChecksumCalculation: 'WHEN_REQUIRED',
      requestHandler: s3RequestHandler(async (request) => {
        if (request.method !== 'PUT') return world.server.service.handle(request);
        bodies.push(`${request.headers['content-length']} ${request.headers['x-amz-content-sha256']}`);
        if (bodies.length > 1) return world.server.service.handle(request);
        for await (const _ of request.body);
        return s3Error(503, 'SlowDown');
      }),
    });
    const begun = await upload(BYTES.subarray(0, 1_000_000), objectStore(client, BUCKET));

    expect(await begun.complete()).toMatchObject({ sha256: sha256Of(BYTES.subarray(0, 1_000_000)) });
    expect(bodies).toEqual(['1000000 UNSIGNED-PAYLOAD', '1000000 UNSIGNED-PAYLOAD']);
  });

  it('holds three buffers, however large the archive is', async () => {
    const buffers = new Set<ArrayBufferLike>();
    const digest = createHash('sha256');
    const client = new S3Client({
      region: 'us-east-1',
      credentials: { accessKeyId: 'tests', secretAccessKey: 'tests' },
    });
    // Nothing is sent: what the upload hands over is all that is looked at.
    client.middlewareStack.add(
      () => async (input) => {
        const command = input.input as UploadPartCommand['input'];
        if (command.Body instanceof Buffer) buffers.add(command.Body.buffer);
        // S3 is slower than the source: what is not waited for would pile up.
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
        return { output: { $metadata: {}, UploadId: 'u', ETag: '"e"' }, response: {} };
      },
      { step: 'initialize', override: true },
    );
    const begun = await beginArchiveUpload({ ...world.store, client }, KEY, never);
    const piece = archiveBytes(1024 * 1024, 3);
    for (let megabyte = 0; megabyte < 96; megabyte += 1) {
      digest.update(piece);
      await begun.take(piece);
    }

    expect(await begun.complete()).toEqual({
      result: 'written',
      bytes: 96 * 1024 * 1024,
      sha256: digest.digest('hex'),
    });
    expect(buffers.size).toBeLessThanOrEqual(3);
  });
});

describe('an archive whose host is silent until the time is over', () => {
  let time: AbortController;
  beforeEach(() => {
    time = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal);
  });

  const deps = (): StorageDeps => ({
    clock: world.clock,
    log: { info() {}, warn() {}, error() {} },
    metrics: { count() {} },
    store: world.store,
    deadline: Number.POSITIVE_INFINITY,
  });
  const options = { key: KEY, mayPublish: async () => {}, onFirstBytes() {} };

  it('is too large for it when bytes had come', async () => {
    const source = {
      open: async ({ signal }: { signal: AbortSignal }) => {
        const body = Readable.from(
          (async function* () {
            yield BYTES;
            time.abort();
            throw signal.reason as Error;
          })(),
        );
        return { offset: 0, totalBytes: undefined, resumableWith: undefined, body };
      },
      isUrlOver: () => false,
    };

    await expect(streamArchive(deps(), source, options)).rejects.toMatchObject({
      name: 'ArchiveTooLargeError',
      details: { bytes: BYTES.length },
    });
    expect(await world.openUploads()).toBe(0);
  });

  it('is unavailable when none had come', async () => {
    const source = {
      open: async ({ signal }: { signal: AbortSignal }) => {
        time.abort();
        throw signal.reason as Error;
      },
      isUrlOver: () => false,
    };

    await expect(streamArchive(deps(), source, options)).rejects.toMatchObject({
      name: 'ApiUnavailableError',
    });
  });

  it('is too large when the life of its URL ends, and it cannot go on', async () => {
    const body = () =>
      Readable.from(
        (async function* () {
          yield BYTES;
          throw new ApiUnavailableError('The download broke off (cut).');
        })(),
      );
    const dying = {
      open: async () => ({ offset: 0, totalBytes: undefined, resumableWith: undefined, body: body() }),
      isUrlOver: () => true,
    };

    await expect(streamArchive(deps(), dying, options)).rejects.toMatchObject({
      name: 'ArchiveTooLargeError',
    });
  });
});
