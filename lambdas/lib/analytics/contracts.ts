import * as z from 'zod';
import { freshnessFigures } from './freshness.ts';

/**
 * Inputs and outputs of the functions of analytics-sync (decision 004). They carry ids, counts, keys of our own
 * bucket and delays, never a URL or a token. A running execution keeps its ASL while the functions change, so
 * fields are only ever added, and added as optional.
 */

export const GRANULARITIES = ['DAILY', 'WEEKLY', 'MONTHLY'] as const;
export const granularity = z.enum(GRANULARITIES);
export type Granularity = z.infer<typeof granularity>;

export const ACCESS_TYPES = ['ONGOING', 'ONE_TIME_SNAPSHOT'] as const;
export const accessType = z.enum(ACCESS_TYPES);
export type AccessType = z.infer<typeof accessType>;

/** A calendar day, `YYYY-MM-DD`. */
export const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

/** One App Store Connect team with its keys, as its schedule hands it to the state machine. */
export const account = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/),
  /** Which kind of key the reader secret holds; without it either kind is taken. */
  key: z.enum(['team', 'individual']).optional(),
  readerSecretArn: z.string().min(1),
  adminSecretArn: z.string().min(1).optional(),
  apps: z.union([z.literal('all'), z.array(z.string()).min(1)]),
  exclude: z.array(z.string()).default([]),
  /** Report names as Apple writes them; categories are resolved when the configuration is read. */
  reports: z.array(z.string()).min(1),
  granularities: z.array(granularity).min(1),
  backfill: z.enum(['none', 'snapshot']),
  /** Which of the account's apps get the snapshot when `backfill` asks for one. */
  backfillApps: z.union([z.literal('all'), z.array(z.string())]).default('all'),
  /** Share (0 to 0.9) of Apple's hourly call budget that is left to other users of the key. */
  callBudgetReserve: z.number().min(0).max(0.9),
  /** Apps worked on at once (`MaxConcurrency` of the Distributed Map). */
  concurrency: z.int().min(1).max(4),
  /** Calls in flight for the key, over all apps worked on at once. */
  callsInFlight: z.int().min(1).max(8),
});
export type Account = z.infer<typeof account>;

/** Which run a step belongs to: `runs/<account>/<execution>/` holds everything that the run writes about itself. */
const run = { account, execution: z.string().regex(/^[0-9A-Za-z_-]{1,80}$/) };
const appRun = { ...run, appId: z.string().min(1) };

/** Seconds to wait before the same step is asked again; only with phase `throttled`. */
const delaySeconds = z.int().min(0).max(3600);

export const takeAccountLease = {
  input: z.object({
    ...run,
    executionArn: z.string().min(1),
    /** Start of the execution, ISO 8601; the lease ends when the machine's TimeoutSeconds have passed since. */
    startedAt: z.iso.datetime(),
  }),
  output: z.object({ lease: z.enum(['taken', 'already-running']) }),
};

export const listApps = {
  input: z.object({ ...run }),
  output: z.object({ phase: z.enum(['listed', 'throttled']), appIds: z.array(z.string()), delaySeconds }),
};

export const ensureReportRequests = {
  input: z.object({ ...appRun }),
  /** `stopped`: a typed outcome (written under `runs/`) ends the work on this app without failing the run. */
  output: z.object({ phase: z.enum(['ready', 'throttled', 'stopped']), delaySeconds }),
};

export const listNewInstances = {
  input: z.object({ ...appRun }),
  output: z.object({
    /** `replace`: nothing new, and Apple stopped a request that can be replaced now. */
    phase: z.enum(['planned', 'nothing-new', 'replace', 'throttled', 'stopped']),
    planKey: z.string(),
    count: z.int().min(0),
    delaySeconds,
  }),
};

export const landSegments = {
  input: z.object({ ...appRun, planKey: z.string(), cursor: z.int().min(0) }),
  output: z.object({
    /** `more`: the invocation's time is over, go on from `cursor`. */
    phase: z.enum(['landed', 'more', 'replace', 'throttled', 'stopped']),
    /** Index in the plan of the first instance without an outcome. */
    cursor: z.int().min(0),
    delaySeconds,
  }),
};

/** How far a run has come with an app's curation; only the function that writes it looks into it. */
export const curationCursor = z.object({
  /** Manifest key of the last instance that is done with in this run; empty at first. */
  after: z.string(),
  /** An instance whose Dates are published up to one of them. */
  partly: z.object({ manifestKey: z.string(), publishedTo: day }).optional(),
});
export type CurationCursor = z.infer<typeof curationCursor>;

export const curateInstances = {
  input: z.object({ ...appRun, cursor: curationCursor }),
  output: z.object({
    /** `more`: the invocation's time is over, go on from `cursor`. */
    phase: z.enum(['curated', 'more']),
    cursor: curationCursor,
  }),
};

export const replaceStoppedRequest = {
  input: z.object({ ...appRun }),
  output: z.object({ phase: z.enum(['replaced', 'throttled', 'stopped']), delaySeconds }),
};

export const runOutcome = z.object({
  apps: z.int(),
  instances: z.object({ landed: z.int(), pending: z.int(), expired: z.int(), failed: z.int() }),
  bytes: z.int(),
  /** Deliveries that became curated, the Dates of which they became the owners, and deliveries that could not. */
  curation: z.object({ deliveries: z.int(), dates: z.int(), failed: z.int() }).optional(),
  /** Over all reports of all apps: how many are empty, missing processing days, days until the first is deleted. */
  freshness: freshnessFigures.optional(),
  calls: z.int(),
  /** Lowest `user-hour-rem` seen in the run; null when Apple sent none. */
  lowestBudget: z.int().nullable(),
  /** How often each typed outcome of an app or report occurred, e.g. `admin-key-needed`, `empty`. */
  outcomes: z.record(z.string(), z.int()),
  /** Apps that ended in an error without a typed outcome; more than none fails the run at its end. */
  failedApps: z.int(),
});
export type RunOutcome = z.infer<typeof runOutcome>;

export const summarizeRun = { input: z.object({ ...run }), output: runOutcome };

export const releaseAccountLease = {
  input: z.object({ ...run, executionArn: z.string().min(1) }),
  output: z.object({ released: z.boolean() }),
};
