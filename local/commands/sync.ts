import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadAssembly } from '../assembly/load.ts';
import type { Assembly } from '../assembly/model.ts';
import { secretOf } from '../assembly/secrets.ts';
import { synthesize } from '../assembly/synthesize.ts';
import { realClock } from '../clock.ts';
import { createLocalRuntime, type LocalRuntime } from '../runtime.ts';
import { analyticsFolder } from './analytics-texts.ts';
import { type FinishedRun, runMessages } from './finished-run.ts';
import { openFunctionLog } from './function-log.ts';
import { interruption } from './interruption.ts';
import { appTable, outcomeTable, runTable } from './outcome-tables.ts';
import { createProgress, type Progress } from './progress.ts';
import { createRunReport, type RunReport, writeRunReport } from './run-report.ts';
import { toFinishedRun } from './scheduled-runs.ts';
import { type SyncOptions, syncCommand } from './sync-options.ts';

const ACCOUNT = 'local';

function configuration(options: SyncOptions): object {
  return {
    accounts: [
      {
        name: ACCOUNT,
        key: options.keyType,
        adminKey: options.adminSecret !== undefined,
        ...(options.apps === undefined ? {} : { apps: options.apps }),
        ...(options.reports === undefined ? {} : { reports: options.reports }),
      },
    ],
    appleBaseUrl: options.baseUrl,
    trustedOrigins: options.trustedOrigins,
  };
}

async function loadProduct(options: SyncOptions): Promise<{ assembly: Assembly; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'apple-data-pipeline-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await synthesize({ directory, context: { appleDataPipeline: configuration(options) } });
    return { assembly: await loadAssembly(directory), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function secretValues(assembly: Assembly, options: SyncOptions): Record<string, string> {
  const values = { [secretOf(assembly, ACCOUNT, 'reader')]: options.readerSecret };
  if (options.adminSecret !== undefined) values[secretOf(assembly, ACCOUNT, 'admin')] = options.adminSecret;
  return values;
}

async function writeReport(runs: readonly FinishedRun[], lakeDirectory: string): Promise<RunReport> {
  const seconds = performance.now() / 1000;
  const report = createRunReport({ lakeDirectory, seconds, runs, mustLand: false });
  await writeRunReport(join(lakeDirectory, 'run.json'), report);
  return report;
}

async function runUntilInterrupted(
  runtime: LocalRuntime,
  options: SyncOptions,
  lakeDirectory: string,
  progress: Progress,
): Promise<FinishedRun[]> {
  const runs: FinishedRun[] = [];
  const interrupted = interruption();
  const ending = new AbortController();
  const signal = AbortSignal.any([interrupted, ending.signal]);
  let running: string | undefined;
  interrupted.addEventListener('abort', () => {
    if (running !== undefined) runtime.stopExecution(running, 'Interrupted', 'the command was interrupted');
  });
  await runtime.runSchedules(Number.POSITIVE_INFINITY, {
    signal,
    onStart: (_, { name, executionArn }) => {
      running = executionArn;
      progress.step(name);
    },
    onEnd: async (run) => {
      running = undefined;
      const finished = await toFinishedRun(run, analyticsFolder(lakeDirectory));
      runs.push(finished);
      for (const message of new Set(runMessages(finished))) progress.note(message);
      console.log([runTable(runs), appTable(runs, new Map()), outcomeTable(runs)].filter(Boolean).join('\n'));
      await writeReport(runs, lakeDirectory);
      if (options.once) ending.abort();
      else progress.step('waiting for the next run');
    },
  });
  return runs;
}

async function sync(options: SyncOptions, progress: Progress): Promise<void> {
  const lakeDirectory = resolve(options.lakeDirectory);
  await mkdir(lakeDirectory, { recursive: true });
  progress.step('synthesizing the state machine and its bundles');
  const { assembly, remove } = await loadProduct(options);
  const log = openFunctionLog(join(lakeDirectory, 'functions.log'));
  try {
    for (const { name } of assembly.buckets) await mkdir(join(lakeDirectory, name), { recursive: true });
    const runtime = await createLocalRuntime({
      assembly,
      lakeDirectory,
      clock: realClock,
      secrets: secretValues(assembly, options),
      onLog: log.write,
    });
    try {
      const runs = await runUntilInterrupted(runtime, options, lakeDirectory, progress);
      const { ok } = await writeReport(runs, lakeDirectory);
      if (ok) progress.succeed('every execution succeeded');
      else progress.fail('not every execution succeeded');
      process.exitCode = ok ? 0 : 1;
    } finally {
      await runtime.close();
    }
  } finally {
    await log.close();
    await remove();
  }
}

const progress = createProgress();
try {
  await syncCommand((options) => sync(options, progress)).parseAsync();
} catch (error) {
  progress.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
