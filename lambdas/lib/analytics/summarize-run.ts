import * as z from 'zod';
import { PayloadContractError } from '../errors.ts';
import { failuresPrefix, runAppsKey, runPrefix, summaryKey } from '../lake/keys.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { mapBounded } from '../runtime/bounded.ts';
import type { Log } from '../runtime/log.ts';
import type { MetricSink } from '../runtime/metrics.ts';
import type { RunOutcome } from './contracts.ts';
import { addFigures, type FreshnessFigures } from './freshness.ts';
import { runMetrics } from './run-metrics.ts';
import {
  type DeliveryOutcome,
  type InstanceOutcome,
  type OutcomeName,
  type OutcomeNote,
  type RunId,
  runApps,
  type StepRecord,
  stepRecord,
} from './run-record.ts';

/** Objects read at once; a run of 1,000 apps writes a few thousand small ones. */
const READS_IN_FLIGHT = 16;

/** Ends of the last two steps, after which nothing remains to be done for an app; every app comes to `curate`. */
const ENDS: ReadonlySet<string> = new Set(['curate curated', 'replace replaced', 'replace stopped']);

const appFailure = z.object({ appId: z.string(), error: z.string() });

interface ReportSummary {
  landed: number;
  pending: number;
  expired: number;
  failed: number;
  bytes: number;
  /** Deliveries that became curated, or could not be. */
  curated: number;
  curationFailed: number;
  /** Dates of which a delivery became the owner. */
  datesWritten: number;
  outcomes: OutcomeName[];
}

interface AppSummary {
  readonly appId: string;
  /** `synced`, `stopped` by a typed outcome, or `failed` by an error. */
  readonly state: 'synced' | 'stopped' | 'failed';
  readonly error?: string;
  readonly notes: readonly OutcomeNote[];
  readonly reports: Readonly<Record<string, ReportSummary>>;
}

export interface SummarizeDeps {
  readonly store: ObjectStore;
  readonly metrics: MetricSink;
  readonly log: Log;
}

function newReportSummary(): ReportSummary {
  return {
    ...{ landed: 0, pending: 0, expired: 0, failed: 0, bytes: 0 },
    ...{ curated: 0, curationFailed: 0, datesWritten: 0, outcomes: [] },
  };
}

/** A repeated step may tell of the same instance twice: the later word counts. */
function latest<Outcome extends InstanceOutcome | DeliveryOutcome>(
  outcomes: readonly Outcome[],
): readonly Outcome[] {
  return [...new Map(outcomes.map((entry) => [entry.instanceId, entry])).values()];
}

/** Notes of a step that was repeated (after a wait, or a crash) are told once. */
function distinctNotes(records: readonly StepRecord[]): readonly OutcomeNote[] {
  const notes = records.flatMap((entry) => entry.notes);
  return [...new Map(notes.map((entry) => [JSON.stringify(entry), entry])).values()];
}

/** A step that is stopped does not keep what has landed from being curated, so it need not be the last one. */
function wasStopped(records: readonly StepRecord[]): boolean {
  const lastOfStep = new Map(records.map(({ step, phase }) => [step, phase]));
  return [...lastOfStep.values()].includes('stopped');
}

function summarizeApp(appId: string, records: readonly StepRecord[], error: string | undefined): AppSummary {
  const reports: Record<string, ReportSummary> = {};
  const notes = distinctNotes(records);
  const reportOf = (slug: string): ReportSummary => {
    reports[slug] ??= newReportSummary();
    return reports[slug];
  };
  for (const entry of latest(records.flatMap(({ instances }) => instances))) {
    const report = reportOf(entry.report);
    report[entry.outcome] += 1;
    report.bytes += entry.bytes;
  }
  for (const entry of latest(records.flatMap(({ deliveries = [] }) => deliveries))) {
    const report = reportOf(entry.report);
    report[entry.outcome === 'curated' ? 'curated' : 'curationFailed'] += 1;
    report.datesWritten += entry.written;
  }
  for (const { report, outcome } of notes) if (report !== undefined) reportOf(report).outcomes.push(outcome);
  // Records are in the order of the steps: only the last one tells whether the work on the app came to its end.
  const record = records.at(-1);
  const last = record === undefined ? 'no record' : `${record.step} ${record.phase ?? 'failed'}`;
  if (error === undefined && ENDS.has(last)) {
    return { appId, state: wasStopped(records) ? 'stopped' : 'synced', notes, reports };
  }
  return {
    appId,
    state: 'failed',
    error: error ?? `the last step ended without a result (${last})`,
    notes,
    reports,
  };
}

