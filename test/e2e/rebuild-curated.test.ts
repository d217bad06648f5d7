import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { objectSums, writeTimes } from '../support/lake-files.ts';
import { sharedProduct } from '../support/shared-product.ts';

const REPORTS = ['App Downloads Standard', 'App Crashes'];
const CURATED = ['curated/', 'deliveries/'] as const;

let product: AssembledProduct;
let world: AssembledWorld;

beforeAll(async () => {
  product = await sharedProduct({ reports: REPORTS, granularities: ['DAILY'], concurrency: 1 });
  world = await product.world({
    scenario: {
      apps: [{ reports: REPORTS, requests: [{ accessType: 'ONGOING', createdDaysAgo: 3.2 }] }],
    },
    start: Date.parse('2026-06-03T12:00:00Z'),
  });
  expect(await world.sync('sync')).toMatchObject({ status: 'SUCCEEDED' });
});

afterAll(async () => {
  await world?.close();
  await product?.close();
});

describe('rebuild-curated as it is deployed', () => {
  it('leaves a full curated layer alone, and makes an emptied one again, byte for byte', async () => {
    const { runtime, lakeDirectory } = world;
    const sums = await objectSums(lakeDirectory, ...CURATED);
    const times = await writeTimes(lakeDirectory, 'curated/');
    expect(Object.keys(sums).length).toBeGreaterThan(6);

    const over = await runtime.startExecution('rebuild-curated', {}, 'over-a-full-layer').result;

    expect(over).toMatchObject({
      status: 'SUCCEEDED',
      output: { tables: 2, written: 0, failedDeliveries: 0 },
    });
    expect(await writeTimes(lakeDirectory, 'curated/')).toEqual(times);
    expect(await objectSums(lakeDirectory, ...CURATED)).toEqual(sums);

    for (const prefix of CURATED) {
      await rm(join(lakeDirectory, 'analytics', prefix), { recursive: true });
    }
    const again = await runtime.startExecution('rebuild-curated', {}, 'over-an-emptied-layer').result;

    expect(again).toMatchObject({ status: 'SUCCEEDED', output: { tables: 2, failedDeliveries: 0 } });
    expect(await objectSums(lakeDirectory, ...CURATED)).toEqual(sums);
  });
});
