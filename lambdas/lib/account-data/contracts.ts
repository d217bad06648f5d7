import * as z from 'zod';

/**
 * The payloads between account-data-transfer.asl.json and its functions. Ids, counts and times only: nothing that
 * expires and nothing personal is state. A field may be added with a default; none may be renamed or taken away
 * while executions of an earlier release run.
 */

/** Apple's modes of a request. */
export const MODES = ['ONE_TIME', 'DAILY_30', 'WEEKLY_180'] as const;
export const mode = z.enum(MODES);
export type Mode = z.infer<typeof mode>;

/** Which of Apple's two services a grant is for; they differ in base URL and regions. */
export const SERVICES = ['account-data', 'app-data'] as const;
export const service = z.enum(SERVICES);
export type Service = z.infer<typeof service>;

/** Where the authorising person lives. */
export const REGIONS = ['EU', 'UK', 'JP'] as const;
export const region = z.enum(REGIONS);
export type Region = z.infer<typeof region>;

/** A grant's id is ours and made at random; it may stand in keys, names of executions and logs. */
export const grantId = z.uuid();

/** One instance of a series: the input of an execution, whose name is `<grantId>-<series>-<instance>`. */
export const instanceReference = z.object({
  grantId,
  /** Counts the series of a grant from 1. */
  series: z.int().positive(),
  /** Counts the instances of a series from 1. */
  instance: z.int().positive(),
});
export type InstanceReference = z.infer<typeof instanceReference>;

/** Name of the one execution that works on an instance. */
export function executionName({ grantId: id, series, instance }: InstanceReference): string {
  return `${id}-${series}-${instance}`;
}

/**
 * What comes next for an instance. `submit`: ask Apple for it; `wait`: nothing can be done for `delaySeconds`, then
 * check the status; `fetch`, `unpack`: go on there at once; `next`: this instance is over and `nextInstance` is due at
 * `nextAt`; `ended`: this instance is over and none follows.
 */
export const PHASES = ['submit', 'wait', 'fetch', 'unpack', 'next', 'ended'] as const;
export const phase = z.enum(PHASES);

/** How an instance, or this step of it, came out; counted as metrics and told by `npm run grants`. */
export const OUTCOMES = [
  'submitted',
  'in-progress',
  'delay-capped',
  'completed',
  'fetched',
  'fetched-partial',
  'no-archives',
  'unpacked',
  'unpacked-with-refusals',
  'job-error',
  'expired',
  'cancelled',
  'cancelled-by-apple',
  'request-not-found',
  'took-too-long',
  'series-ended',
  'grant-refused',
  'grant-revoked',
  'needs-attention',
  'calls-stopped',
  'apple-unavailable',
  'host-refused',
  'erased',
  'not-current',
] as const;
export const outcome = z.enum(OUTCOMES);
export type Outcome = z.infer<typeof outcome>;

/** The answer of every step that talks to Apple. */
export const stepAnswer = z.object({
  phase,
  /** Whole seconds; 0 unless `phase` is `wait`. */
  delaySeconds: z.int().nonnegative(),
  outcome,
  /** Apple's id of the instance, once it has one. */
  requestId: z.string().nullable(),
  /** The series of the instance that follows: this one, or the one that renews it. */
  nextSeries: z.int().positive().nullable(),
  /** The instance that follows, where the series goes on after this one or is renewed. */
  nextInstance: z.int().positive().nullable(),
  /** When it is due, ISO 8601; set exactly when `nextInstance` is. */
  nextAt: z.iso.datetime().nullable(),
});
export type StepAnswer = z.infer<typeof stepAnswer>;

export const submitRequest = { input: instanceReference, output: stepAnswer };
export const checkStatus = { input: instanceReference, output: stepAnswer };
/** Goes on by itself from what lies in S3; `phase` is `fetch` again when the invocation's time did not suffice. */
export const fetchArchives = { input: instanceReference, output: stepAnswer };

/** Which archive and entry an unpacking goes on with; both count from 1. */
export const unpackCursor = z.object({ archive: z.int().positive(), entry: z.int().positive() });
export type UnpackCursor = z.infer<typeof unpackCursor>;

export const unpackArchives = {
  input: z.object({ grantId, requestId: z.string().min(1), cursor: unpackCursor.nullable() }),
  output: z.object({
    phase: z.enum(['more', 'unpacked', 'erased']),
    /** Where to go on; null unless `phase` is `more`. */
    cursor: unpackCursor.nullable(),
    outcome,
  }),
};
export type UnpackAnswer = z.infer<(typeof unpackArchives)['output']>;

/** Cancels what a grant has in progress: the instance, or the whole series. */
export const cancelRequest = {
  input: z.object({ grantId, scope: z.enum(['instance', 'series']) }),
  output: z.object({
    /** `nothing-to-cancel`: no live series; `refused`: Apple no longer cancels it. */
    result: z.enum(['cancelled', 'nothing-to-cancel', 'refused', 'unavailable']),
    /** Which of Apple's ids worked. */
    by: z.enum(['parent', 'instance']).nullable(),
    stoppedExecution: z.string().nullable(),
    /** The instance whose resubmission decides whether the series lives, after an instance was cancelled. */
    nextInstance: z.int().positive().nullable(),
  }),
};
export type CancelAnswer = z.infer<(typeof cancelRequest)['output']>;

/** Deletes what superseded instances hold, beyond the configured number. */
export const deleteSuperseded = {
  input: z.object({}).loose(),
  output: z.object({ grants: z.int(), instances: z.int(), objects: z.int() }),
};
