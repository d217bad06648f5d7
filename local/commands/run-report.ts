import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AccountDataRun } from './account-data-demonstration.ts';
import { appTotals, type FinishedRun, runCounts } from './finished-run.ts';
import { countOutcomes } from './grant-outcomes.ts';
import { totalOverRuns } from './run-summary.ts';

/** `run.json`: what a command did, as data; its fields are a contract with other programs. */
export interface RunReport {
  readonly ok: boolean;
  /** The lake's folder. */
  readonly lake: string;
  /** Real time, from the command's start. */
  readonly seconds: number;
  readonly analytics: {
    readonly apps: number;
    readonly instances: {
      readonly landed: number;
      readonly pending: number;
      readonly expired: number;
      readonly failed: number;
    };
    readonly bytes: number;
    readonly calls: number;
  };
  /** Only where account data was part of the run. */
  readonly accountData?: {
    readonly grants: number;
    /** Archives that lie whole in the lake, and their bytes. */
    readonly archives: number;
    readonly bytes: number;
    /** How many grants came out in each way (`GrantOutcome`). */
    readonly outcomes: Readonly<Record<string, number>>;
  };
}

export interface RunReportOptions {
  readonly lakeDirectory: string;
  readonly seconds: number;
  readonly runs: readonly FinishedRun[];
  /** Whether a run in which nothing landed counts: in a demonstration it does not. */
  readonly mustLand: boolean;
  readonly accountData?: AccountDataRun;
}

function accountDataReport({ grants }: AccountDataRun): NonNullable<RunReport['accountData']> {
  return {
    grants: grants.length,
    archives: grants.reduce((sum, { archives }) => sum + archives, 0),
    bytes: grants.reduce((sum, { bytes }) => sum + bytes, 0),
    outcomes: countOutcomes(grants),
  };
}

/** An execution that still waits is well; one that was stopped was cancelled. */
function wentWell({ executions }: AccountDataRun): boolean {
  return executions.every(({ status }) => status !== 'FAILED' && status !== 'TIMED_OUT');
}

/** Adds the runs up; `ok` only when there was one, every one SUCCEEDED, and no transfer of account data failed. */
export function createRunReport(options: RunReportOptions): RunReport {
  const { runs, accountData } = options;
  const { bytes, ...instances } = totalOverRuns(runs.map(runCounts));
  const succeeded = runs.length > 0 && runs.every(({ result }) => result.status === 'SUCCEEDED');
  return {
    ok:
      succeeded &&
      (instances.landed > 0 || !options.mustLand) &&
      (accountData === undefined || wentWell(accountData)),
    lake: options.lakeDirectory,
    seconds: Math.round(options.seconds * 10) / 10,
    analytics: {
      apps: appTotals(runs).length,
      instances,
      bytes,
      calls: runs.reduce((sum, run) => sum + (run.summary?.totals.calls ?? 0), 0),
    },
    ...(accountData === undefined ? {} : { accountData: accountDataReport(accountData) }),
  };
}

/** Writes the report whole or not at all. */
export async function writeRunReport(file: string, report: RunReport): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(report, null, 2)}\n`);
  await rename(`${file}.new`, file);
}
