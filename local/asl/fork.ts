import type { Progress, ResumePoint, Walk } from './execution.ts';
import type { HistoryCursor } from './history.ts';
import type { Participant } from './scheduler.ts';

/** Why the siblings of a branch that failed are stopped. */
class SiblingFailedError extends Error {
  override readonly name = 'SiblingFailed';
}

/** What one branch, iteration or child runs with. */
export interface Fork {
  readonly participant: Participant;
  /** Aborted when the walk ends or a sibling failed. */
  readonly signal: AbortSignal;
  /** Where it stands in the history; iterations that follow one another continue one line. */
  readonly cursor: HistoryCursor;
}

/**
 * Runs `work` for each item, at most `concurrency` at a time, started in order; resolves with the results in the
 * items' order. When one rejects, the others are stopped and no further one starts; rejects with that reason
 * once all have ended. The walk's history goes on behind the line that ended last, or the one that failed first.
 */
export function forkEach<I, R>(
  walk: Walk,
  items: readonly I[],
  concurrency: number,
  work: (item: I, index: number, fork: Fork) => Promise<R>,
): Promise<R[]> {
  const { scheduler } = walk.execution.services;
  const siblings = new AbortController();
  const signal = AbortSignal.any([walk.signal, siblings.signal]);
  const results: R[] = new Array<R>(items.length);
  const startedEventId = walk.cursor.lastEventId;
  let firstFailure: { readonly reason: unknown } | undefined;
  let nextIndex = 0;
  const lane = async (): Promise<void> => {
    const cursor = { lastEventId: startedEventId };
    while (nextIndex < items.length && !signal.aborted) {
      const index = nextIndex;
      nextIndex += 1;
      let failure: { readonly reason: unknown } | undefined;
      try {
        results[index] = await scheduler.run((participant) =>
          work(items[index] as I, index, { participant, signal, cursor }),
        );
      } catch (reason) {
        failure = { reason };
        siblings.abort(new SiblingFailedError('Another branch or iteration failed.'));
      }
      if (firstFailure === undefined) walk.cursor.lastEventId = cursor.lastEventId;
      firstFailure ??= failure;
    }
  };
  return walk.participant.outside(async () => {
    const lanes = Math.min(concurrency, items.length);
    await Promise.all(Array.from({ length: lanes }, lane));
    walk.signal.throwIfAborted();
    if (firstFailure !== undefined) throw firstFailure.reason;
    return results;
  });
}

/**
 * How far each of `count` branches or iterations has come. Where all had ended well, it was the state itself that
 * failed, and all begin again.
 */
export function forkProgress(point: ResumePoint, count: number): readonly Progress[] {
  if (point.forks.every(({ output }) => output !== undefined)) point.forks = [];
  while (point.forks.length < count) point.forks.push({});
  return point.forks;
}
