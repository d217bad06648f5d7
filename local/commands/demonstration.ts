import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DEMONSTRATION_START } from '../apple/demonstration-scenario.ts';
import { USUAL_REPORTS } from '../apple/scenario.ts';
import type { SimulatedApple } from '../apple/simulated-apple.ts';
import { loadAssembly } from '../assembly/load.ts';
import type { Assembly } from '../assembly/model.ts';
import { secretOf } from '../assembly/secrets.ts';
import { synthesize } from '../assembly/synthesize.ts';
import { VirtualClock } from '../clock.ts';
import type { FunctionLogLine } from '../functions/function-host.ts';
import { createLocalRuntime, type LocalRuntime, type RunSchedulesOptions } from '../runtime.ts';
import { prepareLakeBuckets, readLakeText } from '../s3-proxy/lake-buckets.ts';
import type { S3Upstream } from '../s3-proxy/upstream.ts';
import {
  type AccountDataDemonstration,
  createAccountDataDemonstration,
} from './account-data-demonstration.ts';
import { dataSharingSecret, operatorAuthorization } from './account-data-machine.ts';
import { ANALYTICS_BUCKET, type AnalyticsTexts, analyticsFolder } from './analytics-texts.ts';
import { type DemonstrationApple, serveDemonstrationApple } from './demonstration-apple.ts';
import type { FinishedRun } from './finished-run.ts';
import { runSchedules } from './scheduled-runs.ts';

export const DEMONSTRATION_ACCOUNT = 'demo';

/** Midnight after Friday, 5 June 2026: the end of the demonstration's analytics. */
const DEMONSTRATION_END = Date.parse('2026-06-06T00:00:00Z');

const ANALYTICS_MACHINE = 'analytics-sync';

/** Instances of account data that stay although newer ones supersede them: all of a DAILY_30 series. */
const KEPT_INSTANCES = 30;

export interface DemonstrationOptions {
  /** Emptied first, unless the lake is elsewhere. */
  readonly lakeDirectory: string;
  /** Another S3 server for the lake: its buckets are made if missing, and emptied first. */
  readonly s3Upstream?: S3Upstream;
  /** Folder of the cloud assembly; emptied first. */
  readonly assemblyDirectory: string;
  onLog?(line: FunctionLogLine): void;
  /** Called before each of the few steps that take time. */
  onStep?(text: string): void;
  /** Called when something happens to a person of account data. */
  onEvent?(text: string): void;
  readonly schedules?: Pick<RunSchedulesOptions, 'onStart' | 'onEnd'>;
}

/** The demonstration world: simulated Apple and the local runtime, in one virtual clock. */
export interface Demonstration {
  readonly apple: SimulatedApple;
  readonly assembly: Assembly;
  readonly clock: VirtualClock;
  readonly runtime: LocalRuntime;
  /** Runs the schedule of analytics from now on until `until`, by default the end of Friday, 5 June 2026. */
  run(until?: number): Promise<FinishedRun[]>;
  /** The other flow, which runs beside the first once it has begun. */
  readonly accountData: AccountDataDemonstration;
  close(): Promise<void>;
}

function configuration({ apple, origins }: DemonstrationApple): object {
  const [firstApp] = apple.apps;
  return {
    accounts: [
      {
        name: DEMONSTRATION_ACCOUNT,
        reports: USUAL_REPORTS,
        backfill: 'snapshot',
        backfillApps: firstApp === undefined ? 'all' : [firstApp.id],
      },
    ],
    appleBaseUrl: origins.api,
    trustedOrigins: Object.values(origins),
    accountData: {
      accountDataTransferBaseUrl: origins.accountDataTransfer,
      appDataTransferBaseUrl: origins.appDataTransfer,
      oauthBaseUrl: origins.oauth,
      keepSuperseded: KEPT_INSTANCES,
    },
  };
}

