import { bindingsOf } from './bindings.ts';
import { settleChoice } from './choice-state.ts';
import type { FailState, MapState, ParallelState, State, StateMap, TaskState } from './definition.ts';
import { inState, StateFailure } from './errors.ts';
import type { Attempt, ResumePoint, Visit, Walk } from './execution.ts';
import { errorDetails, payloadDetails } from './history.ts';
import { attemptMap } from './map-state.ts';
import { attemptParallel } from './parallel-state.ts';
import { findCatcher, RetryCounters } from './retry.ts';
import { type Settled, settle } from './settle.ts';
import { attemptTask } from './task-state.ts';
import { evaluateTyped } from './templates.ts';
import { wait } from './wait-state.ts';

/** Where a state leads: undefined ends the walk. */
interface Departure extends Settled {
  readonly next: string | undefined;
}

/**
 * Walks states from the first, or from where a redriven walk had come, until one ends the walk; resolves with its
 * output. Rejects with the StateFailure that no Catch took, or with the reason the walk's signal was aborted for.
 */
export async function walkStates(walk: Walk, machine: StateMap, input: unknown): Promise<unknown> {
  const { progress } = walk;
  let point: ResumePoint | undefined = progress.at;
  let name: string | undefined = point?.stateName ?? machine.StartAt;
  let value = point === undefined ? input : point.input;
  walk.scope.assign(point?.variables ?? {});
  while (name !== undefined) {
    walk.signal.throwIfAborted();
    const state: State | undefined = machine.States[name];
    if (state === undefined)
      throw new StateFailure({ error: 'States.Runtime', cause: `There is no state '${name}'.` });
    point ??= { stateName: name, input: value, variables: walk.scope.all(), forks: [] };
    progress.at = point;
    const departure: Departure = await visitState(walk, state, point);
    walk.scope.assign(departure.assigned);
    name = departure.next;
    value = departure.output;
    point = undefined;
  }
  progress.output = { value };
  return value;
}

async function visitState(walk: Walk, state: State, point: ResumePoint): Promise<Departure> {
  const { execution } = walk;
  const { stateName, input, variables } = point;
  const enteredEventId = execution.history.add(walk.cursor, `${state.Type}StateEntered`, {
    stateEnteredEventDetails: { name: stateName, ...payloadDetails('input', input) },
  });
  execution.path.push(stateName);
  const enteredTime = new Date(execution.services.scheduler.now()).toISOString();
  const visit: Visit = { walk, stateName, input, enteredEventId, enteredTime, variables, point };
  const departure = await leave(visit, state);
  execution.history.add(walk.cursor, `${state.Type}StateExited`, {
    stateExitedEventDetails: {
      name: stateName,
      ...payloadDetails('output', departure.output),
      ...assignedDetails(departure.assigned),
    },
  });
  return departure;
}

function assignedDetails(assigned: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = Object.keys(assigned);
  if (names.length === 0) return {};
  return {
    assignedVariables: Object.fromEntries(names.map((name) => [name, JSON.stringify(assigned[name])])),
    assignedVariablesDetails: { truncated: false },
  };
}

async function leave(visit: Visit, state: State): Promise<Departure> {
  if (state.Type === 'Task' || state.Type === 'Parallel' || state.Type === 'Map') {
    return leaveWithErrorHandling(visit, state);
  }
  try {
    return await leaveSimply(visit, state);
  } catch (error) {
    throw reported(visit, error);
  }
}

async function leaveSimply(
  visit: Visit,
  state: Exclude<State, TaskState | ParallelState | MapState>,
): Promise<Departure> {
  const bindings = bindingsOf(visit);
  switch (state.Type) {
    case 'Fail':
      throw await failureOf(visit, state);
    case 'Succeed':
      return { ...(await settle(visit, state, '', bindings, visit.input)), next: undefined };
    case 'Choice':
      return settleChoice(visit, state, bindings);
    case 'Wait':
      await wait(visit, state, bindings);
      return { ...(await settle(visit, state, '', bindings, visit.input)), next: state.Next };
    case 'Pass':
      return { ...(await settle(visit, state, '', bindings, visit.input)), next: state.Next };
  }
}

async function failureOf(visit: Visit, state: FailState): Promise<StateFailure> {
  const { evaluator } = visit.walk.execution.services;
  const bindings = bindingsOf(visit);
  const text = (field: 'Error' | 'Cause') =>
    evaluateTyped(evaluator, state[field], 'string', field, bindings);
  return new StateFailure({
    ...(state.Error === undefined ? {} : { error: await text('Error') }),
    ...(state.Cause === undefined ? {} : { cause: await text('Cause') }),
  });
}

async function leaveWithErrorHandling(
  visit: Visit,
  state: TaskState | ParallelState | MapState,
): Promise<Departure> {
  const { execution, participant, signal, cursor } = visit.walk;
  const { scheduler, random } = execution.services;
  const counters = new RetryCounters(state.Retry ?? [], random);
  for (;;) {
    const attempt = { retryCount: counters.total, forked: false };
    try {
      const settled = await make(attempt, visit, state);
      return { ...settled, next: state.Next };
    } catch (error) {
      const failure = reported(visit, error);
      const delay = counters.next(failure);
      if (delay === undefined) {
        if (attempt.forked) execution.history.add(cursor, `${state.Type}StateFailed`);
        return await caught(visit, state, failure, counters.total);
      }
      await participant.outside(() => scheduler.sleep(delay, signal));
      // A retry runs everything again; only a redrive keeps what ended well.
      visit.point.forks = [];
      delete visit.point.mapRun;
    }
  }
}

function make(attempt: Attempt, visit: Visit, state: TaskState | ParallelState | MapState): Promise<Settled> {
  switch (state.Type) {
    case 'Task':
      return attemptTask(visit, state, attempt.retryCount);
    case 'Parallel':
      return attemptParallel(visit, state, attempt);
    case 'Map':
      return attemptMap(visit, state, attempt);
  }
}

async function caught(
  visit: Visit,
  state: TaskState | ParallelState | MapState,
  failure: StateFailure,
  retryCount: number,
): Promise<Departure> {
  const found = findCatcher(state.Catch ?? [], failure);
  if (found === undefined) throw failure;
  const errorOutput = failure.toErrorOutput();
  try {
    const bindings = bindingsOf(visit, { retryCount, errorOutput });
    const settled = await settle(visit, found.catcher, `Catch[${found.index}]/`, bindings, errorOutput);
    return { ...settled, next: found.catcher.Next };
  } catch (error) {
    throw reported(visit, error);
  }
}

/**
 * The failure as Retry and Catch see it: an expression that failed is recorded, and what this state itself did
 * wrong names the state. What is no StateFailure (an abort, a fault of a stand-in) goes through.
 */
function reported(visit: Visit, error: unknown): StateFailure {
  if (!(error instanceof StateFailure)) throw error;
  if (error.location !== undefined) {
    visit.walk.execution.history.add(visit.walk.cursor, 'EvaluationFailed', {
      evaluationFailedEventDetails: {
        ...errorDetails(error),
        location: error.location,
        state: visit.stateName,
      },
    });
    return withoutLocation(inState(error, visit.stateName, visit.enteredEventId));
  }
  return error;
}

function withoutLocation(failure: StateFailure): StateFailure {
  return new StateFailure({ ...errorDetails(failure), alsoMatches: failure.alsoMatches });
}
