import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareRanks, type DateRank, publishDate } from '../../lambdas/lib/lake/curated.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { BUCKET, startStore, type TestStore } from './local-s3-harness.ts';

const KEY = 'curated/app_downloads_standard_daily/date=2026-06-01/1.parquet';

const RANK: DateRank = {
  isFinal: false,
  processingDate: '2026-06-03',
  access: 'ONGOING',
  instanceId: 'b',
  curationVersion: 1,
};

let server: TestStore;
let store: ObjectStore;
let directory: string;
/** Methods of the requests that reached S3. */
let requests: string[];

beforeEach(async () => {
  server = await startStore();
  directory = await mkdtemp(join(tmpdir(), 'curated-publication-'));
  requests = [];
  server.client.middlewareStack.add(
    (next) => (args) => {
      requests.push((args.request as { method: string }).method);
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  store = objectStore(server.client, BUCKET);
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
  await server.close();
});

async function publish(
  rank: Partial<DateRank>,
  content: string,
  ...expected: Parameters<typeof publishDate>[2][]
) {
  const file = join(directory, content);
  await writeFile(file, content);
  return publishDate(store, { key: KEY, rank: { ...RANK, ...rank }, file }, ...expected);
}

async function read(): Promise<string | undefined> {
  return (await store.readText(KEY))?.value;
}

/** Answers the next `times` PUTs with an error of S3's, after another writer did `meanwhile`. */
function refusePuts(
  status: number,
  code: string,
  times: number,
  meanwhile: () => Promise<unknown> = async () => {},
): void {
  let left = times;
  server.client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName !== 'PutObjectCommand' || left === 0) return next(args);
        left -= 1;
        await meanwhile();
        throw new S3ServiceException({
          name: code,
          $fault: 'client',
          message: code,
          $metadata: { httpStatusCode: status },
        });
      },
    { step: 'initialize', name: 'refusePuts', override: true },
  );
}

