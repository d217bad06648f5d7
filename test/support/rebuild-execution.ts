import { readFileSync } from 'node:fs';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { CurateDeps } from '../../lambdas/lib/analytics/curate-instance.ts';
import { listLedger } from '../../lambdas/lib/analytics/list-ledger.ts';
import * as contracts from '../../lambdas/lib/analytics/rebuild-contracts.ts';
import { rebuildTable } from '../../lambdas/lib/analytics/rebuild-table.ts';
import { summarizeRebuild } from '../../lambdas/lib/analytics/summarize-rebuild.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import type { ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import {
  createRunner,
  type ExecutionResult,
  StepFunctionsTaskError,
  seededRandom,
} from '../../local/asl/runner.ts';
import { VirtualClock } from '../../local/clock.ts';

const DEFINITION = new URL('../../statemachines/rebuild-curated.asl.json', import.meta.url);

/** A function's call, before it is made: may throw instead. */
export type BeforeFunction = (functionName: string, payload: unknown) => void;

export interface RebuildOptions {
  readonly store: ObjectStore;
  readonly name: string;
  readonly input?: unknown;
  /** How often a function may look at the clock until its time is over; endless unless told. */
  readonly looksPerInvocation?: number;
  readonly before?: BeforeFunction;
  /** S3 refuses what the machine itself writes. */
  readonly mute?: boolean;
  readonly curateDelivery?: CurateDeps['curateDelivery'];
}

/** Runs rebuild-curated over a store, machine and functions as deployed, in this process. */
export async function runRebuild(options: RebuildOptions): Promise<ExecutionResult> {
  const { store, before = () => {} } = options;
  const invocation = (): CurateDeps => {
    let looks = 0;
    return {
      clock: { now: () => looks++, sleep: () => Promise.resolve() },
      deadline: options.looksPerInvocation ?? Number.MAX_SAFE_INTEGER,
      log: { info() {}, warn() {}, error() {} },
      store,
      curateDelivery: options.curateDelivery ?? curateDelivery,
    };
  };
  const functions: Readonly<Record<string, (payload: unknown) => Promise<unknown>>> = {
    ListLedger: (payload) => listLedger(invocation(), contracts.listLedger.input.parse(payload)),
    RebuildTable: (payload) => rebuildTable(invocation(), contracts.rebuildTable.input.parse(payload)),
    SummarizeRebuild: (payload) => summarizeRebuild(store, contracts.summarizeRebuild.input.parse(payload)),
  };
  const runner = createRunner({
    clock: new VirtualClock(Date.parse('2026-06-10T00:00:00Z')),
    random: seededRandom(7),
    region: 'us-east-1',
    accountId: '111111111111',
    objects: () => ({
      readObject: async (_, key) => (await store.readText(key))?.value ?? '',
      listObjects: async (_, prefix) =>
        (await store.list(prefix)).map((Key) => ({
          Key,
          Size: 0,
          ETag: '',
          LastModified: '2026-06-10T00:00:00Z',
          StorageClass: 'STANDARD',
        })),
      writeObject: async (_, key, text) => void (await store.writeText(key, text)),
    }),
    invoke: async (call) => {
      const fields = call.arguments as Record<string, unknown>;
      if (call.resource === 'arn:aws:states:::aws-sdk:s3:putObject') {
        if (options.mute)
          throw new StepFunctionsTaskError({ error: 'S3.S3Exception', cause: 'AccessDenied' });
        await store.writeText(String(fields.Key), JSON.stringify(fields.Body));
        return {};
      }
      const name = String(fields.FunctionName);
      try {
        before(name, fields.Payload);
        const result = await functions[name]?.(fields.Payload);
        return { ExecutedVersion: '$LATEST', Payload: JSON.parse(JSON.stringify(result)), StatusCode: 200 };
      } catch (error) {
        const { name: errorType, message } = error as Error;
        throw new StepFunctionsTaskError({ error: errorType, cause: JSON.stringify({ errorType, message }) });
      }
    },
  });
  const definition = readFileSync(DEFINITION, 'utf8').replace(/\$\{(\w+?)(Arn|BucketName)\}/g, '$1');
  return runner.startExecution({
    definition: JSON.parse(definition),
    input: options.input ?? {},
    name: options.name,
    stateMachineArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:rebuild-curated',
  }).result;
}

/** Every curated object and delivery object with its rank, as text by key. */
export async function curatedLayer(store: ObjectStore): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const prefix of ['curated/', 'deliveries/']) {
    for (const key of await store.list(prefix)) {
      const facts = await store.facts(key);
      found[key] = JSON.stringify(facts);
    }
  }
  return found;
}

/** Deletes the objects whose keys `isChosen`. */
export async function deleteObjects(store: ObjectStore, isChosen: (key: string) => boolean): Promise<number> {
  const keys = (await Promise.all(['curated/', 'deliveries/'].map((prefix) => store.list(prefix)))).flat();
  const chosen = keys.filter(isChosen);
  for (const key of chosen) {
    await store.client.send(new DeleteObjectCommand({ Bucket: store.bucket, Key: key }));
  }
  return chosen.length;
}
