import * as z from 'zod';
import { WriteConflictError } from '../errors.ts';
import { leaseKey } from './keys.ts';
import { jsonText, type ObjectStore, type WriteCondition } from './object-store.ts';

const lease = z.object({
  /** ARN of the execution that works for the account. */
  owner: z.string(),
  /** When the owner's state machine times out at the latest, ISO 8601. */
  expiresAt: z.iso.datetime(),
  released: z.boolean(),
});
export type AccountLease = z.infer<typeof lease>;

/** Rounds of read and conditional write before two writers count as fighting. */
const ATTEMPTS = 5;

export interface TakeLeaseOptions {
  readonly accountName: string;
  readonly owner: string;
  readonly expiresAt: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Asks Step Functions whether that execution still runs. */
  isRunning(executionArn: string): Promise<boolean>;
}

/**
 * Takes the account's lease by compare-and-swap. It is free when absent, released, expired, held by the same
 * owner, or held by an execution that does not run any more. Repeating it is harmless.
 * Fails with WriteConflictError when other writers win every round.
 */
export async function takeLease(
  store: ObjectStore,
  options: TakeLeaseOptions,
): Promise<'taken' | 'already-running'> {
  const key = leaseKey(options.accountName);
  const mine = jsonText({ owner: options.owner, expiresAt: options.expiresAt, released: false });
  let condition: WriteCondition = { ifAbsent: true };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (await store.writeText(key, mine, condition)) return 'taken';
    const current = await store.readJson(key, lease);
    if (current === undefined) {
      condition = { ifAbsent: true };
      continue;
    }
    if (current.value.owner === options.owner && !current.value.released) return 'taken';
    const held = !current.value.released && Date.parse(current.value.expiresAt) > options.now;
    if (held && (await options.isRunning(current.value.owner))) return 'already-running';
    condition = { ifMatch: current.etag };
  }
  throw new WriteConflictError(
    `The lease of account ${options.accountName} changed ${ATTEMPTS} times while it was being taken: ` +
      'look for several executions that start at the same moment.',
    { details: { key } },
  );
}

/** Marks the lease as released if `owner` holds it; true when it did. Repeating it is harmless. */
export async function releaseLease(store: ObjectStore, accountName: string, owner: string): Promise<boolean> {
  const key = leaseKey(accountName);
  const current = await store.readJson(key, lease);
  if (current === undefined || current.value.owner !== owner) return false;
  if (current.value.released) return true;
  return store.writeText(key, jsonText({ ...current.value, released: true }), { ifMatch: current.etag });
}