/** The records of every app, oldest first, and the failures that the state machine wrote. */
async function readRun(
  store: ObjectStore,
  run: RunId,
): Promise<{ records: StepRecord[]; failures: Map<string, string> }> {
  const prefix = runPrefix(run.account.name, run.execution);
  const keys = await store.list(prefix);
  const recordKeys = keys.filter((key) => key.startsWith(`${prefix}outcomes/`));
  const failureKeys = keys.filter((key) => key.startsWith(failuresPrefix(run.account.name, run.execution)));
  const read = async <Schema extends z.ZodType>(key: string, schema: Schema): Promise<z.output<Schema>[]> => {
    const stored = await store.readJson(key, schema);
    return stored === undefined ? [] : [stored.value];
  };
  const records = await mapBounded(recordKeys, READS_IN_FLIGHT, (key) => read(key, stepRecord));
  const failures = await mapBounded(failureKeys, READS_IN_FLIGHT, (key) => read(key, appFailure));
  return {
    records: records.flat(),
    failures: new Map(failures.flat().map((entry) => [entry.appId, entry.error])),
  };
}

function totalsOf(apps: readonly AppSummary[]): Omit<ReportSummary, 'outcomes'> {
  const { outcomes: _, ...totals } = newReportSummary();
  for (const app of apps) {
    for (const report of Object.values(app.reports)) {
      totals.landed += report.landed;
      totals.pending += report.pending;
      totals.expired += report.expired;
      totals.failed += report.failed;
      totals.bytes += report.bytes;
      totals.curated += report.curated;
      totals.curationFailed += report.curationFailed;
      totals.datesWritten += report.datesWritten;
    }
  }
  return totals;
}

/** The figures of an app after its last curation of the run. */
function lastFigures(records: readonly StepRecord[]): readonly FreshnessFigures[] {
  return records.flatMap(({ freshness = [] }) => freshness).slice(-1);
}

function countOutcomes(notes: readonly OutcomeNote[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of notes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/**
 * Adds up what the run wrote about itself: outcomes per app and report, bytes, calls and the lowest budget seen;
 * as `summary.json`, as metrics and as the run's output. An app that left neither a record nor a failure counts
 * as failed. Repeating it overwrites the same summary.
 * Fails with PayloadContractError when `List Apps` left no list.
 */
export async function summarizeRun(deps: SummarizeDeps, run: RunId): Promise<RunOutcome> {
  const listKey = runAppsKey(run.account.name, run.execution);
  const listed = (await deps.store.readJson(listKey, runApps))?.value;
  if (listed === undefined) {
    throw new PayloadContractError(
      `The run has no ${listKey}: List Apps has to end before it is summarised.`,
      {
        details: { key: listKey },
      },
    );
  }
  const { records, failures } = await readRun(deps.store, run);
  const recordsOf = Map.groupBy(records, (entry) => entry.appId);
  const apps = listed.appIds.map((appId) =>
    summarizeApp(appId, recordsOf.get(appId) ?? [], failures.get(appId)),
  );
  const { landed, pending, expired, failed, bytes, ...totals } = totalsOf(apps);
  const budgets = [listed, ...records].flatMap((entry) => entry.lowestBudget ?? []);
  const outcome: RunOutcome = {
    apps: apps.length,
    instances: { landed, pending, expired, failed },
    bytes,
    curation: {
      deliveries: totals.curated,
      dates: totals.datesWritten,
      failed: totals.curationFailed,
    },
    freshness: addFigures([...recordsOf.values()].flatMap(lastFigures)),
    calls: [listed, ...records].reduce((sum, entry) => sum + entry.calls, 0),
    lowestBudget: budgets.length === 0 ? null : Math.min(...budgets),
    outcomes: countOutcomes([...listed.notes, ...apps.flatMap((app) => app.notes)]),
    failedApps: apps.filter((app) => app.state === 'failed').length,
  };
  const summary = {
    account: run.account.name,
    execution: run.execution,
    totals: outcome,
    notes: listed.notes,
    apps,
  };
  await deps.store.writeText(summaryKey(run.account.name, run.execution), jsonText(summary));
  for (const [name, value] of runMetrics(outcome)) deps.metrics.count(name, value);
  deps.metrics.flush();
  deps.log.info('run summarised', { ...outcome });
  return outcome;
}
