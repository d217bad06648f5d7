import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CurationMemory } from '../../lambdas/lib/analytics/curation-memory.ts';
import type { CuratedHead } from '../../lambdas/lib/lake/curated.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { BUCKET, startStore, type TestStore } from './local-s3-harness.ts';

const KEY = 'curation/1.json';
const HEAD: CuratedHead = {
  rank: {
    isFinal: true,
    processingDate: '2026-06-03',
    access: 'ONGOING',
    instanceId: 'a',
    curationVersion: 1,
  },
  etag: '"e"',
};

const keyOf = (date: string) => `curated/app_crashes_daily/date=${date}/1.parquet`;

let server: TestStore;
let store: ObjectStore;
beforeEach(async () => {
  server = await startStore();
  store = objectStore(server.client, BUCKET);
});
afterEach(() => server.close());

const recall = () => CurationMemory.read(store, '1');

describe('the memory of curation', () => {
  it('recalls what was last seen under a key, and knows nothing of others', async () => {
    const memory = await recall();
    memory.remember(keyOf('2026-06-01'), { ...HEAD, etag: '"old"' });
    memory.remember(keyOf('2026-06-01'), HEAD);
    await memory.write();

    expect((await recall()).headOf(keyOf('2026-06-01'))).toEqual(HEAD);
    expect((await recall()).headOf(keyOf('2026-06-02'))).toBeUndefined();
  });

  it('keeps Dates of the last 20 days only', async () => {
    const memory = await recall();
    for (const date of ['2026-05-31', '2026-06-01', '2026-06-21']) memory.remember(keyOf(date), HEAD);
    await memory.write();

    const kept = await recall();
    expect(['2026-05-31', '2026-06-01', '2026-06-21'].map((date) => kept.headOf(keyOf(date)))).toEqual([
      undefined,
      HEAD,
      HEAD,
    ]);
  });

  it('forgets an object that is none of ours', async () => {
    const memory = await recall();
    memory.remember(keyOf('2026-06-01'), HEAD);
    memory.remember(keyOf('2026-06-01'), { rank: undefined, etag: '"foreign"' });
    expect(memory.headOf(keyOf('2026-06-01'))).toBeUndefined();
  });

  it('tells each column of a report once', async () => {
    const memory = await recall();
    expect(memory.tellColumns('a', ['X', 'Y'])).toEqual(['X', 'Y']);
    expect(memory.tellColumns('a', ['Y', 'Z'])).toEqual(['Z']);
    expect(memory.tellColumns('b', ['Y'])).toEqual(['Y']);
    await memory.write();
    expect((await recall()).tellColumns('a', ['X', 'Y', 'Z', 'new'])).toEqual(['new']);
  });

  it('is written only when something has changed', async () => {
    const first = await recall();
    first.remember(keyOf('2026-06-01'), HEAD);
    await first.write();
    const before = await store.facts(KEY);
    let puts = 0;
    server.client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (commandName === 'PutObjectCommand') puts += 1;
          return next(args);
        },
      { step: 'initialize' },
    );

    const second = await recall();
    second.remember(keyOf('2026-06-01'), HEAD);
    second.tellColumns('a', []);
    await second.write();

    expect(puts).toBe(0);
    expect(await store.facts(KEY)).toEqual(before);
  });

  it.each(['not JSON', '{"heads":[]}', ''])('is empty where the object holds %j', async (text) => {
    await store.writeText(KEY, text);
    const memory = await recall();
    expect(memory.headOf(keyOf('2026-06-01'))).toBeUndefined();
    memory.remember(keyOf('2026-06-01'), HEAD);
    await memory.write();
    expect((await recall()).headOf(keyOf('2026-06-01'))).toEqual(HEAD);
  });
});
