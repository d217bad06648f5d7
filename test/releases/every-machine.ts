import type { ExecutionResult } from '../../local/asl/runner.ts';
import type { AssemblyMachine } from '../../local/assembly/model.ts';
import { startTransfer, withOperatorGrants } from '../../local/commands/account-data-machine.ts';
import { importGrants } from '../../local/commands/grants-import.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import type { RecordedPayload } from './recorded-release.ts';

/** The account of a product on which every machine is run. */
export const ACCOUNT = {
  reports: ['App Downloads Standard', 'App Crashes'],
  granularities: ['DAILY'],
  concurrency: 1,
} as const;

const PEOPLE = [
  { externalId: 'once', archives: 2 },
  { externalId: 'every-day', mode: 'DAILY_30' },
] as const;

const MACHINES = ['analytics-sync', 'rebuild-curated', 'account-data-transfer'] as const;

/** A small world with something to do for every machine, with other definitions than today's where they are given. */
export function worldOfEveryMachine(
  product: AssembledProduct,
  definitions?: Readonly<Record<string, unknown>>,
): Promise<AssembledWorld> {
  return product.world({
    scenario: {
      apps: [{ reports: [...ACCOUNT.reports], requests: [{ accessType: 'ONGOING', createdDaysAgo: 3.2 }] }],
    },
    accountData: { people: [...PEOPLE] },
    start: Date.parse('2026-06-03T12:00:00Z'),
    ...(definitions === undefined ? {} : { definitions }),
  });
}

/** The definitions of the product's machines, by name. */
export function definitionsOf(machines: readonly AssemblyMachine[]): Record<string, unknown> {
  return Object.fromEntries(
    machines
      .filter(({ name }) => MACHINES.some((each) => each === name))
      .map(({ name, definition }) => [name, definition]),
  );
}

/** Runs each machine once: a sync, a rebuild, a one-time transfer, and one instance of a daily series. */
export async function runEveryMachine({
  accountData,
  clock,
  product,
  runtime,
  sync,
}: Pick<AssembledWorld, 'accountData' | 'clock' | 'runtime' | 'sync'> & {
  readonly product: AssembledProduct;
}): Promise<Record<string, ExecutionResult>> {
  const lines = accountData.grants.map((grant) => JSON.stringify(grant)).join('\n');
  const parts = { assembly: product.assembly, runtime, clock };
  const imported = await withOperatorGrants(parts, (store) => importGrants(store, lines));
  const [once = '', daily = ''] = imported.map((each) => (each.result === 'refused' ? '' : each.grantId));
  const results = {
    sync: await sync('sync'),
    rebuild: await runtime.startExecution('rebuild-curated', {}, 'rebuild').result,
  };
  const transfers = [once, daily].map(
    (grantId) => startTransfer(runtime, { grantId, series: 1, instance: 1 }).result,
  );
  const [oneTime, firstOfSeries] = await Promise.all(transfers);
  if (oneTime === undefined || firstOfSeries === undefined) throw new Error('two transfers were started');
  return { ...results, oneTime, firstOfSeries };
}

/** Every payload that executions and their children handed to functions, each shape of a function once. */
export function payloadsOf(results: readonly ExecutionResult[]): RecordedPayload[] {
  const found = new Map<string, RecordedPayload>();
  const collect = (result: ExecutionResult) => {
    for (const { taskScheduledEventDetails } of result.history) {
      const { parameters } = (taskScheduledEventDetails ?? {}) as { parameters?: string };
      const { FunctionName, Payload } = JSON.parse(parameters ?? '{}') as {
        FunctionName?: string;
        Payload?: unknown;
      };
      if (FunctionName === undefined) continue;
      found.set(`${FunctionName} ${shapeOf(Payload)}`, { functionArn: FunctionName, payload: Payload });
    }
    for (const child of result.children) collect(child.result);
  };
  for (const result of results) collect(result);
  return [...found.values()].sort((a, b) => (a.functionArn < b.functionArn ? -1 : 1));
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length === 0 ? '' : shapeOf(value[0])}]`;
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${name}:${shapeOf(inner)}`)
    .join()}}`;
}
