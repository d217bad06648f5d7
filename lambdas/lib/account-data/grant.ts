import * as z from 'zod';
import { GrantNotFoundError, WriteConflictError } from '../errors.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { grantKey } from '../lake/personal-keys.ts';
import { grantId, mode, region, service } from './contracts.ts';

/** Transaction ids (`X-Apple-Transaction-Id`) of the latest call of each kind; Apple's support asks for them. */
const transactionIds = z.partialRecord(
  z.enum(['submit', 'resubmit', 'status', 'fetch', 'cancel']),
  z.string(),
);

/** Where an instance stands; every state but the first two is terminal. */
export const instanceState = z.enum([
  /** About to be asked for, or the answer was lost. */
  'submitting',
  /** Apple works on it, or its archives are still to be fetched. */
  'in-progress',
  'fetched',
  'fetched-partial',
  'error',
  'expired',
  'cancelled',
  'cancelled-by-apple',
  'request-not-found',
  'took-too-long',
]);

export const instanceRecord = z.object({
  number: z.int().positive(),
  state: instanceState,
  /**
   * Written before the call that creates it at Apple: when the latest such call was made, when the first one, and how
   * many were made whose answer did not come.
   */
  intent: z.object({
    call: z.enum(['submit', 'resubmit']),
    at: z.iso.datetime(),
    since: z.iso.datetime().optional(),
    tries: z.int().nonnegative(),
  }),
  /** Until when Apple may hold a series that we ended against a new one: nothing is submitted before. */
  blockedUntil: z.iso.datetime().optional(),
  /** Apple's id; absent until an answer named it. */
  requestId: z.string().optional(),
  /** When the answer that named it arrived. */
  submittedAt: z.iso.datetime().optional(),
  /** No status call before this time (statusCheckDelay). */
  notBefore: z.iso.datetime().optional(),
  /** The last answer that said it was not yet complete; the three days count from here. */
  lastIncompleteAt: z.iso.datetime().optional(),
  /** The first answer that said it was complete. */
  completionSeenAt: z.iso.datetime().optional(),
  jobStatus: z.enum(['completed', 'completed_with_error']).optional(),
  /** Requests that this instance asked for before the present one and that failed (ONE_TIME submits anew once). */
  failedRequestIds: z.array(z.string()).default([]),
  endedAt: z.iso.datetime().optional(),
  transactionIds: transactionIds.default({}),
});
export type InstanceRecord = z.infer<typeof instanceRecord>;

export const seriesRecord = z.object({
  number: z.int().positive(),
  /** As the grant asks for it. */
  mode,
  /** What is submitted to Apple: `ONE_TIME` again and again where it refused the recurring mode. */
  submittedMode: mode,
  service,
  parentRequestId: z.string().optional(),
  /** Of the first call of the series that Apple answered; day 30/180 and 40/190 count from here. */
  firstSubmittedAt: z.iso.datetime().optional(),
  /** Of the latest submit or resubmit; the period counts from here. */
  lastSubmittedAt: z.iso.datetime().optional(),
  status: z.enum(['live', 'ended']),
  endedBy: z
    .enum(['term', 'apple', 'cancelled', 'cancelled-by-apple', 'grant', 'failed', 'request-not-found'])
    .optional(),
  endedAt: z.iso.datetime().optional(),
  /** Before the call and after it, so that a cancel is never forgotten half way. */
  cancel: z
    .object({
      scope: z.enum(['instance', 'series']),
      at: z.iso.datetime(),
      /** The latest instance at that time. */
      instance: z.int().positive().optional(),
      /** Which of Apple's ids worked; absent while it is under way. */
      by: z.enum(['parent', 'instance']).optional(),
    })
    .optional(),
  instances: z.array(instanceRecord),
});
export type SeriesRecord = z.infer<typeof seriesRecord>;

/** One person's authorisation and all that was asked of Apple with it. The only object with a refresh token. */
export const grant = z.object({
  grantId,
  /** The importer's own name for the person. */
  externalId: z.string().min(1),
  refreshToken: z.string().min(1),
  region,
  scopes: z.array(z.string()).min(1),
  mode,
  service,
  status: z.enum(['active', 'revoked', 'needs-attention']),
  /** Why a person has to look at it. */
  attention: z.string().optional(),
  /** First sign of a revocation: Apple answered `invalid_grant`. A second one 24 h later is needed. */
  refusedAt: z.iso.datetime().optional(),
  /** Second sign; counts once an hour later it is not one of many, which would be our own fault. */
  refusedAgainAt: z.iso.datetime().optional(),
  /** Apple refused the recurring mode: the same period by repeated ONE_TIME requests. */
  fallback: z.literal('ONE_TIME').optional(),
  series: z.array(seriesRecord),
});
export type Grant = z.infer<typeof grant>;

/** Rounds of read and conditional write before two writers count as fighting. */
const ATTEMPTS = 8;

/** Reads a grant; GrantNotFoundError when there is none. */
export async function readGrant(store: ObjectStore, id: string): Promise<Grant> {
  return (await stored(store, id)).value;
}

async function stored(store: ObjectStore, id: string) {
  const found = await store.readJson(grantKey(id), grant);
  if (found !== undefined) return found;
  throw new GrantNotFoundError(`There is no grant ${id}: list the grants, and import it if it is missing.`, {
    details: { grantId: id },
  });
}

/**
 * Changes a grant by compare-and-swap and returns it as written. `change` gets the present one and returns the new
 * one, or the same object to leave it; it may be called again after another writer won.
 * Fails with GrantNotFoundError, or with WriteConflictError when other writers win every round.
 */
export async function updateGrant(
  store: ObjectStore,
  id: string,
  change: (present: Grant) => Grant,
): Promise<Grant> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { value, etag } = await stored(store, id);
    const changed = change(value);
    if (changed === value) return value;
    if (await store.writeText(grantKey(id), jsonText(changed), { ifMatch: etag })) return changed;
  }
  throw new WriteConflictError(
    `Grant ${id} changed ${ATTEMPTS} times while it was being written: look for several executions of one grant.`,
    { details: { grantId: id } },
  );
}