function secretValues(
  assembly: Assembly,
  { apple, accountData }: DemonstrationApple,
): Record<string, string> {
  const { credentials } = apple;
  const { issuerId } = credentials;
  const reader = { privateKey: credentials.readerPrivateKeyPem, keyId: credentials.readerKeyId, issuerId };
  const admin = { privateKey: credentials.adminPrivateKeyPem, keyId: credentials.adminKeyId, issuerId };
  const { clientPrivateKeyPem, clientKeyId, teamId, clientId } = accountData.credentials;
  const dataSharing = { privateKey: clientPrivateKeyPem, keyId: clientKeyId, teamId, clientId };
  return {
    [secretOf(assembly, DEMONSTRATION_ACCOUNT, 'reader')]: JSON.stringify(reader),
    [secretOf(assembly, DEMONSTRATION_ACCOUNT, 'admin')]: JSON.stringify(admin),
    ...dataSharingSecret(assembly, JSON.stringify(dataSharing)),
  };
}

/** Makes the lake's buckets and empties them, wherever they are. */
async function emptyLake(
  { lakeDirectory, s3Upstream }: DemonstrationOptions,
  bucketNames: readonly string[],
): Promise<AnalyticsTexts> {
  if (s3Upstream !== undefined) {
    await prepareLakeBuckets(s3Upstream, bucketNames);
    return { read: (key) => readLakeText(s3Upstream, ANALYTICS_BUCKET, key) };
  }
  await rm(lakeDirectory, { recursive: true, force: true });
  for (const name of bucketNames) await mkdir(join(lakeDirectory, name), { recursive: true });
  return analyticsFolder(lakeDirectory);
}

/** The analytics part in a runtime: its schedules, and what each run left in the lake. */
function analyticsRuns(
  { schedules = {} }: DemonstrationOptions,
  assembly: Assembly,
  runtime: LocalRuntime,
  lake: AnalyticsTexts,
): Demonstration['run'] {
  const machineArn = assembly.machine(ANALYTICS_MACHINE).arn;
  return (until = DEMONSTRATION_END) =>
    runSchedules(runtime, until, lake, {
      ...schedules,
      schedules: ({ targetArn }) => targetArn === machineArn,
    });
}

/**
 * Prepares the demonstration: simulated Apple on 127.0.0.1 at Wednesday, 3 June 2026, the app synthesized for
 * it, an empty lake. Throws `SynthesisError`, `AssemblyError` and `S3EndpointError`.
 */
export async function createDemonstration(options: DemonstrationOptions): Promise<Demonstration> {
  const clock = new VirtualClock(Date.parse(DEMONSTRATION_START));
  const served = await serveDemonstrationApple(clock);
  try {
    options.onStep?.('synthesizing the stacks and their bundles');
    await synthesize({
      directory: options.assemblyDirectory,
      context: { appleDataPipeline: configuration(served) },
    });
    const assembly = await loadAssembly(options.assemblyDirectory);
    options.onStep?.('starting the local services');
    const lake = await emptyLake(
      options,
      assembly.buckets.map(({ name }) => name),
    );
    const { lakeDirectory, s3Upstream, onLog, onEvent } = options;
    const runtime = await createLocalRuntime({
      assembly,
      lakeDirectory,
      ...(s3Upstream === undefined ? {} : { s3Upstream }),
      clock,
      secrets: secretValues(assembly, served),
      authorize: operatorAuthorization(assembly),
      ...(onLog === undefined ? {} : { onLog }),
    });
    const parts = { apple: served.accountData, assembly, clock, runtime };
    return {
      apple: served.apple,
      assembly,
      clock,
      runtime,
      run: analyticsRuns(options, assembly, runtime, lake),
      accountData: createAccountDataDemonstration({
        ...parts,
        ...(onEvent === undefined ? {} : { onEvent }),
      }),
      async close() {
        await runtime.close();
        await served.close();
      },
    };
  } catch (error) {
    await served.close();
    throw error;
  }
}
