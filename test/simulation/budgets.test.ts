import { afterEach, describe, expect, it } from 'vitest';
import { REPORTS } from '../../lambdas/lib/analytics/report-catalog.ts';
import type { ExecutionResult } from '../../local/asl/runner.ts';
import { curateNothing, InProcessWorld } from '../support/in-process-world.ts';

/** Counted bounds of one app with 30 reports: transitions and calls are money and time. */
const THIRTY = REPORTS.filter((report) => report.category !== 'FRAMEWORK_USAGE')
  .slice(0, 30)
  .map((report) => report.name);

let world: InProcessWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function thirtyReports(account = {}): Promise<InProcessWorld> {
  world = await InProcessWorld.create({
    startAt: '2026-06-01T12:00:00Z',
    scenario: {
      apps: [{ reports: THIRTY, rowsPerDate: 2, requests: [{ accessType: 'ONGOING', createdDaysAgo: 3 }] }],
    },
    account: { reports: THIRTY, ...account },
    // Calls to Apple are counted here; requests to S3 have a test of their own.
    curateDelivery: curateNothing,
  });
  return world;
}

function appleCalls(given: InProcessWorld): string[] {
  return given.calls.filter((call) => call.kind === 'apple').map((call) => call.what);
}

/** States entered in the app's child, and one for its start. */
function transitionsOfApp(result: ExecutionResult): number {
  expect(result.children).toHaveLength(1);
  return (result.children[0]?.result.transitions ?? Number.POSITIVE_INFINITY) + 1;
}

describe('the price of a run', () => {
  it('is at most 10 transitions and 62 calls for an app with 30 new instances, its app list aside', async () => {
    const given = await thirtyReports();
    await given.startExecution('first');
    await given.advanceTo('2026-06-02T12:00:00Z');

    const result = await given.startExecution('next-day');

    expect(result.output).toMatchObject({ instances: { landed: 30 } });
    expect(transitionsOfApp(result)).toBeLessThanOrEqual(10);
    const calls = appleCalls(given);
    expect(calls.filter((what) => what === 'GET /v1/apps')).toHaveLength(1);
    expect(calls.length - 1).toBeLessThanOrEqual(62);
  });

  it('is at most 62 calls, the app list included, once the report ids are kept', async () => {
    const given = await thirtyReports();
    await given.startExecution('first');
    await given.advanceTo('2026-06-09T12:00:00Z');
    await given.startExecution('keeps-ids');
    await given.advanceTo('2026-06-10T12:00:00Z');

    const result = await given.startExecution('mature');

    expect(result.output).toMatchObject({ instances: { landed: 30 } });
    expect(appleCalls(given).length).toBeLessThanOrEqual(62);
  });

  it('is at most 32 calls with nothing new', async () => {
    const given = await thirtyReports();
    await given.startExecution('first');
    await given.advanceTo('2026-06-09T12:00:00Z');
    await given.startExecution('keeps-ids');
    await given.advanceTo('2026-06-10T02:00:00Z');

    const result = await given.startExecution('before-publication');

    expect(result.output).toMatchObject({ instances: { landed: 0 } });
    expect(appleCalls(given).length).toBeLessThanOrEqual(32);
  });

  it('is at most 3 calls for a second run of a day in which all has landed', async () => {
    const given = await thirtyReports();
    await given.startExecution('first');
    await given.advanceTo('2026-06-01T23:00:00Z');

    const result = await given.startExecution('second');

    expect(result.output).toMatchObject({ instances: { landed: 0 } });
    expect(appleCalls(given).length).toBeLessThanOrEqual(3);
  });

  it('reads the list of report ids again after a week, and when a kept id answers 404', async () => {
    const given = await thirtyReports();
    await given.startExecution('first');
    const reads = async (name: string, at: string) => {
      await given.advanceTo(at);
      await given.startExecution(name);
      return appleCalls(given).filter((what) => /\/analyticsReportRequests\/[^/]+\/reports$/.test(what))
        .length;
    };

    expect(await reads('keeps', '2026-06-09T12:00:00Z')).toBe(1);
    expect(await reads('kept', '2026-06-15T12:00:00Z')).toBe(0);
    expect(await reads('week-over', '2026-06-17T12:00:00Z')).toBe(1);
  });

  it('never starts more than 4 calls in a second, nor more than the configured number at once', async () => {
    const scenario = {
      apps: Array.from({ length: 3 }, () => ({
        reports: THIRTY.slice(0, 6),
        requests: [{ accessType: 'ONGOING' as const, createdDaysAgo: 3 }],
      })),
    };
    world = await InProcessWorld.create({
      startAt: '2026-06-01T12:00:00Z',
      scenario,
      account: { reports: THIRTY.slice(0, 6), concurrency: 2, callsInFlight: 4 },
    });

    await world.startExecution('first');

    const starts = world.apple.calls.api.map((call) => call.at).sort((a, b) => a - b);
    const busiest = Math.max(
      ...starts.map((at) => starts.filter((other) => other >= at && other < at + 1000).length),
    );
    expect(starts.length).toBeGreaterThan(30);
    expect(busiest).toBeLessThanOrEqual(4);
  });
});
