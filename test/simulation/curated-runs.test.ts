import { describe, expect, it } from 'vitest';
import type { CurateDeps } from '../../lambdas/lib/analytics/curate-instance.ts';
import { REPORTS as CATALOG } from '../../lambdas/lib/analytics/report-catalog.ts';
import type { OutcomeNote } from '../../lambdas/lib/analytics/run-record.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import type { StandInRequest, StandInResponse } from '../../local/http.ts';
import {
  APP,
  closeWorldsAfterEach,
  INSTANCES,
  NEXT_NOON,
  outcomeOf,
  REPORTS,
  recordsOf,
  startCuratingWorld,
} from '../support/bad-input.ts';
import type { InProcessWorld } from '../support/in-process-world.ts';

closeWorldsAfterEach();

const CURATED = ['curated/', 'deliveries/', 'freshness/'];

async function curationsOf(world: InProcessWorld, execution: string) {
  return (await recordsOf(world, execution)).filter(({ step }) => step === 'curate');
}

async function notesOf(world: InProcessWorld, execution: string): Promise<readonly OutcomeNote[]> {
  return (await curationsOf(world, execution)).flatMap(({ notes }) => notes);
}

/** The small world with one report's files changed. */
function withContent(report: string, ...content: ('damaged-gzip' | 'new-column' | 'missing-column')[]) {
  return { apps: [{ ...APP, reports: REPORTS.map((name) => (name === report ? { name, content } : name)) }] };
}

const slowDown: StandInResponse = {
  status: 503,
  headers: { 'content-type': 'application/xml' },
  body: '<Error><Code>SlowDown</Code><Message>no</Message></Error>',
};

function isPut(prefix: string): (request: StandInRequest) => boolean {
  return ({ method, target }) => method === 'PUT' && target.includes(`/${prefix}`);
}

/** What a world without faults has curated after its first run. */
async function curatedWithoutFaults(): Promise<Record<string, string>> {
  const world = await startCuratingWorld();
  expect(outcomeOf(await world.startExecution('first')).curation).toMatchObject({ deliveries: INSTANCES });
  return world.contents(...CURATED);
}

describe('what an earlier run landed and could not curate', () => {
  it('is curated by the next run, although nothing new has landed', async () => {
    const world = await startCuratingWorld();
    world.interceptS3 = async (request, next) => (isPut('curated/')(request) ? slowDown : next(request));
    expect((await world.startExecution('first')).status).toBe('FAILED');
    expect(await world.lake.list('ledger/')).toHaveLength(INSTANCES);
    expect(await world.lake.list('deliveries/')).toEqual([]);
    world.interceptS3 = (request, next) => next(request);

    const outcome = outcomeOf(await world.startExecution('second'));

    expect(outcome).toMatchObject({
      instances: { landed: 0 },
      curation: { deliveries: INSTANCES, failed: 0 },
    });
    expect(await world.contents(...CURATED)).toEqual(await curatedWithoutFaults());
  });

  it('is curated once: a further run writes nothing, although its memory is lost', async () => {
    const world = await startCuratingWorld();
    outcomeOf(await world.startExecution('first'));
    const before = await world.contents(...CURATED);
    for (const key of await world.lake.list('curation/')) await world.lake.writeText(key, 'not JSON');
    let written = 0;
    world.interceptS3 = (request, next) => {
      if (CURATED.some((prefix) => isPut(prefix)(request))) written += 1;
      return next(request);
    };

    expect(outcomeOf(await world.startExecution('second')).curation).toEqual({
      deliveries: 0,
      dates: 0,
      failed: 0,
    });
    expect(written).toBe(0);
    expect(await world.contents(...CURATED)).toEqual(before);
  });

  it('is curated by three functions at once as by one', async () => {
    const world = await startCuratingWorld();
    world.interceptS3 = async (request, next) => (isPut('curated/')(request) ? slowDown : next(request));
    await world.startExecution('first');
    world.interceptS3 = (request, next) => next(request);
    const [appId] = world.apple.apps.map(({ id }) => id);

    const results = await Promise.all(
      [1, 2, 3].map(() => world.callFunction('CurateInstances', { appId, cursor: { after: '' } })),
    );

    expect(results.map((result) => (result as { phase: string }).phase)).toEqual([
      'curated',
      'curated',
      'curated',
    ]);
    expect(await world.contents(...CURATED)).toEqual(await curatedWithoutFaults());
  });

  it('is curated also where Apple refuses the account by then', async () => {
    const world = await startCuratingWorld();
    world.interceptS3 = async (request, next) => (isPut('curated/')(request) ? slowDown : next(request));
    await world.startExecution('first');
    world.interceptS3 = (request, next) => next(request);
    world.apple.faults.add({
      respond: 'role-forbidden',
      on: ({ operation }) => operation === 'list-requests',
    });

    const outcome = outcomeOf(await world.startExecution('second'));

    expect(outcome).toMatchObject({ outcomes: { 'role-forbidden': 1 }, curation: { deliveries: INSTANCES } });
  });
});

