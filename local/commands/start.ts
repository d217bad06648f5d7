import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { parseS3Upstream, type S3Upstream } from '../s3-proxy/upstream.ts';
import { createDemonstration } from './demonstration.ts';
import { type FinishedRun, runMessages } from './finished-run.ts';
import { openFunctionLog } from './function-log.ts';
import { appTable, outcomeTable, readableBytes, runTable } from './outcome-tables.ts';
import { createProgress, type Progress } from './progress.ts';
import { createRunReport, type RunReport, writeRunReport } from './run-report.ts';
import { sampleAnswers } from './sample-queries.ts';

const STATE_DIRECTORY = '.local';
const LAKE_DIRECTORY = resolve(STATE_DIRECTORY, 'lake');

interface Options {
  readonly s3Endpoint?: string;
}

function printTables(runs: readonly FinishedRun[], names: ReadonlyMap<string, string>): void {
  for (const table of [runTable(runs), appTable(runs, names), outcomeTable(runs)]) {
    if (table !== '') console.log(table);
  }
}

async function runDemonstration(progress: Progress, s3Upstream?: S3Upstream): Promise<FinishedRun[]> {
  await mkdir(STATE_DIRECTORY, { recursive: true });
  progress.note(
    s3Upstream === undefined
      ? `emptying ${join(STATE_DIRECTORY, 'lake')}`
      : `emptying the buckets analytics, personal and results at ${s3Upstream.origin}`,
  );
  const log = openFunctionLog(join(STATE_DIRECTORY, 'functions.log'));
  const demonstration = await createDemonstration({
    lakeDirectory: LAKE_DIRECTORY,
    ...(s3Upstream === undefined ? {} : { s3Upstream }),
    assemblyDirectory: resolve(STATE_DIRECTORY, 'cdk.out'),
    onLog: log.write,
    onStep: progress.step,
    schedules: {
      onStart: (_, { startedAt, name }) => progress.step(`${new Date(startedAt).toUTCString()}: ${name}`),
      onEnd: ({ execution, result }) => progress.note(`${execution.name}: ${result.status}`),
    },
  });
  try {
    const runs = await demonstration.run();
    const names = new Map(demonstration.apple.apps.map(({ id, name }) => [id, name]));
    printTables(runs, names);
    const [firstApp] = demonstration.apple.apps;
    if (s3Upstream === undefined && firstApp !== undefined) {
      progress.step('asking the lake');
      console.log(await sampleAnswers(LAKE_DIRECTORY, firstApp.id));
    }
    for (const message of new Set(runs.flatMap(runMessages))) progress.note(message);
    return runs;
  } finally {
    await demonstration.close();
    await log.close();
  }
}

async function writeReport(runs: readonly FinishedRun[], lake: string): Promise<RunReport> {
  const seconds = performance.now() / 1000;
  const report = createRunReport({ lakeDirectory: lake, seconds, runs, mustLand: true });
  await writeRunReport(join(STATE_DIRECTORY, 'run.json'), report);
  return report;
}

async function start({ s3Endpoint }: Options): Promise<void> {
  const progress = createProgress();
  let lake = LAKE_DIRECTORY;
  try {
    const s3Upstream = s3Endpoint === undefined ? undefined : parseS3Upstream(s3Endpoint, process.env);
    if (s3Upstream !== undefined) lake = s3Upstream.origin;
    const report = await writeReport(await runDemonstration(progress, s3Upstream), lake);
    const { apps, instances, bytes, calls } = report.analytics;
    const landed = `${instances.landed} instances of ${apps} apps landed (${readableBytes(bytes)}, ${calls} calls to simulated Apple) in ${report.seconds} s`;
    if (report.ok) {
      progress.succeed('every execution succeeded');
      console.log(
        s3Upstream === undefined
          ? `done: ${landed}; lake: ${join(STATE_DIRECTORY, 'lake')}; next: npm run query -- overview`
          : `done: ${landed}; lake: ${s3Upstream.origin}`,
      );
      return;
    }
    progress.fail(`not every execution succeeded: ${landed}`);
  } catch (error) {
    progress.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    await writeReport([], lake);
  }
  process.exitCode = 1;
}

const command = new Command('npm start')
  .description(
    'Runs the demonstration: simulated Apple from Wednesday 3 to Friday 5 June 2026, in virtual time, through the ' +
      'synthesized state machine and bundles into .local/lake/ (emptied first). Writes .local/run.json.',
  )
  .option(
    '--s3-endpoint <url>',
    'land on another S3 server instead: its buckets analytics, personal and results are made if missing and ' +
      'EMPTIED first; credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION',
  )
  .allowExcessArguments(false);
await command.parseAsync();
await start(command.opts<Options>());
