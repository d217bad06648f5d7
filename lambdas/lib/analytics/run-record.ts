import * as z from 'zod';
import { outcomesKey, planKey as planKeyOf, runAppsKey } from '../lake/keys.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { accessType, day, granularity } from './contracts.ts';
import { freshnessFigures } from './freshness.ts';

/**
 * What a run writes about itself under `runs/`: typed outcomes that `Summarize Run` adds up. Known outcomes
 * never fail a run; each is counted, and those where a person must act have an alarm.
 */

/** Why an app, or one of its reports, ended other than by delivering. */
export const OUTCOMES = [
  'admin-key-needed',
  'agreement-missing',
  'app-not-found',
  'all-reports-empty',
  'checksum-missing',
  'columns-first-seen',
  'columns-missing',
  'columns-unknown',
  'credentials-refused',
  'curation-failed',
  'delivery-stopped',
  'empty',
  'forbidden',
  'list-incomplete',
  'operation-not-allowed',
  'pending-long',
  'program-license-invalid',
  'quarantined',
  'raw-only',
  'report-not-in-catalog',
  'report-not-offered',
  'request-refused',
  'request-replaced',
  'request-stopped',
  'role-forbidden',
  'snapshot-refused',
] as const;
export const outcomeName = z.enum(OUTCOMES);
export type OutcomeName = z.infer<typeof outcomeName>;

const note = z.object({
  outcome: outcomeName,
  /** The report's slug, where the outcome is a report's. */
  report: z.string().optional(),
  /** A sentence for the operator: what happened, and what to do. */
  message: z.string().optional(),
});
export type OutcomeNote = z.infer<typeof note>;

const instanceOutcome = z.object({
  instanceId: z.string(),
  report: z.string(),
  granularity,
  access: accessType,
  processingDate: day,
  outcome: z.enum(['landed', 'pending', 'expired', 'failed']),
  bytes: z.int(),
  /** Name and sentence of the error, for `failed`. */
  error: z.string().optional(),
  message: z.string().optional(),
});
export type InstanceOutcome = z.infer<typeof instanceOutcome>;

const deliveryOutcome = z.object({
  instanceId: z.string(),
  report: z.string(),
  granularity,
  access: accessType,
  processingDate: day,
  outcome: z.enum(['curated', 'failed']),
  /** Dates that the delivery tells of, and how many of them it became the owner of. */
  dates: z.int(),
  written: z.int(),
  rows: z.int(),
  /** Name and sentence of the error, for `failed`. */
  error: z.string().optional(),
  message: z.string().optional(),
});
export type DeliveryOutcome = z.infer<typeof deliveryOutcome>;

/** One step's account of what it did for one app. */
export const stepRecord = z.object({
  appId: z.string(),
  step: z.enum(['ensure', 'list', 'land', 'curate', 'replace']),
  calls: z.int(),
  lowestBudget: z.int().nullable(),
  /** The phase that the step answered with; null when it ended in an error. */
  phase: z.string().nullable(),
  notes: z.array(note),
  instances: z.array(instanceOutcome),
  /** Only of the step that curates. */
  deliveries: z.array(deliveryOutcome).optional(),
  freshness: freshnessFigures.optional(),
});
export type StepRecord = z.infer<typeof stepRecord>;

/** What `List Apps` writes: the apps of this run, and how the account ended if Apple refused it as a whole. */
export const runApps = z.object({
  appIds: z.array(z.string()),
  calls: z.int(),
  lowestBudget: z.int().nullable(),
  notes: z.array(note),
});
export type RunApps = z.infer<typeof runApps>;

const plannedInstance = z.object({
  requestId: z.string(),
  reportSlug: z.string(),
  reportName: z.string(),
  granularity,
  access: accessType,
  processingDate: day,
  instanceId: z.string(),
});
export type PlannedInstance = z.infer<typeof plannedInstance>;

/** What `List New Instances` hands to `Land Segments`: ids only, in the order in which they are landed. */
export const plan = z.object({
  appId: z.string(),
  instances: z.array(plannedInstance),
  /** The ongoing request that Apple stopped, if everything it lists is in this plan or in the ledger. */
  replaceableRequestId: z.string().nullable(),
});
export type Plan = z.infer<typeof plan>;

export interface RunId {
  readonly account: { readonly name: string };
  readonly execution: string;
}

export interface AppRunId extends RunId {
  readonly appId: string;
}

/** Steps in the order in which an app passes them; a repeated step stays in its place. */
const STEP_ORDER: readonly StepRecord['step'][] = ['ensure', 'list', 'land', 'curate', 'replace'];

/** Time of the newest record that this process has written, milliseconds since 1970. */
let newestRecordAt = 0;

/**
 * Writes a step's record; keys sort by step, then by time, so the last record tells how far the app came. No two
 * records of a process have the same time, so that none overwrites another, and a write that the SDK repeats has the
 * same key.
 */
export async function writeStepRecord(
  store: ObjectStore,
  run: AppRunId,
  now: number,
  record: StepRecord,
): Promise<void> {
  newestRecordAt = Math.max(now, newestRecordAt + 1);
  const time = new Date(newestRecordAt).toISOString().replace(/[:.]/g, '-');
  const part = `${STEP_ORDER.indexOf(record.step)}-${record.step}-${time}`;
  await store.writeText(outcomesKey(run.account.name, run.execution, run.appId, part), jsonText(record));
}

export async function writeRunApps(store: ObjectStore, run: RunId, apps: RunApps): Promise<void> {
  await store.writeText(runAppsKey(run.account.name, run.execution), jsonText(apps));
}

/** Writes the plan and returns its key. */
export async function writePlan(store: ObjectStore, run: AppRunId, content: Plan): Promise<string> {
  const key = planKeyOf(run.account.name, run.execution, run.appId);
  await store.writeText(key, jsonText(content));
  return key;
}
