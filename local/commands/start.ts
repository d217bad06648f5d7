import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { parseS3Upstream, type S3Upstream } from '../s3-proxy/upstream.ts';
import { type AccountDataRun, transferMessages } from './account-data-demonstration.ts';
import { createDemonstration, type Demonstration } from './demonstration.ts';
import { type FinishedRun, runMessages } from './finished-run.ts';
import { openFunctionLog } from './function-log.ts';
import { grantReportTable } from './grant-tables.ts';
import { appTable, outcomeTable, runTable } from './outcome-tables.ts';
import { createProgress, type Progress } from './progress.ts';
import { createRunReport, type RunReport, writeRunReport } from './run-report.ts';
import { sampleAccountDataAnswers, sampleAnswers } from './sample-queries.ts';
import { readableBytes } from './text-table.ts';

const STATE_DIRECTORY = '.local';
const LAKE_DIRECTORY = resolve(STATE_DIRECTORY, 'lake');

interface Options {
  readonly s3Endpoint?: string;
}

/** What both flows came to. */
interface BothFlows {
  readonly runs: readonly FinishedRun[];
  readonly accountData: AccountDataRun;
}

const NOTHING: BothFlows = { runs: [], accountData: { grants: [], executions: [] } };

function printTables({ runs, accountData }: BothFlows, demonstration: Demonstration): void {
  const names = new Map(demonstration.apple.apps.map(({ id, name }) => [id, name]));
  const transfers = grantReportTable(accountData.grants, demonstration.clock.now());
  for (const table of [runTable(runs), appTable(runs, names), outcomeTable(runs), transfers]) {
    if (table !== '') console.log(table);
  }
}

async function printAnswers({ accountData }: BothFlows, { apple }: Demonstration): Promise<void> {
  const [app] = apple.apps;
  const [person] = accountData.grants;
  if (app !== undefined) console.log(await sampleAnswers(LAKE_DIRECTORY, app.id));
  if (person !== undefined) {
    console.log(await sampleAccountDataAnswers(LAKE_DIRECTORY, person.grant.grantId));
  }
}

async function runBothFlows(demonstration: Demonstration, progress: Progress): Promise<BothFlows> {
  progress.step('importing the grants of twenty people');
  await demonstration.accountData.begin();
  const runs = await demonstration.run();
  progress.step('account data goes on to day 31');
  const accountData = await demonstration.accountData.finish();
  const messages = [...runs.flatMap(runMessages), ...transferMessages(accountData)];
  for (const message of new Set(messages)) progress.note(message);
  return { runs, accountData };
}

async function runDemonstration(progress: Progress, s3Upstream?: S3Upstream): Promise<BothFlows> {
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
    onEvent: progress.note,
    schedules: {
      onStart: (_, { startedAt, name }) => progress.step(`${new Date(startedAt).toUTCString()}: ${name}`),
      onEnd: ({ execution, result }) => progress.note(`${execution.name}: ${result.status}`),
    },
  });
  try {
    const flows = await runBothFlows(demonstration, progress);
    printTables(flows, demonstration);
    if (s3Upstream === undefined) {
      progress.step('asking the lake');
      await printAnswers(flows, demonstration);
    }
    return flows;
  } finally {
    await demonstration.close();
    await log.close();
  }
}

async function writeReport({ runs, accountData }: BothFlows, lake: string): Promise<RunReport> {
  const seconds = performance.now() / 1000;
  const report = createRunReport({ lakeDirectory: lake, seconds, runs, accountData, mustLand: true });
  await writeRunReport(join(STATE_DIRECTORY, 'run.json'), report);
  return report;
}

function summaryOf({ analytics, accountData, seconds }: RunReport): string {
  const { apps, instances, bytes, calls } = analytics;
  const { archives, grants, bytes: archiveBytes } = accountData ?? { archives: 0, grants: 0, bytes: 0 };
  return [
    `${instances.landed} instances of ${apps} apps (${readableBytes(bytes)}, ${calls} calls to simulated Apple)`,
    `and ${archives} archives of ${grants} people (${readableBytes(archiveBytes)}) landed in ${seconds} s`,
  ].join(' ');
}

async function start({ s3Endpoint }: Options): Promise<void> {
  const progress = createProgress();
  let lake = LAKE_DIRECTORY;
  try {
    const s3Upstream = s3Endpoint === undefined ? undefined : parseS3Upstream(s3Endpoint, process.env);
    if (s3Upstream !== undefined) lake = s3Upstream.origin;
    const report = await writeReport(await runDemonstration(progress, s3Upstream), lake);
    const landed = summaryOf(report);
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
    await writeReport(NOTHING, lake);
  }
  process.exitCode = 1;
}

const command = new Command('npm start')
  .description(
    'Runs the demonstration: analytics of five apps from Wednesday 3 to Friday 5 June 2026, and 31 days of account ' +
      'data of twenty people, from simulated Apple in virtual time, through the synthesized state machines and bundles ' +
      'into .local/lake/ (emptied first). Writes .local/run.json.',
  )
  .option(
    '--s3-endpoint <url>',
    'land on another S3 server instead: its buckets analytics, personal and results are made if missing and ' +
      'EMPTIED first; credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION',
  )
  .allowExcessArguments(false);
await command.parseAsync();
await start(command.opts<Options>());
