import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResult, HistoryEvent } from '../../local/asl/runner.ts';
import type { Delivery } from '../../local/functions/function-host.ts';
import { PLATFORM_FAULTS, type PlatformFault } from '../../local/functions/planned-faults.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { objectKeys, objectSums } from '../support/lake-files.ts';
import { sharedProduct } from '../support/shared-product.ts';

const START = Date.parse('2026-06-03T12:00:00Z');
const DAY = 86_400_000;
const REPORTS = ['App Downloads Standard'];
const ONGOING = { accessType: 'ONGOING' as const, createdDaysAgo: 1.2 };
const twoApps = {
  apps: [
    { id: '1001', reports: REPORTS, requests: [ONGOING] },
    { id: '1002', reports: REPORTS, requests: [ONGOING] },
  ],
};

/** Seconds that each retry may wait at most; the wait itself is drawn between 0 and that. */
const SERVICE_WAITS = [2, 4, 8, 16, 32, 60];
const PROCESS_WAITS = [10, 20];
const WAITS: Record<PlatformFault, readonly number[]> = {
  'Lambda.ServiceException': SERVICE_WAITS,
  'Lambda.AWSLambdaException': SERVICE_WAITS,
  'Lambda.SdkClientException': SERVICE_WAITS,
  'Lambda.TooManyRequestsException': SERVICE_WAITS,
  'Lambda.Unknown': PROCESS_WAITS,
  'Sandbox.Timedout': PROCESS_WAITS,
  'Runtime.ExitError': PROCESS_WAITS,
  'Runtime.OutOfMemory': PROCESS_WAITS,
};

interface Attempt {
  readonly scheduledAt: number;
  endedAt: number;
  error?: string;
}

interface TaskEvent extends HistoryEvent {
  readonly taskScheduledEventDetails?: { readonly parameters: string };
  readonly taskFailedEventDetails?: { readonly error: string };
}

let product: AssembledProduct;
let world: AssembledWorld;
let runs = 0;

beforeAll(async () => {
  product = await sharedProduct({ reports: REPORTS, granularities: ['DAILY'], concurrency: 1 });
});
afterAll(() => product?.close());

/** The synthesized name of a function, by what it does. */
function functionName(ending: string): string {
  const found = product.assembly.functions.find(({ name }) => name.endsWith(ending));
  if (found === undefined) throw new Error(`no function of the assembly is called ...${ending}`);
  return found.name;
}

/** In seconds. */
function timeoutOf(name: string): number {
  return product.assembly.functions.find((candidate) => candidate.name === name)?.timeoutSeconds ?? 0;
}

/** Every attempt to invoke a function, in one execution's history. */
function attemptsOf(history: readonly HistoryEvent[], invoked: string): Attempt[] {
  const attempts: Attempt[] = [];
  let current: Attempt | undefined;
  for (const event of history as readonly TaskEvent[]) {
    const at = Date.parse(event.timestamp);
    if (event.type === 'TaskScheduled') {
      const ours = event.taskScheduledEventDetails?.parameters.includes(`:${invoked}"`);
      current = ours ? { scheduledAt: at, endedAt: at } : undefined;
      if (current !== undefined) attempts.push(current);
    } else if (current !== undefined && /^Task(Failed|Succeeded)$/.test(event.type)) {
      current.endedAt = at;
      if (event.taskFailedEventDetails) current.error = event.taskFailedEventDetails.error;
    }
  }
  return attempts;
}

/** Virtual seconds between the end of each attempt and the next one. */
function waitsOf(attempts: readonly Attempt[]): number[] {
  return attempts.slice(1).map((attempt, index) => {
    return (attempt.scheduledAt - (attempts[index]?.endedAt ?? 0)) / 1000;
  });
}

function expectWaits(attempts: readonly Attempt[], atMost: readonly number[]): void {
  const waits = waitsOf(attempts);
  expect(waits).toHaveLength(atMost.length);
  for (const [index, wait] of waits.entries()) expect(wait).toBeLessThanOrEqual(atMost[index] ?? 0);
  expect(Math.max(...waits)).toBeGreaterThan(0);
}

function historyOf(result: ExecutionResult, appId: string): readonly HistoryEvent[] {
  const child = result.children.find(({ input }) => (input as { appId: string }).appId === appId);
  if (child === undefined) throw new Error(`no child of the run worked on app ${appId}`);
  return child.result.history;
}

/** A run a day later than the last one, so that there is something new to land. */
async function nextRun(prepare: (runName: string) => void = () => {}) {
  runs += 1;
  const name = `run-${runs}`;
  await world.clock.sleep(DAY - ((world.clock.now() - START) % DAY));
  const before = await landed();
  prepare(name);
  const result = await world.sync(name);
  const after = await landed();
  const added = Object.keys(after).filter((key) => !(key in before));
  const appsWithNews = ['1001', '1002'].filter((id) => added.some((key) => key.includes(`/${id}.`)));
  return { name, result, appsWithNews };
}

