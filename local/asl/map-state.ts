import { bindingsOf } from './bindings.ts';
import type { MapState } from './definition.ts';
import { attemptDistributedMap } from './distributed-map.ts';
import { StateFailure } from './errors.ts';
import type { Attempt, Visit } from './execution.ts';
import { forkEach, forkProgress } from './fork.ts';
import { checkResultSize } from './limits.ts';
import { itemsOfState, type MapItem, maxConcurrencyOf, selectItem } from './map-items.ts';
import { type Settled, settle } from './settle.ts';
import { VariableScope } from './variables.ts';
import { walkStates } from './walk.ts';

const INLINE_CONCURRENCY_LIMIT = 40;

/** One attempt of a Map: its items as iterations here, or as child executions when it is distributed. */
export async function attemptMap(visit: Visit, state: MapState, attempt: Attempt): Promise<Settled> {
  const { retryCount } = attempt;
  const result =
    state.ItemProcessor.ProcessorConfig?.Mode === 'DISTRIBUTED'
      ? await attemptDistributedMap(visit, state, attempt)
      : await runIterations(visit, state, attempt);
  return settle(visit, state, '', bindingsOf(visit, { retryCount, result }), result);
}

async function runIterations(visit: Visit, state: MapState, attempt: Attempt): Promise<unknown[]> {
  const { walk } = visit;
  const { history } = walk.execution;
  const { retryCount } = attempt;
  const bindings = bindingsOf(visit, { retryCount });
  const concurrency = await maxConcurrencyOf(visit, state, INLINE_CONCURRENCY_LIMIT, bindings);
  const items = await itemsOfState(visit, state, bindings);
  let lastEventId = history.add(walk.cursor, 'MapStateStarted', {
    mapStateStartedEventDetails: { length: items.length },
  });
  attempt.forked = true;
  const forks = forkProgress(visit.point, items.length);
  const iterations = items.map((item, index) => ({ item, progress: forks[index] ?? {} }));
  const result = await forkEach(walk, iterations, concurrency, async ({ item, progress }, index, fork) => {
    if (progress.output !== undefined) return progress.output.value;
    const scope = new VariableScope(walk.scope);
    const iterationVisit = { ...visit, walk: { ...walk, ...fork, scope, progress } };
    const ended = await runIteration(iterationVisit, state, item, index, retryCount);
    lastEventId = ended.succeededEventId;
    return ended.output;
  });
  // AWS lets the next iteration follow the last one's states, but the Map its last MapIterationSucceeded.
  walk.cursor.lastEventId = lastEventId;
  checkResultSize(result, visit.stateName);
  attempt.forked = false;
  history.note(walk.cursor, 'MapStateSucceeded');
  return result;
}

async function runIteration(
  visit: Visit,
  state: MapState,
  item: MapItem,
  index: number,
  retryCount: number,
): Promise<{ readonly output: unknown; readonly succeededEventId: number }> {
  const { walk } = visit;
  const { history } = walk.execution;
  const details = { name: visit.stateName, index };
  history.add(walk.cursor, 'MapIterationStarted', { mapIterationStartedEventDetails: details });
  try {
    const input = await selectItem(visit, state, item, index, retryCount);
    const output = await walkStates(walk, state.ItemProcessor, input);
    const succeededEventId = history.note(walk.cursor, 'MapIterationSucceeded', {
      mapIterationSucceededEventDetails: details,
    });
    return { output, succeededEventId };
  } catch (error) {
    // An iteration that is stopped with its siblings records nothing.
    if (error instanceof StateFailure) {
      history.note(walk.cursor, 'MapIterationFailed', { mapIterationFailedEventDetails: details });
    }
    throw error;
  }
}
