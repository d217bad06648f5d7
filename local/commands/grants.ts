import { text } from 'node:stream/consumers';
import { realClock } from '../clock.ts';
import { cancelTable, grantDetails, grantsTable, importTable, startTable } from './grant-tables.ts';
import { startable, startDeployed, withGrants } from './grants-actions.ts';
import { importGrants } from './grants-import.ts';
import { type LakeMachine, openLakeMachine } from './grants-lake-machine.ts';
import { type GrantsCommands, grantsCommand, type LakeMachinePlace } from './grants-options.ts';
import { awsClients, openDeployedGrants } from './grants-stack.ts';
import { interruption } from './interruption.ts';
import { createProgress } from './progress.ts';
import { namedGrants, readGrants } from './stored-grants.ts';

const progress = createProgress();

/** The command did not do what it was asked to; what it did is printed. */
function failed(): void {
  process.exitCode = 1;
}

async function withLakeMachine<Result>(
  place: LakeMachinePlace,
  work: (machine: LakeMachine) => Promise<Result>,
): Promise<Result> {
  progress.step('synthesizing the state machine and its bundles');
  const machine = await openLakeMachine({ ...place, clock: realClock });
  try {
    return await work(machine);
  } finally {
    await machine.close();
  }
}

async function startOnLake(place: LakeMachinePlace, names: readonly string[]): Promise<void> {
  const { lakeDirectory } = place;
  const all = await withGrants(lakeDirectory, (grants) => startable(grants, names));
  const references = all.flatMap((each) => ('reference' in each ? [each.reference] : []));
  const interrupted = interruption();
  const executions = await withLakeMachine(place, (machine) => {
    progress.step(
      `running the machine for ${references.length} grants; interrupt it and start again to go on`,
    );
    return machine.run(references, interrupted);
  });
  for (const { name, status, error, cause } of executions) {
    progress.note([name, status, error, cause].filter((part) => part !== undefined).join(': '));
  }
  const ids = new Set(all.map(({ grant }) => grant.grantId));
  const grants = await withGrants(lakeDirectory, readGrants);
  console.log(
    grantsTable(
      grants.filter(({ grantId }) => ids.has(grantId)),
      realClock.now(),
    ),
  );
  const succeeded = executions.every(({ status }) => status === 'SUCCEEDED');
  if (references.length < all.length || !succeeded) failed();
}

const commands: GrantsCommands = {
  async importLines({ lakeDirectory }) {
    const lines = await text(process.stdin);
    const results = await withGrants(lakeDirectory, (grants) => importGrants(grants, lines));
    console.log(importTable(results));
    const refused = results.flatMap((each) => (each.result === 'refused' ? [each] : []));
    for (const { line, reason } of refused) progress.note(`line ${line} was refused: ${reason}`);
    if (results.length === 0) progress.fail('standard input held no line');
    if (refused.length > 0 || results.length === 0) failed();
  },
  async list({ lakeDirectory }) {
    console.log(grantsTable(await withGrants(lakeDirectory, readGrants), realClock.now()));
  },
  async show({ lakeDirectory }, name) {
    const [grant] = namedGrants(await withGrants(lakeDirectory, readGrants), [name]);
    if (grant !== undefined) console.log(grantDetails(grant, realClock.now()));
  },
  async start(place, names) {
    if (place.lakeDirectory !== undefined) return startOnLake(place, names);
    const results = await startDeployed(await openDeployedGrants(awsClients()), names);
    console.log(startTable(results));
    if (results.some(({ result }) => result === 'refused')) failed();
  },
  async cancel(place, name, scope) {
    const [grant] = namedGrants(await withGrants(place.lakeDirectory, readGrants), [name]);
    if (grant === undefined) return;
    const { grantId } = grant;
    const answer =
      place.lakeDirectory === undefined
        ? await (await openDeployedGrants(awsClients())).cancel(grantId, scope)
        : await withLakeMachine(place, (machine) => machine.cancel(grantId, scope));
    console.log(cancelTable(grantId, answer));
    if (answer.result !== 'cancelled') failed();
  },
};

try {
  await grantsCommand(commands).parseAsync();
} catch (error) {
  progress.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  failed();
}
