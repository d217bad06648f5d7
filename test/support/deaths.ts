import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { readDelivery } from '../../lambdas/lib/lake/deliveries.ts';
import { curatedKey, parseDeliveryKey } from '../../lambdas/lib/lake/keys.ts';
import { manifest } from '../../lambdas/lib/lake/ledger.ts';
import { type Death, InProcessWorld } from './in-process-world.ts';

/**
 * Kills the run at every outgoing call, before it is made and after it was applied, in a world of one app, two
 * reports, three instances and one stopped request with one call in flight. None of the calls is chosen by hand:
 * a fault-free run records them.
 */
const REPORTS = ['App Downloads Standard', 'App Crashes'];

async function smallWorld(): Promise<InProcessWorld> {
  return InProcessWorld.create({
    startAt: '2026-06-05T12:00:00Z',
    scenario: {
      apps: [
        {
          reports: [{ name: 'App Downloads Standard', segments: 2 }, 'App Crashes'],
          requests: [{ accessType: 'ONGOING', createdDaysAgo: 2, stopped: true }],
        },
      ],
    },
    account: { reports: REPORTS, granularities: ['DAILY', 'WEEKLY'], callsInFlight: 1 },
  });
}

/** `PAR1` in hex. */
const PAR1 = '50415231';

/** What must be the same whatever died: what Apple's bytes became, and what ledger and deliveries say of them. */
const LASTING = ['raw/', 'ledger/', 'superseded/', 'quarantine/', 'curated/', 'deliveries/', 'freshness/'];

async function expectNothingHalfVisible(world: InProcessWorld): Promise<void> {
  const raw = await world.contents('raw/');
  const announced = new Map(world.apple.servedSegments().map((entry) => [entry.segmentId, entry.md5]));
  for (const [key, hex] of Object.entries(raw)) {
    const segmentId = key.split('.').at(-3) ?? '';
    expect(createHash('md5').update(Buffer.from(hex, 'hex')).digest('hex')).toBe(announced.get(segmentId));
  }
  for (const key of await world.lake.list('ledger/')) {
    const stored = await world.lake.readJson(key, manifest);
    for (const segment of stored?.value.segments ?? []) expect(raw).toHaveProperty([segment.key]);
  }
  const curated = await world.contents('curated/');
  // A Parquet file ends as it begins.
  for (const hex of Object.values(curated)) expect([hex.slice(0, 8), hex.slice(-8)]).toEqual([PAR1, PAR1]);
  for (const key of await world.lake.list('deliveries/')) {
    const instance = parseDeliveryKey(key);
    const table = REPORT_TABLES.find(
      ({ report, granularity }) =>
        report.slug === instance?.reportSlug && granularity === instance.granularity,
    );
    if (instance === undefined || table === undefined) throw new Error(`${key} is no delivery`);
    for (const { date } of await readDelivery(world.lake, instance)) {
      expect(curated).toHaveProperty([curatedKey(table, date, instance)]);
    }
  }
}

/** A fault-free run of the small world: how many calls it makes, and what it leaves. */
interface FaultFreeRun {
  readonly calls: number;
  readonly lasting: Readonly<Record<string, string>>;
}

async function faultFreeRun(): Promise<FaultFreeRun> {
  const world = await smallWorld();
  try {
    const result = await world.startExecution('first');
    expect(result).toMatchObject({
      status: 'SUCCEEDED',
      output: { instances: { landed: 3 }, outcomes: { 'request-replaced': 1 } },
    });
    return { calls: world.calls.length, lasting: await world.contents(...LASTING) };
  } finally {
    await world.close();
  }
}

/** Lets one run die at the call and starts it again with the same input: the same bytes, one new request. */
async function dieAndStartAgain(death: Death, expected: FaultFreeRun): Promise<void> {
  const world = await smallWorld();
  const where = `after a death ${death.when} call ${death.atCall}`;
  try {
    const died = await world.startExecution('dies', death);
    await expectNothingHalfVisible(world);
    const again = await world.startExecution('again');

    expect(died.status, where).toBe(death.wholeRun ? 'FAILED' : 'SUCCEEDED');
    expect(again.status, where).toBe('SUCCEEDED');
    expect(await world.contents(...LASTING), where).toEqual(expected.lasting);
    expect(
      world.apple.calls.api.filter((call) => call.method === 'POST' && call.status === 201),
    ).toHaveLength(1);
  } finally {
    await world.close();
  }
}

/** The tests of one kind of death; two files call it, so that two workers share the time. */
export function describeDeaths(title: string, wholeRun: boolean): void {
  describe(title, () => {
    let faultFree: FaultFreeRun;

    beforeAll(async () => {
      faultFree = await faultFreeRun();
    });

    it('makes enough calls without faults for the deaths to mean something', () => {
      expect(faultFree.calls).toBeGreaterThan(30);
      const count = (prefix: string) =>
        Object.keys(faultFree.lasting).filter((key) => key.startsWith(prefix)).length;
      // Three instances, one of them in two segments: of two, five and seven Dates.
      expect([count('raw/'), count('ledger/'), count('deliveries/'), count('freshness/')]).toEqual([
        4, 3, 3, 1,
      ]);
      expect(count('curated/')).toBeGreaterThan(6);
    });

    for (const when of ['before', 'after'] as const) {
      it(`leaves the same bytes when it dies ${when} any call`, { timeout: 400_000 }, async () => {
        for (let atCall = 0; atCall < faultFree.calls; atCall += 1) {
          await dieAndStartAgain({ atCall, when, wholeRun }, faultFree);
        }
      });
    }
  });
}