describe('the rank of a delivery', () => {
  const ascending: readonly DateRank[] = [
    { ...RANK, processingDate: '2026-06-02', access: 'ONE_TIME_SNAPSHOT' },
    { ...RANK, processingDate: '2026-06-02', instanceId: 'z', curationVersion: 9 },
    { ...RANK, access: 'ONE_TIME_SNAPSHOT', instanceId: 'z', curationVersion: 9 },
    { ...RANK, instanceId: 'a', curationVersion: 9 },
    RANK,
    { ...RANK, curationVersion: 2 },
    { ...RANK, isFinal: true, processingDate: '2026-05-01', access: 'ONE_TIME_SNAPSHOT', instanceId: 'a' },
  ];

  it('goes by finality, processingDate, access, instance and release, in this order', () => {
    const shuffled = [3, 5, 0, 6, 2, 1, 4].map((index) => ascending[index] as DateRank);
    expect(shuffled.sort(compareRanks)).toEqual(ascending);
  });

  it('is a total order', () => {
    const rank = fc.record({
      isFinal: fc.boolean(),
      processingDate: fc.constantFrom('2026-06-01', '2026-06-02'),
      access: fc.constantFrom('ONGOING' as const, 'ONE_TIME_SNAPSHOT' as const),
      instanceId: fc.constantFrom('a', 'a-b', 'b'),
      curationVersion: fc.constantFrom(1, 2, 10),
    });
    fc.assert(
      fc.property(rank, rank, rank, (a, b, c) => {
        expect(compareRanks(a, b)).toBe(-compareRanks(b, a) + 0);
        expect(compareRanks(a, b) === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
        if (compareRanks(a, b) <= 0 && compareRanks(b, c) <= 0)
          expect(compareRanks(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('publication of a Date', () => {
  it('overwrites a lower rank and leaves a higher one and the same delivery alone', async () => {
    expect(await publish({}, 'first')).toMatchObject({ outcome: 'written' });
    expect(await publish({ processingDate: '2026-06-04' }, 'newer')).toMatchObject({ outcome: 'written' });
    expect(await publish({}, 'older')).toMatchObject({
      outcome: 'kept',
      head: { rank: { ...RANK, processingDate: '2026-06-04' } },
    });
    expect(await publish({ processingDate: '2026-06-04' }, 'newer')).toMatchObject({ outcome: 'kept' });
    expect(await read()).toBe('newer');
  });

  it('writes the same delivery again when a mended curation makes other bytes of it', async () => {
    const { head } = await publish({}, 'first');

    expect(await publish({}, 'mended', head)).toMatchObject({ outcome: 'written' });
    expect(await publish({}, 'mended')).toMatchObject({ outcome: 'kept' });
    expect(await read()).toBe('mended');
  });

  it('keeps any id in the metadata', async () => {
    const instanceId = 'ü/%2F "x"\n';
    await publish({ instanceId }, 'first');
    expect(await publish({ instanceId }, 'first')).toMatchObject({
      outcome: 'kept',
      head: { rank: { instanceId } },
    });
  });

  it('overwrites an object that has no rank', async () => {
    await server.client.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: KEY, Body: 'by hand', Metadata: { access: 'x' } }),
    );
    expect(await publish({}, 'first')).toMatchObject({ outcome: 'written' });
    expect(await read()).toBe('first');
  });

  it('takes one request when nothing lies there as believed, and two without a belief', async () => {
    await publish({}, 'first', 'absent');
    expect(requests).toEqual(['PUT']);
    await publish({ processingDate: '2026-06-04' }, 'newer');
    expect(requests).toEqual(['PUT', 'HEAD', 'PUT']);
  });

  it('takes one request when what lies there is what was remembered', async () => {
    const { head } = await publish({}, 'first');
    requests = [];

    expect(await publish({ processingDate: '2026-06-04' }, 'newer', head)).toMatchObject({
      outcome: 'written',
    });
    expect(requests).toEqual(['PUT']);
  });

  it('never overwrites a higher rank on a belief that is no longer true', async () => {
    const { head } = await publish({}, 'first');
    await publish({ processingDate: '2026-06-05' }, 'newest');

    expect(await publish({ processingDate: '2026-06-04' }, 'newer', head)).toMatchObject({ outcome: 'kept' });
    expect(await publish({ processingDate: '2026-06-04' }, 'newer', 'absent')).toMatchObject({
      outcome: 'kept',
    });
    expect(await read()).toBe('newest');
  });

  it('publishes what is believed to lie there already and is gone', async () => {
    const { head } = await publish({}, 'first');
    await store.move(KEY, 'elsewhere');

    expect(await publish({}, 'first', head)).toMatchObject({ outcome: 'written' });
    await store.move(KEY, 'elsewhere');
    expect(await publish({ processingDate: '2026-06-04' }, 'newer', head)).toMatchObject({
      outcome: 'written',
    });
    expect(await read()).toBe('newer');
  });

  it.each([
    ['412', 412, 'PreconditionFailed'],
    ['409', 409, 'ConditionalRequestConflict'],
  ])(
    'looks again after %s, and yields to a higher rank that was written meanwhile',
    async (_, status, code) => {
      await publish({}, 'first');
      const others = objectStore(server.clientWith({}), BUCKET);
      const file = join(directory, 'newest');
      await writeFile(file, 'newest');
      refusePuts(status, code, 1, () =>
        publishDate(others, { key: KEY, rank: { ...RANK, processingDate: '2026-06-05' }, file }),
      );

      expect(await publish({ processingDate: '2026-06-04' }, 'newer')).toMatchObject({ outcome: 'kept' });
      expect(await read()).toBe('newest');
    },
  );

  it.each([
    ['412', 412, 'PreconditionFailed'],
    ['409', 409, 'ConditionalRequestConflict'],
  ])('writes after %s when what lies there still ranks lower', async (_, status, code) => {
    await publish({}, 'first');
    refusePuts(status, code, 7);

    expect(await publish({ processingDate: '2026-06-04' }, 'newer')).toMatchObject({ outcome: 'written' });
    expect(await read()).toBe('newer');
  });

  it('ends as WriteConflictError when other writers win every round', async () => {
    refusePuts(409, 'ConditionalRequestConflict', Number.POSITIVE_INFINITY);
    await expect(publish({}, 'first')).rejects.toMatchObject({
      name: 'WriteConflictError',
      message: expect.stringContaining(KEY),
    });
    expect(requests.filter((method) => method === 'HEAD')).toHaveLength(8);
  });

  it('names a passing fault of S3', async () => {
    refusePuts(503, 'SlowDown', 1);
    await expect(publish({}, 'first')).rejects.toMatchObject({ name: 'StorageUnavailableError' });
  });
});
