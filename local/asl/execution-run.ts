import type { ExecutionResult } from './contract.ts';
import type { StateMap } from './definition.ts';
import { StateFailure } from './errors.ts';
import type { Execution } from './execution.ts';
import { errorDetails, type HistoryCursor, payloadDetails } from './history.ts';
import type { Participant } from './scheduler.ts';
import { VariableScope } from './variables.ts';
import { walkStates } from './walk.ts';

/** Why an execution's signal aborts when its machine's TimeoutSeconds have passed. */
export class ExecutionTimedOutError extends Error {
  override readonly name = 'ExecutionTimedOut';
}

/** Why an execution's signal aborts when StopExecution was called. */
export class ExecutionStoppedError extends Error {
  override readonly name = 'ExecutionStopped';
  readonly details: { readonly error?: string; readonly cause?: string };

  constructor(details: { readonly error?: string; readonly cause?: string }) {
    super('The execution was stopped.');
    this.details = details;
  }
}

/** What an execution runs with; its progress says where a redriven one goes on. */
export interface ExecutionStart {
  readonly execution: Execution;
  readonly participant: Participant;
  /** Aborted with one of the errors above, or because a sibling child execution failed. */
  readonly signal: AbortSignal;
  readonly machine: StateMap;
  readonly input: unknown;
}

/**
 * Runs an execution to its end, with the events that begin and end it.
 * Rejects only with faults of what the runner was given, never with a failure of the machine.
 */
export async function runExecution(start: ExecutionStart): Promise<ExecutionResult> {
  const { execution, participant, signal, machine } = start;
  const { history, identity } = execution;
  // AWS gives the first state the same predecessor, 0, as the start itself.
  const cursor: HistoryCursor = { lastEventId: 0 };
  if (identity.redriveCount === 0) {
    history.add({ lastEventId: 0 }, 'ExecutionStarted', {
      executionStartedEventDetails: { ...payloadDetails('input', start.input), roleArn: identity.roleArn },
    });
  } else {
    cursor.lastEventId = history.events.length;
    history.add(cursor, 'ExecutionRedriven', {
      executionRedrivenEventDetails: { redriveCount: identity.redriveCount },
    });
  }
  try {
    const { progress } = execution;
    const walk = { execution, participant, scope: new VariableScope(), cursor, signal, progress };
    const output = await walkStates(walk, machine, start.input);
    history.end(cursor, 'ExecutionSucceeded', {
      executionSucceededEventDetails: payloadDetails('output', output),
    });
    return { status: 'SUCCEEDED', output, ...recordOf(execution) };
  } catch (error) {
    return ended(execution, cursor, signal, error);
  }
}

function ended(
  execution: Execution,
  cursor: HistoryCursor,
  signal: AbortSignal,
  error: unknown,
): ExecutionResult {
  const { history } = execution;
  if (error instanceof StateFailure) {
    const details = errorDetails(error);
    history.end(cursor, 'ExecutionFailed', { executionFailedEventDetails: details });
    return { status: 'FAILED', ...details, ...recordOf(execution) };
  }
  if (!signal.aborted || error !== signal.reason) throw error;
  if (error instanceof ExecutionTimedOutError) {
    history.end({ lastEventId: 0 }, 'ExecutionTimedOut', {
      executionTimedOutEventDetails: { error: 'States.Timeout' },
    });
    return { status: 'TIMED_OUT', ...recordOf(execution) };
  }
  const details = error instanceof ExecutionStoppedError ? error.details : {};
  history.end({ lastEventId: 0 }, 'ExecutionAborted', { executionAbortedEventDetails: details });
  return { status: 'ABORTED', ...details, ...recordOf(execution) };
}

function recordOf(
  execution: Execution,
): Pick<ExecutionResult, 'transitions' | 'path' | 'history' | 'children'> {
  const { path, history, children } = execution;
  return { transitions: path.length, path, history: history.events, children };
}
