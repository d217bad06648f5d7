import type { MapState } from './definition.ts';
import { StateFailure } from './errors.ts';
import { countRedrive, createExecution, type Execution, type Visit } from './execution.ts';
import { runExecution } from './execution-run.ts';
import { type Fork, forkEach } from './fork.ts';
import type { ChildInput } from './item-batcher.ts';
import type { ToleratedFailures } from './map-items.ts';
import { uuidFrom } from './random.ts';
import type { ChildOutcome } from './result-writer.ts';

/** The names of one run of a Distributed Map. */
export interface MapRunNames {
  readonly mapRunArn: string;
  /** Of the children: machine and label. */
  readonly stateMachineName: string;
  readonly stateMachineArn: string;
}

/** One child of a Map Run: its execution once it was started, and how that ended last. */
interface Child extends ChildInput {
  execution?: Execution;
  outcome?: ChildOutcome;
}

/** One run of a Distributed Map; a redrive goes on with it. */
export interface MapRun extends MapRunNames {
  readonly totalItems: number;
  readonly children: readonly Child[];
  redriveCount: number;
}

/** Names for a new Map Run of the state. */
export function mapRunNames(visit: Visit, state: MapState): MapRunNames {
  const { identity, services } = visit.walk.execution;
  const { region, accountId, random } = services;
  const label = state.Label ?? visit.stateName.replace(/[^0-9A-Za-z_-]/g, '').slice(0, 40);
  const stateMachineName = `${identity.stateMachineName}/${label}`;
  const prefix = `arn:aws:states:${region}:${accountId}`;
  return {
    mapRunArn: `${prefix}:mapRun:${stateMachineName}:${uuidFrom(random)}`,
    stateMachineName,
    stateMachineArn: `${prefix}:stateMachine:${stateMachineName}`,
  };
}

/**
 * Runs the children that have not succeeded yet; resolves with how all of them ended. Rejects with
 * `States.ExceedToleratedFailureThreshold` as soon as too many items failed.
 */
export function runChildren(
  visit: Visit,
  state: MapState,
  mapRun: MapRun,
  tolerated: ToleratedFailures,
  concurrency: number,
): Promise<ChildOutcome[]> {
  let failedItems = 0;
  return forkEach(visit.walk, mapRun.children, concurrency, async (child, _, fork) => {
    if (child.outcome?.result.status === 'SUCCEEDED') return child.outcome;
    const outcome = await runChild(visit, state, mapRun, child, fork);
    fork.signal.throwIfAborted();
    if (outcome.result.status !== 'SUCCEEDED') {
      failedItems += child.itemCount;
      rejectWhenIntolerable(failedItems, mapRun.totalItems, tolerated);
    }
    return outcome;
  });
}

async function runChild(
  visit: Visit,
  state: MapState,
  mapRun: MapRun,
  child: Child,
  { participant, signal }: Fork,
): Promise<ChildOutcome> {
  const parent = visit.walk.execution;
  const { input } = child;
  const execution = child.execution ?? childOf(parent, mapRun, input);
  if (child.execution === undefined) child.execution = execution;
  else countRedrive(execution);
  const result = await runExecution({ execution, participant, signal, machine: state.ItemProcessor, input });
  const { executionArn, name, startTime, redriveCount } = execution.identity;
  const earlier = parent.children.findIndex((ended) => ended.executionArn === executionArn);
  if (earlier !== -1) parent.children.splice(earlier, 1);
  parent.children.push({ executionArn, mapRunArn: mapRun.mapRunArn, name, input, result });
  const stopTime = new Date(parent.services.scheduler.now()).toISOString();
  child.outcome = { executionArn, name, input, startTime, stopTime, redriveCount, result };
  return child.outcome;
}

function childOf(parent: Execution, mapRun: MapRun, input: unknown): Execution {
  const { services, identity } = parent;
  const name = uuidFrom(services.random);
  const { region, accountId } = services;
  return createExecution(services, {
    executionArn: `arn:aws:states:${region}:${accountId}:execution:${mapRun.stateMachineName}:${name}`,
    name,
    stateMachineArn: mapRun.stateMachineArn,
    stateMachineName: mapRun.stateMachineName,
    roleArn: identity.roleArn,
    input,
    startTime: new Date(services.scheduler.now()).toISOString(),
    redriveCount: 0,
  });
}

/** With no threshold any failed item is one too many; with two, exceeding either is. */
function rejectWhenIntolerable(failedItems: number, totalItems: number, tolerated: ToleratedFailures): void {
  const { count, percentage } = tolerated;
  const exceeded =
    count === 0 && percentage === 0
      ? failedItems > 0
      : (count > 0 && failedItems > count) || (percentage > 0 && failedItems * 100 > percentage * totalItems);
  if (!exceeded) return;
  throw new StateFailure({
    error: 'States.ExceedToleratedFailureThreshold',
    cause: 'The specified tolerated failure threshold was exceeded',
  });
}
