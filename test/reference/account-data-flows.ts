import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tombstoneKey } from '../../lambdas/lib/lake/personal-keys.ts';
import {
  cancelTransfer,
  DELETE_FUNCTION,
  startTransfer,
  withOperatorGrants,
} from '../../local/commands/account-data-machine.ts';
import { importGrants } from '../../local/commands/grants-import.ts';
import { PERSONAL_BUCKET } from '../../local/commands/grants-lake.ts';
import type { AssembledWorld } from '../support/assembled-product.ts';
import type { Flow, FlowTools, Note } from './permission-flows.ts';
import { plantLargeMembers, plantSuperseded } from './planted-instances.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Nobody asks about it. */
const ANY_APP = { apps: [{}] };
/** Each of three steps asks twice: it reads the secret again before it gives up. */
const MOST_CLIENT_REFUSALS = 6;

const UNKNOWN_GRANT = '00000000-0000-4000-8000-00000000ffff';

/** Imports the people's grants as the operator does; the ids count from 1. */
async function importPeople(
  { accountData, clock, runtime }: AssembledWorld,
  { assembly }: FlowTools,
): Promise<string> {
  let number = 0;
  const nextId = () => `00000000-0000-4000-8000-${String(++number).padStart(12, '0')}`;
  const lines = accountData.grants.map((grant) => JSON.stringify(grant)).join('\n');
  const imported = await withOperatorGrants({ assembly, runtime, clock }, (store) =>
    importGrants(store, lines, nextId),
  );
  const [first] = imported;
  if (first === undefined || first.result === 'refused') throw new Error('the grant was not imported');
  return first.grantId;
}

function personalFile({ lakeDirectory }: AssembledWorld, key: string): string {
  return join(lakeDirectory, PERSONAL_BUCKET, key);
}

function writeTombstone(world: AssembledWorld, grantId: string): void {
  const file = personalFile(world, tombstoneKey(grantId));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '{}');
}

/** Writes a tombstone as soon as an upload below a prefix of the grant begins. */
function eraseAtUpload(
  world: AssembledWorld,
  tools: FlowTools,
  grantOfKind: ReadonlyMap<string, string>,
): void {
  tools.beforeEachCall(({ method, target }) => {
    if (method !== 'POST' || !/[?&]uploads(=|&|$)/.test(target)) return;
    for (const [kind, grantId] of grantOfKind) {
      if (target.includes(`/${kind}/`) && target.includes(grantId)) writeTombstone(world, grantId);
    }
  });
}

function noteExecutions({ runtime }: AssembledWorld, note: Note): void {
  for (const { name, status, error, cause } of runtime.executions)
    note(`run ${name}`, [status, error, cause].filter((part) => part !== undefined).join(': '));
}

/** Starts the first instance of the grant and lets time go on until nothing runs, or for so long. */
async function transfer(
  world: AssembledWorld,
  grantId: string,
  note: Note,
  milliseconds = 30 * DAY,
): Promise<void> {
  startTransfer(world.runtime, { grantId, series: 1, instance: 1 });
  await world.runtime.waitForExecutions(world.clock.now() + milliseconds);
  noteExecutions(world, note);
}

async function noteCancel(
  what: string,
  grantId: string,
  scope: 'instance' | 'series',
  { runtime }: AssembledWorld,
  note: Note,
): Promise<void> {
  const told = await cancelTransfer(runtime, grantId, scope).then(
    (answer) => JSON.stringify(answer),
    // The name of the error is what a message begins with; a stack follows it.
    (error: Error) => error.message.split(':')[0] ?? '',
  );
  note(`run ${what}`, told);
}

