import type { SubmitAnswer } from '../apple/account-data-answers.ts';
import type { Grant, SeriesRecord } from './grant.ts';

/** A submit that Apple refused because of a request that exists. */
export type ExistsAnswer = Extract<SubmitAnswer, { readonly result: 'exists' }>;

/** Ids are opaque; only where two are compared their case does not count. */
export function isSameId(left: string | undefined, right: string | undefined): boolean {
  return left !== undefined && right !== undefined && left.toLowerCase() === right.toLowerCase();
}

/** Every id of Apple's that the series has had. */
export function idsOf(series: SeriesRecord): readonly string[] {
  const ids = series.instances.flatMap(({ requestId, failedRequestIds }) => [
    ...(requestId === undefined ? [] : [requestId]),
    ...failedRequestIds,
  ]);
  return series.parentRequestId === undefined ? ids : [series.parentRequestId, ...ids];
}

/** All ids that an answer names, each once. */
export function namedIds(answer: {
  readonly parentRequestId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly ids?: readonly string[];
}): readonly string[] {
  const named = [answer.parentRequestId, answer.requestId, ...(answer.ids ?? [])];
  return named.filter(
    (id, index): id is string =>
      id !== undefined && named.findIndex((other) => isSameId(id, other)) === index,
  );
}

/** The ended series of the grant that one of the ids belongs to, the latest first. */
export function endedSeriesOf(grant: Grant, ids: readonly string[]): SeriesRecord | undefined {
  return grant.series.findLast(
    (series) =>
      series.status === 'ended' && idsOf(series).some((known) => ids.some((id) => isSameId(known, id))),
  );
}
