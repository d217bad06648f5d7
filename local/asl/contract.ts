import type { TaskFailure } from './errors.ts';
import type { ChildExecution } from './execution.ts';
import type { HistoryEvent } from './history.ts';

/** One attempt of a Task state, as its integration is asked. */
export interface TaskCall {
  readonly resource: string;
  /** The evaluated Arguments; the state's input where there are none. */
  readonly arguments: unknown;
  readonly stateName: string;
  readonly executionArn: string;
  /** Of `.waitForTaskToken` states. */
  readonly taskToken?: string;
  /** 1 for the first attempt of the state, 2 for its first retry. */
  readonly attempt: number;
  /** Aborted when the state timed out, a sibling failed or the execution was stopped; the handler may run on. */
  readonly signal: AbortSignal;
}

/**
 * Performs a Task: resolves with the raw result of the integration (for `lambda:invoke`
 * `{ ExecutedVersion, Payload, StatusCode }`), rejects with StepFunctionsTaskError.
 */
export type TaskInvoker = (call: TaskCall) => Promise<unknown>;

/** Why an execution may not run a Distributed Map, which fails the Map state; undefined when it may. */
export type MapRunRefusal = (executionArn: string) => TaskFailure | undefined;

/** How an execution stands, in DescribeExecution's words; INVALID: its definition was refused. */
export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'INVALID';

/** How an execution ended. */
export interface ExecutionResult {
  readonly status: Exclude<ExecutionStatus, 'RUNNING'>;
  /** Only when SUCCEEDED. */
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  /** States entered, branches and iterations included, children of Distributed Maps not. */
  readonly transitions: number;
  /** Names of the states entered, in order. */
  readonly path: readonly string[];
  readonly history: readonly HistoryEvent[];
  /** The child executions of Distributed Maps, in the order they ended. */
  readonly children: readonly ChildExecution[];
}

/** What StartExecution is given. */
export interface StartExecutionOptions {
  /** Parsed ASL, substitutions already filled in. */
  readonly definition: unknown;
  readonly input: unknown;
  readonly name: string;
  readonly stateMachineArn: string;
  /** What `$states.context.Execution.RoleArn` says; made up where it is left out. */
  readonly roleArn?: string;
}

/** A started execution. */
export interface ExecutionHandle {
  readonly executionArn: string;
  /**
   * Rejects only with faults that are not the machine's: of an invoker or an object store, MissingObjectStoreError,
   * NotImplementedError.
   */
  readonly result: Promise<ExecutionResult>;
  /** StopExecution: ABORTED, no further state; a handler that is running runs on. */
  stop(error?: string, cause?: string): void;
  status(): ExecutionStatus;
}

/** Runs state machines. */
export interface StateMachineRunner {
  /**
   * StartExecution. The same name with the same input while it runs gives the running execution; any other
   * second use of a name throws ExecutionAlreadyExistsError until 90 days after that execution ended.
   */
  startExecution(options: StartExecutionOptions): ExecutionHandle;
  /**
   * RedriveExecution: enters the state again that failed, timed out or was stopped, with the same input and
   * variables. Throws ExecutionNotRedrivableError.
   */
  redriveExecution(executionArn: string): ExecutionHandle;
}
