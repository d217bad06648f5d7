import type { InstanceReference } from '../../lambdas/lib/account-data/contracts.ts';
import type { Grant, InstanceRecord, SeriesRecord } from '../../lambdas/lib/account-data/grant.ts';
import { isOver, isTermOver, nextDueAt } from '../../lambdas/lib/account-data/series.ts';
import { readableTime } from './text-table.ts';

/** The instance that a series came to last. */
export function latestInstance(series: SeriesRecord | undefined): InstanceRecord | undefined {
  return series?.instances.at(-1);
}

/** How the newest instance that is over came out; undefined before the first one is. */
export function lastOutcome(grant: Grant): InstanceRecord['state'] | undefined {
  return grant.series.flatMap(({ instances }) => instances.filter(isOver)).at(-1)?.state;
}

function nextOfInstance(instance: InstanceRecord): string {
  if (instance.state === 'submitting') return 'submit';
  if (instance.completionSeenAt !== undefined) return 'fetch the archives';
  return instance.notBefore === undefined
    ? 'check the status'
    : `check the status ${readableTime(instance.notBefore)}`;
}

function nothingMore({ endedBy }: SeriesRecord): string {
  return endedBy === 'term' ? 'nothing: complete' : `nothing: ended by ${endedBy ?? 'nobody'}`;
}

/** What comes next of a grant, in a few words; times in UTC. `now` in milliseconds since 1970. */
export function nextOf(grant: Grant, now: number): string {
  if (grant.status === 'revoked') return 'nothing: revoked';
  if (grant.status === 'needs-attention') return 'nothing until the reason is mended';
  const series = grant.series.at(-1);
  const instance = latestInstance(series);
  if (series === undefined) return 'start';
  if (series.status === 'ended') return nothingMore(series);
  if (instance === undefined) return 'submit';
  if (!isOver(instance)) return nextOfInstance(instance);
  if (isTermOver(series, now)) return 'nothing: the term is over';
  return `instance ${instance.number + 1} ${readableTime(nextDueAt(series))}`;
}

/** Whether anything is left to do with the grant's present series, or there is none yet. */
export function isUnfinished({ status, series }: Grant): boolean {
  return status === 'active' && series.at(-1)?.status !== 'ended';
}

/**
 * The instance that an execution has to work on next: the one under way, the one that follows it, or the first of a
 * new series after one that ended.
 */
export function dueInstance({ grantId, series }: Grant): InstanceReference {
  const newest = series.at(-1);
  if (newest === undefined) return { grantId, series: 1, instance: 1 };
  if (newest.status === 'ended') return { grantId, series: newest.number + 1, instance: 1 };
  const instance = latestInstance(newest);
  const number = instance === undefined ? 1 : instance.number + (isOver(instance) ? 1 : 0);
  return { grantId, series: newest.number, instance: number };
}
