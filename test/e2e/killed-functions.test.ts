import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../local/asl/random.ts';
import type { StandInHandler } from '../../local/http.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { objectSums } from '../support/lake-files.ts';
import { sharedProduct } from '../support/shared-product.ts';

const REPORTS = ['App Downloads Standard', 'App Crashes'];
const START = Date.parse('2026-06-03T12:00:00Z');
const SEED = 20260603;
const KILLS = 10;

/** One app whose request Apple stopped: what it still lists is landed, then the request is replaced. */
const scenario = {
  apps: [
    {
      name: 'Field Notes',
      reports: REPORTS,
      requests: [{ accessType: 'ONGOING' as const, createdDaysAgo: 2.2, stopped: true }],
    },
  ],
};

let product: AssembledProduct;
/** What a run without faults leaves, and how many calls its functions make. */
let expected: Record<string, string>;
let faultFreeCalls = 0;

async function withWorld<T>(
  wrap: (handle: StandInHandler, world: () => AssembledWorld) => StandInHandler,
  use: (world: AssembledWorld) => Promise<T>,
): Promise<T> {
  let world: AssembledWorld | undefined;
  const opened = () => {
    if (world === undefined) throw new Error('the world is not open yet');
    return world;
  };
  world = await product.world({ scenario, start: START, wrap: (handle) => wrap(handle, opened) });
  try {
    return await use(world);
  } finally {
    await world.close();
  }
}

function landed(world: AssembledWorld): Promise<Record<string, string>> {
  return objectSums(world.lakeDirectory, 'raw/', 'ledger/');
}

/** The functions' calls in order; at the k-th one the function is killed, before or after the call is served. */
function killingAt(k: number, moment: string, killed: { times: number }) {
  let calls = 0;
  return (handle: StandInHandler, world: () => AssembledWorld): StandInHandler =>
    async (request) => {
      calls += 1;
      const now = calls === k;
      if (now && moment === 'before') {
        killed.times += world().runtime.functions.killRunning();
        throw new Error('the caller is gone');
      }
      const response = await handle(request);
      if (now) killed.times += world().runtime.functions.killRunning();
      return response;
    };
}

beforeAll(async () => {
  product = await sharedProduct({
    reports: REPORTS,
    granularities: ['DAILY'],
    concurrency: 1,
    callsInFlight: 1,
  });
  const count = (handle: StandInHandler): StandInHandler => {
    return (request) => {
      faultFreeCalls += 1;
      return handle(request);
    };
  };
  expected = await withWorld(count, async (world) => {
    const { status } = await world.sync('first');
    if (status !== 'SUCCEEDED') throw new Error(`the run without faults ended ${status}`);
    return landed(world);
  });
});
afterAll(() => product?.close());

const random = seededRandom(SEED);
const kills = Array.from({ length: KILLS }, (_, index) => ({
  share: random(),
  moment: index % 2 === 0 ? 'before' : 'after',
}));

describe('a function killed at a call, then the same input again', () => {
  it('has a run without faults to compare with', () => {
    expect(Object.keys(expected).filter((key) => key.startsWith('raw/'))).toHaveLength(4);
    expect(faultFreeCalls).toBeGreaterThan(40);
  });

  it.each(kills)(
    'leaves the same raw objects and ledger, killed $moment call $share of all',
    async ({ share, moment }) => {
      const k = 1 + Math.floor(share * faultFreeCalls);
      const killed = { times: 0 };
      await withWorld(killingAt(k, moment, killed), async (world) => {
        await world.sync('first');
        const again = await world.sync('second');
        expect(killed.times).toBe(1);
        expect(again.status).toBe('SUCCEEDED');
        expect(await landed(world)).toEqual(expected);
      });
    },
  );
});
