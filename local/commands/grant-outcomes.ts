import type { Grant, InstanceRecord } from '../../lambdas/lib/account-data/grant.ts';
import { type TransferManifest, transferManifest } from '../../lambdas/lib/account-data/transfer-manifest.ts';
import type { ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { mapBounded } from '../../lambdas/lib/runtime/bounded.ts';

const READS_IN_FLIGHT = 16;

/**
 * What became of a grant, in one word: the thing about it that an operator should know first. `in-progress`: its
 * series goes on; `series-ended`: a recurring series came to its end; `fetched`: a one-time request is there.
 */
export const GRANT_OUTCOMES = [
  'not-started',
  'grant-revoked',
  'needs-attention',
  'cancelled',
  'cancelled-by-apple',
  'failed',
  'expired',
  'fetched-partial',
  'in-progress',
  'series-ended',
  'fetched',
] as const;
export type GrantOutcome = (typeof GRANT_OUTCOMES)[number];

/** A grant at the end of a run, with what was fetched for it. */
export interface GrantReport {
  readonly grant: Grant;
  readonly outcome: GrantOutcome;
  /** Archives that lie whole in the lake, and their bytes. */
  readonly archives: number;
  readonly bytes: number;
}

function has(instances: readonly InstanceRecord[], ...states: readonly InstanceRecord['state'][]): boolean {
  return instances.some(({ state }) => states.includes(state));
}

export function grantOutcome({ status, series }: Grant): GrantOutcome {
  const newest = series.at(-1);
  const instances = series.flatMap((each) => each.instances);
  if (status === 'revoked') return 'grant-revoked';
  if (status === 'needs-attention') return status;
  if (newest === undefined) return 'not-started';
  const { endedBy } = newest;
  if (endedBy === 'cancelled' || endedBy === 'cancelled-by-apple') return endedBy;
  if (endedBy === 'failed' && !has(instances.slice(-1), 'expired')) return 'failed';
  if (has(instances, 'error', 'request-not-found', 'took-too-long')) return 'failed';
  if (has(instances, 'expired')) return 'expired';
  if (has(instances, 'fetched-partial')) return 'fetched-partial';
  if (newest.status === 'live') return 'in-progress';
  return newest.mode === 'ONE_TIME' ? 'fetched' : 'series-ended';
}

/** Every transfer that a personal bucket holds. Fails with PayloadContractError for a damaged one. */
async function readTransfers(store: ObjectStore): Promise<TransferManifest[]> {
  const keys = await store.list('transfers/');
  const found = await mapBounded(keys, READS_IN_FLIGHT, (key) => store.readJson(key, transferManifest));
  return found.flatMap((stored) => (stored === undefined ? [] : [stored.value]));
}

/** What became of each grant, in the order given; `store` is the personal bucket. */
export async function grantReports(store: ObjectStore, grants: readonly Grant[]): Promise<GrantReport[]> {
  const transfers = await readTransfers(store);
  return grants.map((grant) => {
    const fetched = transfers
      .filter(({ grantId }) => grantId === grant.grantId)
      .flatMap(({ archives }) => archives.filter(({ outcome }) => outcome === 'fetched'));
    return {
      grant,
      outcome: grantOutcome(grant),
      archives: fetched.length,
      bytes: fetched.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  });
}

/** How many grants came out in each way, in the order of GRANT_OUTCOMES; ways that none took are left out. */
export function countOutcomes(reports: readonly GrantReport[]): Record<string, number> {
  const counts = GRANT_OUTCOMES.map(
    (outcome) => [outcome, reports.filter((report) => report.outcome === outcome).length] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
