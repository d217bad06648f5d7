import type { AccountDataTransfer } from '../apple/account-data-answers.ts';
import type { Grant, SeriesRecord } from './grant.ts';
import { endInstance, endSeries, findSeries, isCancelPending, withSeries } from './series.ts';

/** How Apple took a cancel; `by` is the id that worked. */
export interface CancelResult {
  readonly result: 'cancelled' | 'refused';
  readonly by: 'parent' | 'instance' | undefined;
  readonly transactionId: string | undefined;
}

/** Ids of what is to be cancelled; either may be unknown. */
export interface CancelledIds {
  readonly parentRequestId: string | undefined;
  readonly requestId: string | undefined;
}

/** Cancels by the parent id first, then by the instance id: Apple's pages disagree. */
export async function cancelAtApple(
  apple: AccountDataTransfer,
  { parentRequestId, requestId }: CancelledIds,
): Promise<CancelResult> {
  const ids = [
    ['parent', parentRequestId],
    ['instance', requestId],
  ] as const;
  let transactionId: string | undefined;
  for (const [by, id] of ids) {
    if (id === undefined) continue;
    const answer = await apple.cancel(id);
    transactionId = answer.transactionId;
    if (answer.result === 'cancelled') return { result: 'cancelled', by, transactionId };
  }
  return { result: 'refused', by: undefined, transactionId };
}

/** The grant with the intent to cancel, for `updateGrant`; one that is pending for at least that much stays. */
export function beginCancel(
  grant: Grant,
  seriesNumber: number,
  scope: 'instance' | 'series',
  now: number,
): Grant {
  return withSeries(grant, seriesNumber, (series) => {
    if (series.status === 'ended') return series;
    const pending = isCancelPending(series) ? series.cancel : undefined;
    if (pending !== undefined && (pending.scope === 'series' || scope === 'instance')) return series;
    const instance = series.instances.at(-1)?.number;
    const at = new Date(now).toISOString();
    return { ...series, cancel: { scope, at, ...(instance === undefined ? {} : { instance }) } };
  });
}

/** The grant with what Apple said of the pending cancel. */
function recorded(grant: Grant, seriesNumber: number, { by, transactionId }: CancelResult): Grant {
  return withSeries(grant, seriesNumber, (series) => {
    if (series.cancel === undefined) return series;
    const latest = series.instances.at(-1);
    return {
      ...series,
      cancel: by === undefined ? series.cancel : { ...series.cancel, by },
      instances: series.instances.map((instance) =>
        instance === latest && transactionId !== undefined
          ? { ...instance, transactionIds: { ...instance.transactionIds, cancel: transactionId } }
          : instance,
      ),
    };
  });
}

/**
 * The grant after Apple answered a pending cancel. A cancelled series has ended, whatever Apple said, and with it its
 * open instance. An instance that Apple does not cancel goes on as if nobody had asked; but where the cancel was
 * begun before (`isResumed`), an earlier call may have worked, and it stays pending until the next status tells.
 */
function settled(
  grant: Grant,
  seriesNumber: number,
  result: CancelResult,
  { isResumed, now }: { readonly isResumed: boolean; readonly now: number },
): Grant {
  const series = findSeries(grant, seriesNumber);
  if (series?.cancel === undefined || !isCancelPending(series)) return grant;
  const { scope } = series.cancel;
  if (scope === 'instance' && result.result === 'refused') {
    return isResumed ? grant : withSeries(grant, seriesNumber, withoutCancel);
  }
  const instance = series.instances.at(-1)?.number ?? 0;
  const reference = { grantId: grant.grantId, series: seriesNumber, instance };
  const ended = endInstance(recorded(grant, seriesNumber, result), reference, 'cancelled', now);
  return scope === 'instance'
    ? ended
    : withSeries(ended, seriesNumber, (present) => endSeries(present, 'cancelled', now));
}

/** The series without its cancel, which Apple refused. */
export function withoutCancel({ cancel: _, ...series }: SeriesRecord): SeriesRecord {
  return series;
}

/** What carrying out a cancel works with; steps and `cancelRequest` alike. */
export interface CancelWork {
  readonly apple: AccountDataTransfer;
  readonly grant: Grant;
  now(): number;
  update(change: (present: Grant) => Grant): Promise<Grant>;
}

/**
 * Carries out the pending cancel of a series, at Apple and in the grant; `isResumed` where it was begun by another
 * step. May be repeated from any line.
 */
export async function carryOutCancel(
  { apple, grant, now, update }: CancelWork,
  seriesNumber: number,
  isResumed: boolean,
): Promise<CancelResult & { readonly grant: Grant }> {
  const series = findSeries(grant, seriesNumber);
  const latest = series?.instances.at(-1);
  const ids = { parentRequestId: series?.parentRequestId, requestId: latest?.requestId };
  const isKnown = ids.parentRequestId !== undefined || ids.requestId !== undefined;
  // What Apple never named cannot be cancelled there: a step that still learns its id cancels it then.
  const result: CancelResult = isKnown
    ? await cancelAtApple(apple, ids)
    : { result: 'cancelled', by: undefined, transactionId: undefined };
  const written = await update((present) =>
    settled(present, seriesNumber, result, { isResumed, now: now() }),
  );
  return { ...result, grant: written };
}

/** Carries out every pending cancel of the grant, so that none is forgotten half way; returns the grant then. */
export async function finishPendingCancels(work: CancelWork): Promise<Grant> {
  let { grant } = work;
  for (const { number } of grant.series.filter(isCancelPending)) {
    grant = (await carryOutCancel({ ...work, grant }, number, true)).grant;
  }
  return grant;
}
