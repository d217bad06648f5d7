import { bindingsOf } from './bindings.ts';
import type { MapState } from './definition.ts';
import { StateFailure } from './errors.ts';
import type { Attempt, Visit } from './execution.ts';
import { errorDetails } from './history.ts';
import { batchesOf } from './item-batcher.ts';
import { readItems } from './item-reader.ts';
import { checkResultSize } from './limits.ts';
import {
  itemsOfState,
  type MapItem,
  maxConcurrencyOf,
  selectItem,
  toleratedFailuresOf,
} from './map-items.ts';
import { type MapRun, type MapRunNames, mapRunNames, runChildren } from './map-run.ts';
import { requiredStore } from './object-store.ts';
import { writeResults } from './result-writer.ts';
import type { Bindings } from './templates.ts';

const DISTRIBUTED_CONCURRENCY_LIMIT = 10_000;

/** Runs the items of a Distributed Map as child executions; resolves with the state's result. */
export async function attemptDistributedMap(
  visit: Visit,
  state: MapState,
  attempt: Attempt,
): Promise<unknown> {
  const { walk, point } = visit;
  const { cursor, execution } = walk;
  const { history, services, identity } = execution;
  // Told before any child has worked in vain.
  if (state.ResultWriter?.Resource !== undefined) {
    requiredStore(services.objects, identity.executionArn, 'ResultWriter');
  }
  const bindings = bindingsOf(visit, { retryCount: attempt.retryCount });
  const concurrency = await maxConcurrencyOf(visit, state, DISTRIBUTED_CONCURRENCY_LIMIT, bindings);
  const stateItems = state.ItemReader === undefined ? await itemsOfState(visit, state, bindings) : [];
  history.add(cursor, 'MapStateStarted', { mapStateStartedEventDetails: { length: stateItems.length } });
  attempt.forked = true;
  const names = point.mapRun ?? mapRunNames(visit, state);
  recordStart(visit, names);
  try {
    const refusal = services.mapRunRefusal(identity.executionArn);
    if (refusal !== undefined) throw new StateFailure(refusal);
    const tolerated = await toleratedFailuresOf(visit, state, bindings);
    point.mapRun ??= await planMapRun(visit, state, names, stateItems, attempt.retryCount, bindings);
    const outcomes = await runChildren(visit, state, point.mapRun, tolerated, concurrency);
    const result = await writeResults(visit, state, { ...names, outcomes }, bindings);
    checkResultSize(result, visit.stateName);
    history.add(cursor, 'MapRunSucceeded');
    attempt.forked = false;
    history.note(cursor, 'MapStateSucceeded');
    return result;
  } catch (error) {
    // A Map Run that ends with its execution records nothing.
    if (error instanceof StateFailure) {
      history.add(cursor, 'MapRunFailed', { mapRunFailedEventDetails: errorDetails(error) });
    }
    throw error;
  }
}

function recordStart({ walk, point }: Visit, { mapRunArn }: MapRunNames): void {
  const { history } = walk.execution;
  const { mapRun } = point;
  if (mapRun === undefined) {
    history.add(walk.cursor, 'MapRunStarted', { mapRunStartedEventDetails: { mapRunArn } });
    return;
  }
  mapRun.redriveCount += 1;
  const { redriveCount } = mapRun;
  history.add(walk.cursor, 'MapRunRedriven', { mapRunRedrivenEventDetails: { mapRunArn, redriveCount } });
}

/** Reads and selects the items and puts them together into the inputs of children. */
async function planMapRun(
  visit: Visit,
  state: MapState,
  names: MapRunNames,
  stateItems: readonly MapItem[],
  retryCount: number,
  bindings: Bindings,
): Promise<MapRun> {
  const reader = state.ItemReader;
  const items = reader === undefined ? stateItems : await readItems(visit, reader, bindings);
  const selected: unknown[] = [];
  for (const [index, item] of items.entries()) {
    selected.push(await selectItem(visit, state, item, index, retryCount));
  }
  const inputs = await batchesOf(visit, state, selected, bindings);
  const children = inputs.map((input) => ({ ...input }));
  return { ...names, totalItems: items.length, children, redriveCount: 0 };
}
