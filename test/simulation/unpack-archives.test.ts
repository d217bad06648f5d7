import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../lambdas/lib/account-data/unpack/range-source.ts';
import { jsonText } from '../../lambdas/lib/lake/object-store.ts';
import {
  archiveKey,
  instancePrefix,
  tombstoneKey,
  transferKey,
  unpackedKey,
} from '../../lambdas/lib/lake/personal-keys.ts';
import type { StandInHandler } from '../../local/http.ts';
import { INSTANCE, UnpackWorld } from '../unit/unpack/harness.ts';
import { makeZip } from '../unit/unpack/zip-writer.ts';

const ROWS = Array.from({ length: 40 }, (_, row) => `${row},name ${row}\n`).join('');
const LARGE = Buffer.from(
  `id,text\n${Array.from({ length: 1_100 }, (_, row) => `${row},${String(row * 7_919).padEnd(1_000, 'y')}\n`).join('')}`,
);

/** Tables, files, a large one of each, refused entries and a refused archive. */
const ARCHIVES = [
  makeZip([
    { name: 'a/Purchases 1.csv', content: `id,name\n${ROWS}` },
    { name: 'a/photo.bin', content: 'not a table' },
    { name: 'a/Large.csv', content: LARGE },
    { name: 'a/broken.json', content: '{"a":' },
    { name: 'a/wrong.csv', content: ROWS, crc32: 1 },
  ]),
  Buffer.from('no archive at all'),
  makeZip([
    { name: 'b/large.bin', content: LARGE },
    { name: 'b/installs.jsonl', content: '{"app":"x"}\n{"app":"y"}\n' },
  ]),
];

/** The least that makes every kind of call to S3. */
const DEATH_ARCHIVES = [
  makeZip([
    { name: 'a/Purchases 1.csv', content: `id,name\n${ROWS}` },
    { name: 'a/broken.json', content: '{"a":' },
    { name: 'b/large.bin', content: LARGE },
  ]),
  Buffer.from('no archive at all'),
];

async function undisturbed(archives = ARCHIVES): Promise<Record<string, string>> {
  const world = await UnpackWorld.create(archives);
  expect((await world.run()).answer).toMatchObject({ phase: 'unpacked', outcome: 'unpacked-with-refusals' });
  return world.published();
}

class Died extends Error {}

/** Ends the invocation at one call to S3: before it is made, or after it was applied. */
function dying(
  atCall: number,
  when: 'before' | 'after',
): { intercept: (next: StandInHandler) => StandInHandler; calls(): number } {
  let calls = 0;
  let isDead = false;
  return {
    calls: () => calls,
    intercept: (next) => async (request) => {
      if (isDead) throw new Died();
      const call = calls++;
      if (call === atCall && when === 'before') {
        isDead = true;
        throw new Died();
      }
      const answer = await next(request);
      if (call !== atCall) return answer;
      isDead = true;
      throw new Died();
    },
  };
}

