import type { CancelAnswer } from '../../lambdas/lib/account-data/contracts.ts';
import type { Grant, InstanceRecord, SeriesRecord } from '../../lambdas/lib/account-data/grant.ts';
import type { GrantReport } from './grant-outcomes.ts';
import { lastOutcome, nextOf } from './grant-standing.ts';
import type { StartedGrant } from './grants-actions.ts';
import type { ImportResult } from './grants-import.ts';
import { readableBytes, readableTime, textTable } from './text-table.ts';

/** What became of each line of an import. */
export function importTable(results: readonly ImportResult[]): string {
  const lines = textTable(['line', 'result', 'grant', 'reason'], 4);
  for (const result of results) {
    lines.push([
      result.line,
      result.result,
      'grantId' in result ? result.grantId : '-',
      'reason' in result ? result.reason : '',
    ]);
  }
  return lines.toString();
}

/** One line a grant: where it stands. Times in UTC; `now` in milliseconds since 1970. No token is shown. */
export function grantsTable(grants: readonly Grant[], now: number): string {
  const lines = textTable(
    ['grant', 'external id', 'region', 'mode', 'status', 'last outcome', 'next (UTC)', 'series', 'instances'],
    7,
  );
  for (const grant of grants) {
    lines.push([
      grant.grantId,
      grant.externalId,
      grant.region,
      grant.mode,
      grant.status,
      lastOutcome(grant) ?? '-',
      nextOf(grant, now),
      grant.series.length,
      grant.series.reduce((sum, { instances }) => sum + instances.length, 0),
    ]);
  }
  return lines.toString();
}

function factsTable(grant: Grant, now: number): string {
  const lines = textTable([], 2);
  const facts: [string, string | undefined][] = [
    ['grant', grant.grantId],
    ['external id', grant.externalId],
    ['service', grant.service],
    ['region', grant.region],
    ['scopes', grant.scopes.join('\n')],
    ['mode', grant.mode],
    ['status', grant.status],
    ['needs attention because', grant.attention],
    ['refused by Apple since', grant.refusedAt === undefined ? undefined : readableTime(grant.refusedAt)],
    ['recurring refused, so', grant.fallback],
    ['next (UTC)', nextOf(grant, now)],
  ];
  for (const [name, value] of facts) if (value !== undefined) lines.push([name, value]);
  return lines.toString();
}

function idsAtApple({ requestId, failedRequestIds }: InstanceRecord): string {
  return [requestId ?? '-', ...failedRequestIds.map((id) => `${id} (failed)`)].join('\n');
}

function instanceLine(instance: InstanceRecord): string[] {
  const { number, state, submittedAt, endedAt, transactionIds } = instance;
  return [
    String(number),
    state,
    idsAtApple(instance),
    submittedAt === undefined ? '-' : readableTime(submittedAt),
    endedAt === undefined ? '-' : readableTime(endedAt),
    Object.entries(transactionIds)
      .map(([call, id]) => `${call} ${id}`)
      .join('\n'),
  ];
}

function seriesTitle({
  number,
  mode,
  submittedMode,
  status,
  endedBy,
  parentRequestId,
}: SeriesRecord): string {
  const asked = mode === submittedMode ? mode : `${mode} as repeated ${submittedMode}`;
  const end = status === 'live' ? 'live' : `ended by ${endedBy ?? 'nobody'}`;
  return `series ${number}: ${asked}, ${end}${parentRequestId === undefined ? '' : `, at Apple ${parentRequestId}`}`;
}

/**
 * One grant with all its series and instances, Apple's ids and the transaction ids that Apple's support asks for.
 * Times in UTC; `now` in milliseconds since 1970. No token is shown.
 */
export function grantDetails(grant: Grant, now: number): string {
  const parts = [factsTable(grant, now)];
  for (const series of grant.series) {
    const lines = textTable(['instance', 'state', 'request', 'submitted', 'ended', 'transaction ids'], 6);
    for (const instance of series.instances) lines.push(instanceLine(instance));
    parts.push(seriesTitle(series), lines.toString());
  }
  return parts.join('\n');
}

/** What became of each grant that was to be started. */
export function startTable(results: readonly StartedGrant[]): string {
  const lines = textTable(['grant', 'result', 'reason', 'series', 'instance'], 3);
  for (const { grantId, reference, result, reason } of results) {
    lines.push([grantId, result, reason, reference?.series ?? '-', reference?.instance ?? '-']);
  }
  return lines.toString();
}

function cancelText({ result, by, stoppedExecution, nextInstance }: CancelAnswer): string {
  const sentences: Record<CancelAnswer['result'], string> = {
    cancelled: by === null ? 'cancelled' : `cancelled at Apple by the ${by} id`,
    'nothing-to-cancel': 'nothing to cancel: no series is live',
    refused: 'not cancelled: Apple refuses it, as nothing is in progress any more',
    unavailable: 'not cancelled: Apple does not answer; try again',
  };
  return [
    sentences[result],
    ...(stoppedExecution === null ? [] : [`the execution ${stoppedExecution} was stopped`]),
    ...(nextInstance === null ? [] : [`instance ${nextInstance} decides whether the series lives`]),
  ].join('; ');
}

/** What a cancel came to. */
export function cancelTable(grantId: string, answer: CancelAnswer): string {
  const lines = textTable(['grant', 'result'], 2);
  lines.push([grantId, cancelText(answer)]);
  return lines.toString();
}

function countStates(grant: Grant): string {
  const states = Map.groupBy(
    grant.series.flatMap(({ instances }) => instances),
    ({ state }) => state,
  );
  return [...states].map(([state, { length }]) => `${length} ${state}`).join(', ');
}

/** One line a grant: what happened by `now` (milliseconds since 1970), and what was fetched. */
export function grantReportTable(reports: readonly GrantReport[], now: number): string {
  const lines = textTable(
    ['person', 'region', 'mode', 'outcome', 'instances', 'next (UTC)', 'archives', 'bytes'],
    6,
  );
  for (const { grant, outcome, archives, bytes } of reports) {
    lines.push([
      grant.externalId,
      grant.region,
      grant.mode,
      outcome,
      countStates(grant),
      nextOf(grant, now),
      archives,
      readableBytes(bytes),
    ]);
  }
  return lines.toString();
}