describe('a delivery that cannot be curated', () => {
  it('is reported with file and reason, stays under raw/, stops no other, and is tried again by every run', async () => {
    const world = await startCuratingWorld({ scenario: withContent('App Crashes', 'damaged-gzip') });

    const outcome = outcomeOf(await world.startExecution('first'));

    expect(outcome).toMatchObject({
      instances: { landed: INSTANCES },
      outcomes: { 'curation-failed': 3 },
      curation: { deliveries: 3, failed: 3 },
      failedApps: 0,
    });
    expect(world.metrics.get('CurationsFailed')).toBe(3);
    const raw = await world.lake.list('raw/app-crashes/');
    expect(raw).toHaveLength(3);
    const [curation] = await curationsOf(world, 'first');
    const failed = curation?.deliveries?.filter(({ outcome: how }) => how === 'failed') ?? [];
    expect(failed.map(({ error }) => error)).toEqual(raw.map(() => 'SegmentDamagedError'));
    for (const [index, { message }] of failed.entries()) expect(message).toContain(raw[index]);
    expect(await world.lake.list('curated/app_crashes_daily/')).toEqual([]);
    expect((await world.lake.list('curated/')).length).toBeGreaterThan(2);

    const again = outcomeOf(await world.startExecution('second'));
    expect(again.curation).toEqual({ deliveries: 0, dates: 0, failed: 3 });
  });

  it('because it is too large takes one invocation of each run, and the others are curated', async () => {
    let world: InProcessWorld | undefined;
    const invocations: string[] = [];
    const slow: CurateDeps['curateDelivery'] = async (delivery) => {
      invocations.push(delivery.table.name);
      if (delivery.table.name === 'app_crashes_daily' && delivery.processingDate === '2026-06-01') {
        while (delivery.mayGoOn()) await world?.takeTime(60_000);
        return 'out-of-time';
      }
      return curateDelivery(delivery);
    };
    world = await startCuratingWorld({ curateDelivery: slow });

    const result = await world.startExecution('first');

    expect(outcomeOf(result)).toMatchObject({
      outcomes: { 'curation-failed': 1 },
      curation: { deliveries: INSTANCES - 1, failed: 1 },
    });
    const curations = await curationsOf(world, 'first');
    // Begun behind another one it gets an invocation of its own; the rest needs a third one at most.
    expect(curations.map(({ phase }) => phase).slice(0, -1)).toEqual(curations.slice(1).map(() => 'more'));
    expect(curations.length).toBeLessThanOrEqual(3);
    expect(invocations.filter((name) => name === 'app_crashes_daily').length).toBeLessThanOrEqual(4);
    expect(
      curations.flatMap(({ deliveries = [] }) => deliveries.flatMap(({ error }) => error ?? [])),
    ).toEqual(['DeliveryTooLargeError']);
  });
});