/** Times at which calls of all grants were to go on again, one for each time that they were stopped. */
function seenStops(world: AssembledWorld): () => number {
  const untils = new Set<string>();
  return () => {
    try {
      const text = readFileSync(personalFile(world, 'control/call-stop.json'), 'utf8');
      const { until } = JSON.parse(text) as { until?: string };
      if (until !== undefined) untils.add(until);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return untils.size;
  };
}

/**
 * Apple refuses the client at the first token of each step until the step has stopped the calls of all grants, or has
 * not managed to for so long that there is nothing to wait for. Tells how often they were stopped.
 */
function refuseClientInEachStep(world: AssembledWorld): () => number {
  const { calls, faults } = world.accountData;
  const stops = seenStops(world);
  const hasHad = (operation: string) =>
    calls.accountDataTransfer.some((call) => call.operation === operation);
  const step = () => ['submit', 'status', 'fetch'].findIndex((operation) => !hasHad(operation));
  faults.add({
    respond: 'invalid-client',
    on: ({ operation }) => operation === 'token' && step() >= 0 && stops() <= step(),
    times: MOST_CLIENT_REFUSALS,
  });
  return stops;
}

/** Every flow that a grant of account data may be needed for, the quick ones first. */
export const ACCOUNT_DATA_FLOWS: readonly Flow[] = [
  {
    name: 'superseded instance deleted on schedule',
    scenario: ANY_APP,
    async run({ clock, runtime }, note, { assembly }) {
      const deletion = assembly.functions.find(({ name }) => name === DELETE_FUNCTION);
      const keep = Number(deletion?.environment.KEEP_SUPERSEDED);
      await withOperatorGrants({ assembly, runtime, clock }, (store) => plantSuperseded(store, keep));
      await runtime.runSchedules(clock.now() + 1, {
        schedules: ({ targetArn }) => targetArn === deletion?.arn,
        onFunctionEnd: (_, result) => note('run deletion', JSON.stringify(result)),
      });
    },
  },
  {
    name: 'instance cancelled, then the series, and a grant that is not there',
    scenario: ANY_APP,
    accountData: {
      people: [{ externalId: 'daily', mode: 'DAILY_30' }],
      variants: { cancelIdAccepted: 'instance' },
    },
    async run(world, note, tools) {
      const grantId = await importPeople(world, tools);
      await transfer(world, grantId, note, HOUR);
      await noteCancel('cancel of a grant that is not there', UNKNOWN_GRANT, 'series', world, note);
      await noteCancel('cancel of the instance', grantId, 'instance', world, note);
      await world.runtime.waitForExecutions(world.clock.now() + 30 * HOUR);
      await noteCancel('cancel of the series', grantId, 'series', world, note);
      await world.runtime.waitForExecutions(world.clock.now() + DAY);
      noteExecutions(world, note);
    },
  },
  {
    name: 'one-time transfer of two archives, the first of them cut once',
    scenario: ANY_APP,
    accountData: {
      people: [{ externalId: 'once', archives: 2 }],
      faults: [{ kind: 'cut-body', times: 1 }],
    },
    async run(world, note, tools) {
      await transfer(world, await importPeople(world, tools), note);
    },
  },
  {
    name: 'tombstone written while an archive arrives',
    scenario: ANY_APP,
    accountData: { people: [{ externalId: 'once', archives: 1 }] },
    async run(world, note, tools) {
      const grantId = await importPeople(world, tools);
      eraseAtUpload(world, tools, new Map([['archives', grantId]]));
      await transfer(world, grantId, note);
    },
  },
  {
    name: 'client refused in each step, which stops the calls of all grants',
    scenario: ANY_APP,
    accountData: { people: [{ externalId: 'once', archives: 1 }] },
    async run(world, note, tools) {
      const grantId = await importPeople(world, tools);
      const stops = refuseClientInEachStep(world);
      await transfer(world, grantId, note);
      note('stops of all calls', String(stops()));
    },
  },
  {
    name: 'series over two instances, cancelled while it waits',
    scenario: ANY_APP,
    accountData: { people: [{ externalId: 'daily', mode: 'DAILY_30', archives: 1 }] },
    async run(world, note, tools) {
      const grantId = await importPeople(world, tools);
      await transfer(world, grantId, note, 30 * HOUR);
      await noteCancel('cancel', grantId, 'series', world, note);
      await world.runtime.waitForExecutions(world.clock.now() + DAY);
      noteExecutions(world, note);
    },
  },
  {
    name: 'large members cut by tombstones and a wrong sum',
    scenario: ANY_APP,
    async run(world, note, tools) {
      const { clock, runtime } = world;
      const { assembly } = tools;
      const planted = await withOperatorGrants({ assembly, runtime, clock }, plantLargeMembers);
      eraseAtUpload(
        world,
        tools,
        new Map(
          planted.flatMap(({ grantId, erasedAt }) => (erasedAt === undefined ? [] : [[erasedAt, grantId]])),
        ),
      );
      for (const { name, grantId, requestId } of planted) {
        const answer = await runtime.invokeFunction('unpack-archives', { grantId, requestId, cursor: null });
        note(`run ${name}`, JSON.stringify(answer));
      }
    },
  },
];