describe('unpacking', () => {
  it('goes on in the next invocation where its time was over, to the same bytes', async () => {
    const expected = await undisturbed();
    const world = await UnpackWorld.create(ARCHIVES);
    world.invocationMilliseconds = 60;
    const { answer, invocations } = await world.run();
    expect(answer.outcome).toBe('unpacked-with-refusals');
    expect(invocations).toBeGreaterThan(2);
    expect(await world.published()).toEqual(expected);
  });

  it('cuts an entry off when the time is over, if something else was done before', async () => {
    const world = await UnpackWorld.create([
      makeZip([
        { name: 'small.txt', content: 'x' },
        { name: 'large.bin', content: LARGE },
      ]),
    ]);
    // Enough to begin the large entry, not enough for its pieces.
    world.invocationMilliseconds = 600;
    world.lookMilliseconds = 100;
    expect(await world.invoke()).toEqual({
      phase: 'more',
      cursor: { archive: 1, entry: 2 },
      outcome: 'fetched',
    });
    expect(Object.keys(await world.published())).toHaveLength(1);
    world.invocationMilliseconds = 1_000_000;
    expect((await world.run()).answer.phase).toBe('unpacked');
  });

  it('fails by name when an entry alone takes longer than an invocation', async () => {
    const world = await UnpackWorld.create([makeZip([{ name: 'large.bin', content: LARGE }])]);
    world.invocationMilliseconds = 5;
    await expect(world.invoke()).rejects.toMatchObject({ name: 'StorageUnavailableError' });
  });

  it('leaves the same bytes when it is repeated, with any cursor', async () => {
    const world = await UnpackWorld.create(ARCHIVES);
    await world.run();
    const first = await world.published();
    expect((await world.invoke({ archive: 3, entry: 1 })).outcome).toBe('unpacked-with-refusals');
    await world.store.move(unpackedKey(INSTANCE), 'elsewhere');
    expect((await world.invoke()).outcome).toBe('unpacked-with-refusals');
    expect(await world.published()).toEqual(first);
  });

  it('begins again where staged lines were removed meanwhile', async () => {
    const world = await UnpackWorld.create(ARCHIVES);
    world.invocationMilliseconds = 2;
    const answer = await world.invoke();
    for (const key of await world.store.list(instancePrefix('unpacking', INSTANCE)))
      await world.store.move(key, 'elsewhere');
    world.invocationMilliseconds = 1_000_000;
    expect(await world.invoke(answer.cursor)).toMatchObject({
      phase: 'more',
      cursor: { archive: 1, entry: 1 },
    });
    expect((await world.run()).answer.phase).toBe('unpacked');
    expect(await world.published()).toEqual(await undisturbed());
  });

  it.each(['before', 'after'] as const)(
    'leaves the same bytes after a death %s any call to S3',
    async (when) => {
      const expected = await undisturbed(DEATH_ARCHIVES);
      const counting = dying(-1, when);
      const counted = await UnpackWorld.create(DEATH_ARCHIVES);
      counted.intercept = counting.intercept;
      await counted.run();

      const world = await UnpackWorld.create(DEATH_ARCHIVES);
      for (let call = 0; call < counting.calls(); call += 1) {
        for (const prefix of ['unpacking/', 'records/', 'files/', 'members/', 'manifests/']) {
          for (const key of await world.store.list(prefix)) await world.store.move(key, 'elsewhere');
        }
        world.intercept = dying(call, when).intercept;
        await expect(world.invoke()).rejects.toThrow();
        expect(call === counting.calls() - 1 && when === 'after').toBe(
          (await world.manifest()) !== undefined,
        );
        world.intercept = (next) => next;
        expect((await world.run()).answer.phase).toBe('unpacked');
        expect(await world.published()).toEqual(expected);
      }
      expect(counting.calls()).toBeGreaterThan(15);
    },
  );

  it('says the same in two invocations at once', async () => {
    const expected = await undisturbed();
    const world = await UnpackWorld.create(ARCHIVES);
    const answers = await Promise.all([world.run(), world.run()]);
    expect(answers.map(({ answer }) => answer.phase)).toEqual(['unpacked', 'unpacked']);
    expect(await world.published()).toEqual(expected);
  });
});

describe('a grant with a tombstone', () => {
  it('has nothing of it published from the next publication on', async () => {
    const counting = dying(-1, 'before');
    const counted = await UnpackWorld.create(DEATH_ARCHIVES);
    counted.intercept = counting.intercept;
    await counted.run();

    for (let call = 0; call < counting.calls(); call += 2) {
      const world = await UnpackWorld.create(DEATH_ARCHIVES);
      let calls = 0;
      const visible: string[] = [];
      world.intercept = (next) => async (request) => {
        if (calls++ === call) await world.store.writeText(tombstoneKey(INSTANCE.grantId), '{}');
        const isPut =
          request.method === 'PUT' && /\/(records|files|members|manifests)\//.test(request.target);
        // A publication that had looked before the tombstone came may still be on its way.
        if (isPut && calls > call + 10) visible.push(request.target);
        return next(request);
      };
      const answer = await world.invoke();
      if (answer.phase === 'erased') {
        expect(answer).toEqual({ phase: 'erased', cursor: null, outcome: 'erased' });
        expect(await world.manifest()).toBeUndefined();
        expect(visible).toEqual([]);
      } else {
        // Only a tombstone that comes with the manifest itself comes too late for it.
        expect(call).toBeGreaterThanOrEqual(counting.calls() - 3);
      }
    }
  });

  it('is seen before a large upload becomes visible', async () => {
    const large = Buffer.concat(Array.from({ length: 9 }, () => Buffer.alloc(1_200_000, 'several parts ')));
    const world = await UnpackWorld.create([makeZip([{ name: 'a.bin', content: large, method: 0 }])]);
    world.intercept = (next) => async (request) => {
      if (request.target.includes('partNumber=1'))
        await world.store.writeText(tombstoneKey(INSTANCE.grantId), '{}');
      return next(request);
    };
    expect((await world.invoke()).phase).toBe('erased');
    expect(await world.published()).toEqual({});
  });
});

