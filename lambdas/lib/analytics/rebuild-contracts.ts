import * as z from 'zod';
import { accessType, day } from './contracts.ts';

/**
 * Inputs and outputs of the functions of rebuild-curated, and the objects that they hand on below
 * `runs/rebuild/<execution>/`. Fields are only ever added, and added as optional: an execution keeps its ASL while the
 * functions change.
 */

const execution = z.string().regex(/^[0-9A-Za-z_-]{1,80}$/);

/** What the execution is started with; an empty object means everything. */
export const rebuildSelection = z.strictObject({
  /** Apple ids of apps. Default all that the ledger has. */
  appIds: z.array(z.string().min(1)).min(1).optional(),
  /** Names of reports, in any of Apple's spellings. Default all that the catalog has. */
  reports: z.array(z.string().min(1)).min(1).optional(),
});
export type RebuildSelection = z.infer<typeof rebuildSelection>;

export const listLedger = {
  input: z.object({
    execution,
    selection: rebuildSelection,
    /** Apple id of the last app that is listed; empty at first. */
    cursor: z.string(),
  }),
  output: z.object({
    /** `more`: the invocation's time is over, go on from `cursor`. */
    phase: z.enum(['listed', 'more']),
    cursor: z.string(),
    /** Tables of apps found by this invocation. */
    tables: z.int().min(0),
  }),
};

/** How far a table has come. */
export const rebuildCursor = z.object({
  /** Index of the first instance that is not done with. */
  next: z.int().min(0),
  /** Up to which of its Dates that instance is published. */
  publishedTo: day.optional(),
});
export type RebuildCursor = z.infer<typeof rebuildCursor>;

export const rebuildTable = {
  input: z.object({ execution, tableKey: z.string().min(1), cursor: rebuildCursor }),
  output: z.object({ phase: z.enum(['rebuilt', 'more']), cursor: rebuildCursor }),
};

export const summarizeRebuild = {
  input: z.object({ execution }),
  output: z.object({
    /** Tables of apps that were listed. */
    tables: z.int(),
    /** Instances curated, Dates in them, and Dates that they became the owners of now. */
    deliveries: z.int(),
    dates: z.int(),
    written: z.int(),
    /** Instances that could not be curated, for reasons of their own. */
    failedDeliveries: z.int(),
    /** Tables that were listed and not finished; more than none fails the execution at its end. */
    failedTables: z.int(),
    summaryKey: z.string(),
  }),
};
export type RebuildOutcome = z.infer<typeof summarizeRebuild.output>;

/** What `List Ledger` writes for each table of an app: its landed instances, newest first. */
export const tableInstances = z.object({
  appId: z.string(),
  table: z.string(),
  instances: z.array(z.object({ access: accessType, processingDate: day, instanceId: z.string() })),
});
export type TableInstances = z.infer<typeof tableInstances>;

const rebuiltDelivery = z.object({
  instanceId: z.string(),
  access: accessType,
  processingDate: day,
  outcome: z.enum(['curated', 'failed']),
  dates: z.int(),
  written: z.int(),
  /** Name and sentence of the error, for `failed`. */
  error: z.string().optional(),
  message: z.string().optional(),
});
export type RebuiltDelivery = z.infer<typeof rebuiltDelivery>;

/** What one invocation made of an app's table. */
export const tableResult = z.object({
  appId: z.string(),
  table: z.string(),
  /** What the invocation answered with; null when it ended in an error. */
  phase: rebuildTable.output.shape.phase.nullable(),
  deliveries: z.array(rebuiltDelivery),
});
export type TableResult = z.infer<typeof tableResult>;
