import { appTotals, type FinishedRun, runCounts } from './finished-run.ts';
import { readableBytes, readableTime, textTable } from './text-table.ts';

/** One line a run: when it began (UTC), how it ended, what came in. */
export function runTable(runs: readonly FinishedRun[]): string {
  const lines = textTable(
    ['run (UTC)', 'ended', 'landed', 'pending', 'expired', 'failed', 'bytes', 'calls', 'lowest budget'],
    2,
  );
  for (const run of runs) {
    const { landed, pending, expired, failed, bytes } = runCounts(run);
    const { calls, lowestBudget } = run.summary?.totals ?? { calls: 0, lowestBudget: null };
    lines.push([
      readableTime(run.startedAt),
      run.result.status,
      landed,
      pending,
      expired,
      failed,
      readableBytes(bytes),
      calls,
      lowestBudget ?? '-',
    ]);
  }
  return lines.toString();
}

/** One line an app over all runs, empty when no run listed any; `names` by app id where they are known. */
export function appTable(runs: readonly FinishedRun[], names: ReadonlyMap<string, string>): string {
  const lines = textTable(
    ['app', 'name', 'landed', 'pending', 'expired', 'failed', 'bytes', 'most transitions a run'],
    2,
  );
  const apps = appTotals(runs);
  for (const app of apps) {
    lines.push([
      app.appId,
      names.get(app.appId) ?? '-',
      app.landed,
      app.pending,
      app.expired,
      app.failed,
      readableBytes(app.bytes),
      app.mostTransitions,
    ]);
  }
  return apps.length === 0 ? '' : lines.toString();
}

/** How often each typed outcome occurred over all runs; empty when there was none. */
export function outcomeTable(runs: readonly FinishedRun[]): string {
  const counts = new Map<string, number>();
  for (const run of runs) {
    for (const [outcome, count] of Object.entries(run.summary?.totals.outcomes ?? {})) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + count);
    }
  }
  if (counts.size === 0) return '';
  const lines = textTable(['outcome', 'times'], 1);
  for (const [outcome, count] of [...counts].sort()) lines.push([outcome, count]);
  return lines.toString();
}