describe('the time of an invocation', () => {
  it('that is over again and again ends in the same lake, from cursor to cursor', async () => {
    const expected = await curatedWithoutFaults();
    const world = await startCuratingWorld();
    world.invocationMilliseconds = 300_000;
    world.beforeCall = async ({ what }) => {
      if (/^(PUT|HEAD) \/analytics\/curated\//.test(what)) await world.takeTime(100_000);
    };

    const result = await world.startExecution('first');

    expect(outcomeOf(result).curation).toMatchObject({ deliveries: INSTANCES, failed: 0 });
    expect(await world.contents(...CURATED)).toEqual(expected);
    const phases = (await curationsOf(world, 'first')).map(({ phase }) => phase);
    expect(phases.length).toBeGreaterThan(2);
    expect(new Set(phases.slice(0, -1))).toEqual(new Set(['more']));
    expect(phases.at(-1)).toBe('curated');
  });

  it('that is over before anything could be done ends too', async () => {
    const world = await startCuratingWorld();
    world.invocationMilliseconds = 600_000;
    world.beforeCall = async ({ what }) => {
      if (what.startsWith('GET /analytics/curation/')) await world.takeTime(600_000);
    };

    expect(outcomeOf(await world.startExecution('first')).curation).toMatchObject({ failed: INSTANCES });
  });
});

describe('columns', () => {
  it('that the catalog lacks are reported for each run, and kept', async () => {
    const world = await startCuratingWorld({ scenario: withContent('App Downloads Standard', 'new-column') });

    expect(outcomeOf(await world.startExecution('first')).outcomes).toEqual({ 'columns-unknown': 1 });
    expect(world.metrics.get('ColumnsUnknown')).toBe(1);
    expect(await notesOf(world, 'first')).toEqual([
      {
        outcome: 'columns-unknown',
        report: 'app-downloads-standard',
        message: expect.stringMatching(/"App Downloads Standard".*Acquisition Channel.*extra/),
      },
    ]);
    await world.advanceTo(NEXT_NOON);
    expect(outcomeOf(await world.startExecution('second')).outcomes).toEqual({ 'columns-unknown': 1 });
  });

  it('that a file lacks are reported', async () => {
    const world = await startCuratingWorld({
      scenario: withContent('App Downloads Standard', 'missing-column'),
    });

    expect(outcomeOf(await world.startExecution('first')).outcomes).toEqual({ 'columns-missing': 1 });
    expect(world.metrics.get('ColumnsMissing')).toBe(1);
    expect((await notesOf(world, 'first'))[0]?.message).toMatch(/lack (Device|Territory)/);
  });

  it('of reports that the catalog knows in part are told once per name, over all runs', async () => {
    const report = CATALOG.find(({ templateOnly }) => templateOnly)?.name ?? '';
    const world = await startCuratingWorld({
      scenario: {
        catalog: [report],
        apps: [{ ...APP, reports: [{ name: report, content: ['new-column'] }] }],
      },
      account: { reports: [report] },
    });

    const first = outcomeOf(await world.startExecution('first'));
    const [note] = await notesOf(world, 'first');
    expect(first.outcomes).toEqual({ 'columns-first-seen': 1 });
    expect(note?.message).toContain('Acquisition Channel');
    expect(world.metrics.get('ColumnsUnknown')).toBe(0);
    await world.advanceTo(NEXT_NOON);
    const second = outcomeOf(await world.startExecution('second'));
    expect(second).toMatchObject({ outcomes: {}, curation: { deliveries: 1 } });
  });
});

describe('a report that the catalog lacks', () => {
  it('stays under raw/, is reported, and stops no other', async () => {
    const name = 'App Holograms (Beta 2)';
    const world = await startCuratingWorld({
      scenario: {
        catalog: [...REPORTS, name],
        additionalReports: [{ name, category: 'APP_USAGE', columns: 'Date:date, Counts:count' }],
        apps: [{ ...APP, reports: [...APP.reports, name] }],
      },
      account: { reports: [...REPORTS, name] },
    });

    const outcome = outcomeOf(await world.startExecution('first'));

    expect(outcome).toMatchObject({
      instances: { landed: INSTANCES + 3 },
      outcomes: { 'raw-only': 1 },
      curation: { deliveries: INSTANCES, failed: 0 },
    });
    expect(await notesOf(world, 'first')).toEqual([
      { outcome: 'raw-only', report: 'app-holograms-beta-2', message: expect.stringContaining('raw/') },
    ]);
    expect((await world.lake.list('curated/')).filter((key) => key.includes('hologram'))).toEqual([]);
  });
});

describe('S3', () => {
  it('breaks off the body of each raw object of a report once: the step is repeated, and no file is blamed', async () => {
    const world = await startCuratingWorld();
    const broken = new Set<string>();
    world.interceptS3 = async (request, next) => {
      const answer = await next(request);
      if (
        request.method !== 'GET' ||
        !request.target.includes('/raw/app-crashes/') ||
        broken.has(request.target)
      )
        return answer;
      broken.add(request.target);
      return { ...answer, cutAfterBytes: 20 };
    };

    const outcome = outcomeOf(await world.startExecution('first'));

    expect(broken.size).toBe(3);
    expect(outcome).toMatchObject({ outcomes: {}, curation: { deliveries: INSTANCES, failed: 0 } });
    expect(await world.contents(...CURATED)).toEqual(await curatedWithoutFaults());
  });
});