describe('storage', () => {
  it('that fails a while is asked again for a range, and named when it goes on failing', async () => {
    let failures = 2;
    const failing: (next: StandInHandler) => StandInHandler = (next) => async (request) => {
      const isRange = request.method === 'GET' && request.target.includes('/archives/');
      if (isRange && failures-- > 0) return { status: 503, headers: {}, body: '' };
      return next(request);
    };
    const world = await UnpackWorld.create([makeZip([{ name: 'a.csv', content: 'a\n1\n' }])]);
    world.intercept = failing;
    expect((await world.run()).answer.outcome).toBe('unpacked');
    await world.store.move(unpackedKey(INSTANCE), 'elsewhere');
    for (const key of await world.store.list('unpacking/')) await world.store.move(key, 'elsewhere');
    failures = 1_000;
    await expect(world.invoke()).rejects.toMatchObject({ name: 'StorageUnavailableError' });
    expect(world.counted.get('UnpackingsFailed')).toBeUndefined();
  });

  it('with an archive shorter than it was is named', async () => {
    const world = await UnpackWorld.create([makeZip([{ name: 'a.csv', content: 'a\n1\n' }])]);
    const { client, bucket } = world.store;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: archiveKey(INSTANCE, 1), Body: 'short' }));
    await expect(world.invoke()).rejects.toMatchObject({ name: 'IntegrityError' });
    expect(world.counted.get('UnpackingsFailed')).toBe(1);
  });

  it('without a transfer is named', async () => {
    const world = await UnpackWorld.create([]);
    await world.store.move(transferKey(INSTANCE), 'elsewhere');
    await expect(world.invoke()).rejects.toMatchObject({ name: 'PayloadContractError' });
    await world.store.writeText(transferKey(INSTANCE), jsonText({ grantId: 'x' }));
    await expect(world.invoke()).rejects.toMatchObject({ name: 'PayloadContractError' });
  });

  it('is asked for each block of an archive once, however many entries are in it', async () => {
    const entries = Array.from({ length: 250 }, (_, index) => ({
      name: `${index}.bin`,
      content: Buffer.alloc(20_000, index),
      method: 0,
    }));
    const archive = makeZip(entries);
    const world = await UnpackWorld.create([archive]);
    const ranges: (string | undefined)[] = [];
    world.intercept = (next) => (request) => {
      if (request.method === 'GET' && request.target.includes('/archives/'))
        ranges.push(request.headers.range);
      return next(request);
    };
    await world.run();
    expect(new Set(ranges).size).toBe(Math.ceil(archive.length / BLOCK_BYTES));
    expect(ranges).toHaveLength(new Set(ranges).size);
    expect((await world.lines()).filter(({ outcome }) => outcome === 'unpacked')).toHaveLength(250);
  });

  it('never shows a name, a value or a path of a person in a log or a key', async () => {
    const world = await UnpackWorld.create([
      makeZip([
        { name: 'CANARY-NAME.csv', content: 'CANARY-COLUMN\nCANARY-VALUE\n' },
        { name: '../CANARY', content: 'x' },
      ]),
      Buffer.from('CANARY-VALUE'),
    ]);
    const targets: string[] = [];
    world.intercept = (next) => (request) => {
      targets.push(request.target, JSON.stringify(request.headers));
      return next(request);
    };
    await world.run();
    expect(targets.length).toBeGreaterThan(10);
    expect([...targets, ...world.logged].join('\n')).not.toContain('CANARY');
  });
});
