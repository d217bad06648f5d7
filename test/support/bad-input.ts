import { createHash } from 'node:crypto';
import { afterEach, expect } from 'vitest';
import type { Account, RunOutcome } from '../../lambdas/lib/analytics/contracts.ts';
import { type StepRecord, stepRecord } from '../../lambdas/lib/analytics/run-record.ts';
import { type Manifest, manifest } from '../../lambdas/lib/lake/ledger.ts';
import type { Fault, FaultRequest } from '../../local/apple/faults/fault-switches.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import type { ExecutionResult } from '../../local/asl/runner.ts';
import { curateNothing, InProcessWorld, type WorldOptions } from './in-process-world.ts';

/** A Wednesday, four hours after the day's instances appeared. */
export const NOON = '2026-06-03T12:00:00Z';
/** The day after, when the next run finds the fault gone. */
export const NEXT_NOON = '2026-06-04T12:00:00Z';

/** Two reports, the first in two segments: six daily instances at `NOON`. */
export const REPORTS = ['App Downloads Standard', 'App Crashes'];
/** Instances of the two reports that Apple has at `NOON`. */
export const INSTANCES = 6;

/** One app of these tests, with an ongoing request four days old. */
export const APP = {
  reports: [{ name: 'App Downloads Standard', segments: 2 }, 'App Crashes'],
  rowsPerDate: 2,
  requests: [{ accessType: 'ONGOING' as const, createdDaysAgo: 4 }],
};

export interface BadWorldOptions extends Partial<Omit<WorldOptions, 'scenario' | 'account'>> {
  readonly scenario?: Scenario;
  readonly account?: Partial<Account>;
}

const worlds: InProcessWorld[] = [];

/** Closes the worlds of the test before; to be called once in each test file. */
export function closeWorldsAfterEach(): void {
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((world) => world.close()));
  });
}

/** A small world at `NOON`, with the product's own curation. */
export async function startCuratingWorld(options: BadWorldOptions = {}): Promise<InProcessWorld> {
  const { scenario, account, ...others } = options;
  const world = await InProcessWorld.create({
    startAt: NOON,
    scenario: { catalog: REPORTS, apps: [APP], ...scenario },
    account: { reports: REPORTS, granularities: ['DAILY'], ...account },
    ...others,
  });
  worlds.push(world);
  return world;
}

/** A small world at `NOON` for what happens until bytes have landed: its curation finds no Dates in any file. */
export function startWorld(options: BadWorldOptions = {}): Promise<InProcessWorld> {
  return startCuratingWorld({ curateDelivery: curateNothing, ...options });
}

/** A fault for the calls of one operation. */
export function faultOf(
  respond: Fault['respond'],
  operation: FaultRequest['operation'],
  limits: Omit<Fault, 'respond' | 'on'> & { readonly on?: Fault['on'] } = {},
): Fault {
  const { on, ...others } = limits;
  return {
    respond,
    on: (request) => request.operation === operation && (on === undefined || on(request)),
    ...others,
  };
}

/** The output of a run that succeeded. */
export function outcomeOf(result: ExecutionResult): RunOutcome {
  expect(result.status, result.cause).toBe('SUCCEEDED');
  return result.output as RunOutcome;
}

/** Every manifest of the ledger. */
export async function manifestsOf(world: InProcessWorld): Promise<readonly Manifest[]> {
  const keys = await world.lake.list('ledger/');
  const read = await Promise.all(keys.map((key) => world.lake.readJson(key, manifest)));
  return read.flatMap((stored) => stored?.value ?? []);
}

/** Every record that the steps of one run wrote, in order. */
export async function recordsOf(world: InProcessWorld, execution: string): Promise<readonly StepRecord[]> {
  const keys = await world.lake.list(`runs/main/${execution}/outcomes/`);
  const read = await Promise.all(keys.map((key) => world.lake.readJson(key, stepRecord)));
  return read.flatMap((stored) => stored?.value ?? []);
}

/** Names of the errors of instances that failed in one run. */
export async function failuresOf(world: InProcessWorld, execution: string): Promise<readonly string[]> {
  const records = await recordsOf(world, execution);
  return records.flatMap((record) => record.instances.flatMap((instance) => instance.error ?? []));
}

function md5Of(hex: string | undefined): string {
  return createHash('md5')
    .update(Buffer.from(hex ?? '', 'hex'))
    .digest('hex');
}

/** No raw object has bytes that Apple did not serve, and no manifest names what is not there. */
export async function expectNothingHalfVisible(world: InProcessWorld): Promise<void> {
  const raw = await world.contents('raw/');
  const served = new Set(world.apple.servedSegments().map((segment) => segment.md5));
  for (const [key, hex] of Object.entries(raw)) expect(served, key).toContain(md5Of(hex));
  for (const { segments } of await manifestsOf(world)) {
    for (const segment of segments) expect(raw).toHaveProperty([segment.key]);
  }
}

/**
 * Exactly what Apple has now of the wanted reports lies in the lake: a manifest for each instance, each segment
 * once and byte for byte, and no raw object that no manifest names.
 */
export async function expectLakeAsApple(world: InProcessWorld): Promise<void> {
  const wanted = world.account.reports;
  const available = world.apple
    .availableInstances()
    .filter(({ report, granularity }) => wanted.includes(report) && granularity === 'DAILY');
  const manifests = await manifestsOf(world);
  const raw = await world.contents('raw/');
  const served = Map.groupBy(world.apple.servedSegments(), (segment) => segment.instanceId);
  expect(available.length).toBeGreaterThan(0);
  expect(manifests.map((entry) => entry.instanceId).sort()).toEqual(
    available.map((entry) => entry.instanceId).sort(),
  );
  for (const { instanceId, segments } of manifests) {
    expect(segments.map((segment) => md5Of(raw[segment.key])).sort(), instanceId).toEqual(
      (served.get(instanceId) ?? []).map((segment) => segment.md5).sort(),
    );
    const instance = available.find((entry) => entry.instanceId === instanceId);
    expect(segments).toHaveLength(instance?.segments ?? 0);
  }
  const named = manifests.flatMap((entry) => entry.segments.map((segment) => segment.key));
  expect(Object.keys(raw).sort()).toEqual(named.sort());
}

/** With every fault gone, the run of the next day lands exactly what Apple has. */
export async function expectRecovery(world: InProcessWorld): Promise<RunOutcome> {
  await expectNothingHalfVisible(world);
  world.apple.faults.clear();
  await world.advanceTo(NEXT_NOON);
  const outcome = outcomeOf(await world.startExecution('recovery'));
  expect(outcome.instances).toMatchObject({ pending: 0, expired: 0, failed: 0 });
  await expectLakeAsApple(world);
  return outcome;
}
