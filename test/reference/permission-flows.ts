import { rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import type { Authorize } from '../../local/aws-json/json-service.ts';
import { besidesOperator } from '../../local/commands/account-data-machine.ts';
import type { StandInHandler, StandInRequest } from '../../local/http.ts';
import type { AssembledProduct, AssembledWorld, ProductAccount } from '../support/assembled-product.ts';
import { objectKeys, objectSums, readObject } from '../support/lake-files.ts';
import { notePersonal } from './personal-outcome.ts';

const REPORT = 'App Downloads Standard';
const START = Date.parse('2026-06-03T12:00:00Z');
const DAY = 86_400_000;

/** More than one part of a multipart upload. */
const LARGE_SEGMENT_BYTES = 9 * 1024 * 1024;

const SHOWN_DIFFERENCES = 2;
const SHOWN_CHARACTERS = 120;

/** What two runs of a flow must leave alike. */
const COMPARED_PREFIXES = [
  'raw/',
  'ledger/',
  'superseded/',
  'quarantine/',
  'requests/',
  'curated/',
  'deliveries/',
  'freshness/',
];

/** The configuration of the account that the flows run for. */
export const FLOW_ACCOUNT: ProductAccount = {
  reports: [REPORT],
  granularities: ['DAILY'],
  concurrency: 1,
  callsInFlight: 1,
};

/** What a flow left: two outcomes are equal exactly when nothing broke. */
export type FlowOutcome = Readonly<Record<string, string>>;

/** Takes down one fact about how a flow ended. */
export type Note = (what: string, value: string) => void;

/** What a flow may need beside its world. */
export interface FlowTools {
  readonly assembly: Assembly;
  /** From now on `listener` is told every call of a function or a machine, before it is answered. */
  beforeEachCall(listener: (request: StandInRequest) => void): void;
}

/** One way through the product, run in a world of its own. */
export interface Flow {
  readonly name: string;
  readonly scenario: Scenario;
  /** The people whose account data Apple holds, where the flow is about any. */
  readonly accountData?: AccountDataScenario;
  /** Runs the machine as often as the flow needs. */
  run(world: AssembledWorld, note: Note, tools: FlowTools): Promise<void>;
}

interface MachineInput {
  readonly account: Readonly<Record<string, unknown>>;
}

async function noteRun(
  name: string,
  result: Promise<{ status: string; error?: string; cause?: string }>,
  note: Note,
): Promise<void> {
  const { status, error, cause } = await result;
  note(`run ${name}`, [status, error, cause].filter((part) => part !== undefined).join(': '));
}

function appWith(createdDaysAgo: number, more: { stopped?: boolean; segments?: number } = {}): Scenario {
  const { segments = 1, ...request } = more;
  return {
    apps: [
      { reports: [REPORT], segments, requests: [{ accessType: 'ONGOING', createdDaysAgo, ...request }] },
    ],
  };
}

/** Every flow that a grant may be needed for; the quick ones first, because the first that breaks is enough. */
export const FLOWS: readonly Flow[] = [
  {
    name: 'failure of an app recorded by the machine',
    scenario: { ...appWith(2.2), faults: [{ kind: 'method-not-allowed', operation: 'list-requests' }] },
    run: (world, note) => noteRun('only', world.sync('only'), note),
  },
  {
    name: 'stopped request replaced',
    scenario: appWith(2.2, { stopped: true }),
    run: (world, note) => noteRun('only', world.sync('only'), note),
  },
  {
    name: 'other bytes after a second listing',
    scenario: appWith(2.2, { segments: 2 }),
    async run(world, note) {
      const { faults } = world.apple;
      const on = ({ path }: { path: string }) => path.endsWith('/1.csv.gz');
      faults.add({
        respond: (answer) => {
          if (faults.content.length === 0)
            faults.content.push({ on: () => true, changes: ['trailing-bytes'] });
          return answer;
        },
        on,
        timesPerResource: 1,
      });
      faults.add({ respond: 'download-expired', on, timesPerResource: 1 });
      await noteRun('only', world.sync('only'), note);
    },
  },
  {
    name: 'bytes that never match, kept in quarantine',
    scenario: { ...appWith(2.2), faults: [{ kind: 'wrong-bytes' }] },
    run: (world, note) => noteRun('only', world.sync('only'), note),
  },
  {
    name: 'bytes that never match and break off on their way to quarantine',
    scenario: {
      ...appWith(2.2),
      faults: [
        { kind: 'wrong-bytes', times: 3 },
        { kind: 'cut-body', after: 3, times: 1 },
      ],
    },
    run: (world, note) => noteRun('only', world.sync('only'), note),
  },
  {
    name: 'lease deleted during the run',
    scenario: appWith(2.2),
    async run(world, note) {
      let deleted = false;
      const file = join(world.lakeDirectory, 'analytics', 'leases', 'main.json');
      world.apple.faults.add({
        respond: (answer) => {
          if (!deleted) rmSync(file);
          deleted = true;
          return answer;
        },
        times: 1,
      });
      await noteRun('only', world.sync('only'), note);
    },
  },
  {
    name: 'large segments without checksum, announced too long at first',
    scenario: {
      apps: [
        {
          reports: [{ name: REPORT, segmentBytes: LARGE_SEGMENT_BYTES }],
          requests: [{ accessType: 'ONGOING', createdDaysAgo: 1.2 }],
        },
      ],
      faults: [
        { kind: 'missing-checksum' },
        { kind: 'missing-length' },
        { kind: 'size-too-big', timesPerResource: 1 },
      ],
    },
    run: (world, note) => noteRun('only', world.sync('only'), note),
  },
  {
    name: 'lease of a stopped execution taken over',
    scenario: appWith(2.2),
    async run(world, note) {
      let stopped = false;
      world.apple.faults.add({
        respond: (answer) => {
          const [first] = world.runtime.executions;
          if (!stopped && first !== undefined) world.runtime.stopExecution(first.executionArn);
          stopped = true;
          return answer;
        },
        times: 1,
      });
      await noteRun('stopped', world.sync('stopped'), note);
      await noteRun('next', world.sync('next'), note);
    },
  },
  {
    name: 'report ids kept after a week',
    scenario: appWith(2.2),
    async run(world, note) {
      await noteRun('first', world.sync('first'), note);
      await world.clock.sleep(9 * DAY);
      await noteRun('nine-days-later', world.sync('nine-days-later'), note);
    },
  },
  {
    name: 'freshness lost and made again from the deliveries',
    scenario: appWith(2.2),
    async run(world, note) {
      await noteRun('first', world.sync('first'), note);
      for (const lost of await objectKeys(world.lakeDirectory, 'freshness/')) {
        rmSync(join(world.lakeDirectory, 'analytics', lost));
      }
      await noteRun('next', world.sync('next'), note);
    },
  },
  {
    name: 'curated Dates lost and rebuilt',
    scenario: appWith(2.2),
    async run(world, note) {
      await noteRun('sync', world.sync('sync'), note);
      const [lost = ''] = await objectKeys(world.lakeDirectory, 'curated/');
      rmSync(join(world.lakeDirectory, 'analytics', lost), { force: true });
      await noteRun('rebuild', world.runtime.startExecution('rebuild-curated', {}, 'rebuild').result, note);
    },
  },
  {
    name: 'table that cannot be rebuilt, recorded by the machine',
    scenario: appWith(2.2),
    async run(world, note) {
      await noteRun('sync', world.sync('sync'), note);
      const [manifest = ''] = await objectKeys(world.lakeDirectory, 'ledger/');
      writeFileSync(join(world.lakeDirectory, 'analytics', manifest), 'no manifest');
      await noteRun('rebuild', world.runtime.startExecution('rebuild-curated', {}, 'rebuild').result, note);
    },
  },
  {
    name: 'request created on schedule, landed, snapshot',
    scenario: { apps: [{ reports: [REPORT] }] },
    async run(world, note) {
      const { runtime, clock } = world;
      const [scheduled] = await runtime.runSchedules(START + 1);
      if (scheduled === undefined) throw new Error('the schedule did not fire');
      await noteRun('scheduled', Promise.resolve(scheduled.result), note);
      const { account } = scheduled.execution.input as MachineInput;
      const input = { account: { ...account, backfill: 'snapshot' } };
      for (const [name, at] of [
        ['with the snapshot', START + 2 * DAY],
        ['after the snapshot', START + 4 * DAY],
      ] as const) {
        await clock.sleep(Math.max(1, at - clock.now()));
        const execution = name.replaceAll(' ', '-');
        await noteRun(name, runtime.startExecution('analytics-sync', input, execution).result, note);
      }
    },
  },
];

/** Uploads that were begun and neither completed nor aborted, by counting the answers of the local S3. */
function openUploads(): { count(): number; wrap(handle: StandInHandler): StandInHandler } {
  let open = 0;
  return {
    count: () => open,
    wrap: (handle) => async (request) => {
      const response = await handle(request);
      const query = request.target.split('?')[1] ?? '';
      if (response.status < 300 && /(^|&)uploads(=|&|$)/.test(query) && request.method === 'POST') open += 1;
      if (response.status < 300 && query.includes('uploadId=') && /POST|DELETE/.test(request.method))
        open -= 1;
      return response;
    },
  };
}

/** What the machine recorded about apps that failed. */
async function noteFailures(lakeDirectory: string, note: Note): Promise<void> {
  for (const key of await objectKeys(lakeDirectory, 'runs/')) {
    if (!key.includes('/failures/')) continue;
    const { error } = JSON.parse(String(await readObject(lakeDirectory, key))) as { error: string };
    note(key, error);
  }
}

/** What summaries say of apps; calls and times may differ without anything being broken. */
async function noteSummaries(lakeDirectory: string, note: Note): Promise<void> {
  for (const key of await objectKeys(lakeDirectory, 'runs/')) {
    if (!key.endsWith('/summary.json')) continue;
    const summary = JSON.parse(String(await readObject(lakeDirectory, key))) as {
      apps: unknown;
      notes: unknown;
    };
    note(key, JSON.stringify({ apps: summary.apps, notes: summary.notes }));
  }
}

/** Runs a flow in a world of its own under `authorize`, and tells what it left. */
export async function runFlow(
  product: AssembledProduct,
  flow: Flow,
  authorize: Authorize,
): Promise<FlowOutcome> {
  const outcome: Record<string, string> = {};
  const note: Note = (what, value) => {
    outcome[what] = value;
  };
  const uploads = openUploads();
  const { scenario, accountData } = flow;
  let listener: (request: StandInRequest) => void = () => {};
  const world = await product.world({
    scenario,
    ...(accountData === undefined ? {} : { accountData }),
    start: START,
    authorize: besidesOperator(authorize),
    wrap: (handle) => {
      const counted = uploads.wrap(handle);
      return (request) => {
        listener(request);
        return counted(request);
      };
    },
  });
  const tools: FlowTools = {
    assembly: product.assembly,
    beforeEachCall: (told) => {
      listener = told;
    },
  };
  try {
    // A flow that may write nothing leaves no folder.
    await mkdir(join(world.lakeDirectory, 'analytics'), { recursive: true });
    await flow
      .run(world, note, tools)
      .catch((error: Error) => note('flow', `${error.name}: ${error.message}`));
    const changes = world.apple.calls.api.filter(({ method }) => method !== 'GET');
    note('requests to Apple that change something', changes.map(({ method }) => method).join(' '));
    note('unfinished uploads', String(uploads.count()));
    for (const [key, sum] of Object.entries(await objectSums(world.lakeDirectory, ...COMPARED_PREFIXES)))
      note(key, sum);
    await noteFailures(world.lakeDirectory, note);
    await noteSummaries(world.lakeDirectory, note);
    await notePersonal(world.lakeDirectory, note);
    return outcome;
  } finally {
    await world.close();
  }
}

/** What the product tells first, then what it left. */
function rank(what: string): number {
  if (what.includes('/failures/')) return 0;
  return /^(run |flow)/.test(what) ? 1 : 2;
}

/** Between what a flow should leave and what it left: the most telling differences; undefined when there is none. */
export function differenceOf(expected: FlowOutcome, actual: FlowOutcome): string | undefined {
  const different = [...new Set([...Object.keys(expected), ...Object.keys(actual)])]
    .filter((what) => expected[what] !== actual[what])
    .sort((a, b) => rank(a) - rank(b));
  if (different.length === 0) return undefined;
  const shown = different
    .slice(0, SHOWN_DIFFERENCES)
    .map((what) => `${what}: ${(actual[what] ?? 'missing').slice(0, SHOWN_CHARACTERS)}`);
  const more = different.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more differences`] : [])].join('; ');
}
