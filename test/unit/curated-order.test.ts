import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CuratedHeads } from '../../lambdas/lib/analytics/curate-instance.ts';
import type { CuratedHead } from '../../lambdas/lib/lake/curated.ts';
import { delivered, type LandedInstance, LandedLake, type Row } from '../support/landed-lake.ts';

/** Days of June 2026, each with two rows that tell which delivery they are of; the second row comes and goes. */
function rowsOf(mark: number, days: readonly number[]): Row[] {
  return days.flatMap((day): Row[] => {
    const date = `2026-06-${String(day).padStart(2, '0')}`;
    const rows: Row[] = [[date, 'US', mark * 100 + day]];
    if (mark % 2 === 0) rows.push([date, 'DE', mark * 100 + day]);
    return rows;
  });
}

const SNAPSHOT = 'ONE_TIME_SNAPSHOT' as const;

/** Overlapping deliveries of two days' window: restatements, two snapshots, a rival of one day, a correction. */
const DELIVERIES: readonly LandedInstance[] = [
  delivered('2026-06-03', [rowsOf(1, [1, 2])]),
  delivered('2026-06-04', [rowsOf(2, [2]), rowsOf(2, [3])]),
  delivered('2026-06-05', [rowsOf(3, [3, 4])]),
  delivered('2026-06-05', [rowsOf(4, [3, 4])], { instanceId: 'a-rival-of-the-same-day' }),
  delivered('2026-06-04', [rowsOf(5, [1, 2, 3])], { access: SNAPSHOT, instanceId: 'snapshot-1' }),
  delivered('2026-06-06', [rowsOf(6, [1, 2, 3, 4])], { access: SNAPSHOT, instanceId: 'snapshot-2' }),
  delivered('2026-06-09', [rowsOf(7, [2])], { instanceId: 'correction' }),
];

/** By hand: the rank of each delivery of a Date, the highest one's rows. */
const OWNED = [
  // Final in both snapshots and the first delivery: the newest of them.
  '2026-06-01 DE 601 true snapshot-2',
  '2026-06-01 US 601 true snapshot-2',
  // The correction has one row: that of Germany vanishes.
  '2026-06-02 US 702 true correction',
  // Final on the 5th and in the second snapshot, which was made later.
  '2026-06-03 DE 603 true snapshot-2',
  '2026-06-03 US 603 true snapshot-2',
  // Final nowhere: the newest processingDate.
  '2026-06-04 DE 604 false snapshot-2',
  '2026-06-04 US 604 false snapshot-2',
];

const LASTING = ['curated/', 'deliveries/'];

function memory(): CuratedHeads {
  const heads = new Map<string, CuratedHead>();
  return { headOf: (key) => heads.get(key), remember: (key, head) => void heads.set(key, head) };
}

let lake: LandedLake;
let expected: Record<string, unknown>;

async function freshLake(): Promise<LandedLake> {
  const fresh = await LandedLake.start();
  for (const instance of DELIVERIES) await fresh.land(instance);
  return fresh;
}

async function expectAll(curations: readonly Promise<{ outcome: string }>[]): Promise<void> {
  for (const curation of curations) expect(await curation).toMatchObject({ outcome: 'curated' });
}

beforeEach(async () => {
  lake = await freshLake();
  for (const instance of DELIVERIES) await expectAll([lake.curate(instance)]);
  expected = await lake.contents(...LASTING);
});
afterEach(() => lake.close());

describe('deliveries of the same Dates', () => {
  it('end in the Dates of the highest ranks, whole, and one delivery object each', async () => {
    expect(await lake.rows()).toEqual(OWNED);
    expect(Object.keys(expected)).toHaveLength(4 + DELIVERIES.length);
  });

  it('end in the same lake in any order, repetition and interleaving', { timeout: 240_000 }, async () => {
    const order = fc.shuffledSubarray([...DELIVERIES], { minLength: DELIVERIES.length });
    const repeats = fc.array(fc.constantFrom(...DELIVERIES), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(order, repeats, repeats, fc.scheduler(), async (all, second, third, scheduler) => {
        const other = await freshLake();
        // Requests of the three workers pass in an order that the seed decides.
        other.server.client.middlewareStack.add(
          (next) => async (args) => {
            await scheduler.schedule(Promise.resolve());
            return next(args);
          },
          { step: 'build' },
        );
        const work = async (instances: readonly LandedInstance[]) => {
          const heads = memory();
          for (const instance of instances) await expectAll([other.curate(instance, { heads })]);
        };
        try {
          await scheduler.waitFor(Promise.all([work(all), work(second), work(third)]));
          expect(await scheduler.waitFor(other.contents(...LASTING))).toEqual(expected);
        } finally {
          await other.close();
        }
      }),
      { numRuns: 20 },
    );
  });

  it('end in the same lake when the curated objects are lost and every delivery is curated again', async () => {
    for (const key of await lake.store.list('curated/')) await lake.store.move(key, `lost/${key}`);
    for (const instance of DELIVERIES.toReversed()) await expectAll([lake.curate(instance)]);
    expect(await lake.contents(...LASTING)).toEqual(expected);
  });
});