function landed(): Promise<Record<string, string>> {
  return objectSums(world.lakeDirectory, 'raw/', 'ledger/');
}

describe('an error of the platform itself', () => {
  beforeAll(async () => {
    world = await product.world({ scenario: twoApps, start: START });
    const { status } = await world.sync('first');
    if (status !== 'SUCCEEDED') throw new Error(`the first run ended ${status}`);
  });
  afterAll(() => world.close());

  it.each(PLATFORM_FAULTS)('%s is retried by its profile, and the run heals', async (kind) => {
    const landing = functionName('land-segments');
    const moment = kind === 'Lambda.TooManyRequestsException' ? 'before' : 'after';
    const { result, appsWithNews } = await nextRun(() =>
      world.runtime.functions.failNext(landing, kind, 1, moment),
    );
    expect(result.status).toBe('SUCCEEDED');
    expect(appsWithNews).toEqual(['1001', '1002']);
    const attempts = attemptsOf(historyOf(result, '1001'), landing);
    expect(attempts.map(({ error }) => error)).toEqual([kind, undefined]);
    expectWaits(attempts, WAITS[kind].slice(0, 1));
    const [lost] = attempts;
    const took = ((lost?.endedAt ?? 0) - (lost?.scheduledAt ?? 0)) / 1000;
    expect(took >= timeoutOf(landing)).toBe(kind === 'Sandbox.Timedout');
  });

  it.each(PLATFORM_FAULTS)(
    '%s that does not end is recorded for its app after the last attempt, and the other app goes on',
    async (kind) => {
      const listing = functionName('list-new-instances');
      const retries = WAITS[kind].length;
      const { name, result, appsWithNews } = await nextRun(() =>
        world.runtime.functions.failNext(listing, kind, retries + 1),
      );
      expect(result).toMatchObject({ status: 'FAILED', error: 'AnalyticsSyncFailedError' });
      expect(appsWithNews).toEqual(['1002']);
      const failures = await objectKeys(world.lakeDirectory, `runs/main/${name}/failures/`);
      expect(failures).toEqual([`runs/main/${name}/failures/1001.json`]);
      const failure = await readFile(join(world.lakeDirectory, 'analytics', failures[0] ?? ''), 'utf8');
      expect(JSON.parse(failure)).toEqual({ appId: '1001', error: kind });
      const attempts = attemptsOf(historyOf(result, '1001'), listing);
      expect(attempts.map(({ error }) => error)).toEqual(WAITS[kind].map(() => kind).concat(kind));
      expectWaits(attempts, WAITS[kind]);
      expect(attemptsOf(historyOf(result, '1002'), listing)).toHaveLength(1);
    },
  );

  it('is no reason to hold the lease: the next run takes it over when it could not be released', async () => {
    const releasing = functionName('release-account-lease');
    const failed = await nextRun(() =>
      world.runtime.functions.failNext(releasing, 'Runtime.ExitError', PROCESS_WAITS.length + 1),
    );
    expect(failed.result).toMatchObject({ status: 'FAILED', cause: 'ended by Runtime.ExitError' });
    expect(attemptsOf(failed.result.history, releasing)).toHaveLength(3);
    expect((await nextRun()).result).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('leaves, once healed, the lake of a single run without faults', async () => {
    const healed = await landed();
    const end = world.clock.now();
    await world.close();
    world = await product.world({ scenario: twoApps, start: START });
    await world.clock.sleep(end - START);
    expect((await world.sync('only')).status).toBe('SUCCEEDED');
    expect(await landed()).toEqual(healed);
    expect(Object.keys(healed).length).toBeGreaterThan(4 * 2 * PLATFORM_FAULTS.length);
  });
});

describe('at-least-once invocation of every function', () => {
  /** One app without a request, and one whose request Apple stopped and which is replaced. */
  const scenario = {
    apps: [
      { id: '1001', reports: REPORTS },
      { id: '1002', reports: REPORTS, requests: [{ ...ONGOING, createdDaysAgo: 2.2, stopped: true }] },
    ],
  };

  async function lakeOf(delivery: Delivery) {
    world = await product.world({ scenario, start: START });
    const { functions } = world.runtime;
    try {
      functions.setDelivery(delivery);
      const first = await world.sync('first');
      await functions.settled();
      await world.clock.sleep(2 * DAY);
      const second = await world.sync('second');
      await functions.settled();
      const { deliveries } = functions;
      return { statuses: [first.status, second.status], deliveries, objects: await landed() };
    } finally {
      await world.close();
    }
  }

  let once: Awaited<ReturnType<typeof lakeOf>>;
  beforeAll(async () => {
    once = await lakeOf('once');
  });

  it.each(['twice-in-turn', 'twice-at-once'] as const)('leaves the same lake, %s', async (delivery) => {
    const twice = await lakeOf(delivery);
    expect(Object.keys(once.objects).length).toBeGreaterThan(6);
    expect(twice.statuses).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(twice.objects).toEqual(once.objects);
    expect(twice.deliveries).toBeGreaterThanOrEqual(2 * once.deliveries);
  });
});
