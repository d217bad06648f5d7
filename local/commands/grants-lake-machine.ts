import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CancelAnswer, InstanceReference } from '../../lambdas/lib/account-data/contracts.ts';
import { loadAssembly } from '../assembly/load.ts';
import type { Assembly } from '../assembly/model.ts';
import { synthesize } from '../assembly/synthesize.ts';
import type { Clock } from '../clock.ts';
import { createLocalRuntime, type LocalRuntime } from '../runtime.ts';
import type { ExecutionRecord } from '../step-functions/execution-registry.ts';
import {
  cancelTransfer,
  dataSharingSecret,
  operatorAuthorization,
  startTransfer,
} from './account-data-machine.ts';
import { openFunctionLog } from './function-log.ts';
import type { AppleAccountDataOptions } from './grants-options.ts';

export interface LakeMachineOptions {
  readonly lakeDirectory: string;
  readonly apple: AppleAccountDataOptions;
  readonly clock: Clock;
  /** A synthesized product that is there already; only read. */
  readonly assembly?: Assembly;
}

/** The machine of account data over a local lake, run by this process. */
export interface LakeMachine {
  /**
   * Runs the machine for these instances and for those that follow them, until none is left or `signal` aborts;
   * returns every execution. Those that still wait then are left: starting again goes on.
   */
  run(instances: readonly InstanceReference[], signal: AbortSignal): Promise<readonly ExecutionRecord[]>;
  cancel(grantId: string, scope: 'instance' | 'series'): Promise<CancelAnswer>;
  close(): Promise<void>;
}

// Analytics needs an account; nothing of it runs here.
function configuration({ baseUrls, trustedOrigins }: AppleAccountDataOptions): object {
  return { accounts: [{ name: 'unused' }], trustedOrigins, accountData: baseUrls };
}

async function loadProduct(
  options: LakeMachineOptions,
): Promise<{ assembly: Assembly; remove(): Promise<void> }> {
  if (options.assembly !== undefined) return { assembly: options.assembly, remove: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), 'apple-data-pipeline-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await synthesize({ directory, context: { appleDataPipeline: configuration(options.apple) } });
    return { assembly: await loadAssembly(directory), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function runToTheEnd(
  runtime: LocalRuntime,
  instances: readonly InstanceReference[],
  signal: AbortSignal,
): Promise<readonly ExecutionRecord[]> {
  for (const reference of instances) startTransfer(runtime, reference);
  await Promise.race([runtime.waitForExecutions(Number.POSITIVE_INFINITY), aborted(signal)]);
  return runtime.executions;
}

/**
 * Synthesizes the product for these hosts of Apple and starts the local services over the lake directory, which is made
 * if missing; what the functions log goes to `functions.log` there. Throws `SynthesisError` and `AssemblyError`.
 */
export async function openLakeMachine(options: LakeMachineOptions): Promise<LakeMachine> {
  const lakeDirectory = resolve(options.lakeDirectory);
  const { assembly, remove } = await loadProduct(options);
  try {
    for (const { name } of assembly.buckets) await mkdir(join(lakeDirectory, name), { recursive: true });
    const log = openFunctionLog(join(lakeDirectory, 'functions.log'));
    const runtime = await createLocalRuntime({
      assembly,
      lakeDirectory,
      clock: options.clock,
      secrets: dataSharingSecret(assembly, options.apple.dataSharingSecret),
      authorize: operatorAuthorization(assembly),
      onLog: log.write,
    });
    return {
      run: (instances, signal) => runToTheEnd(runtime, instances, signal),
      cancel: (grantId, scope) => cancelTransfer(runtime, grantId, scope),
      async close() {
        await runtime.close();
        await log.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
