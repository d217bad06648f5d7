import type { ExecutionResult, MapRunRefusal, TaskInvoker } from './contract.ts';
import { History, type HistoryCursor } from './history.ts';
import type { ExpressionEvaluator } from './jsonata-expressions.ts';
import type { MapRun } from './map-run.ts';
import type { ObjectStoreOf } from './object-store.ts';
import type { Participant, Scheduler } from './scheduler.ts';
import type { VariableScope } from './variables.ts';

/** What every execution of a runner shares. */
export interface RunnerServices {
  readonly scheduler: Scheduler;
  readonly evaluator: ExpressionEvaluator;
  readonly invoke: TaskInvoker;
  readonly mapRunRefusal: MapRunRefusal;
  readonly objects: ObjectStoreOf | undefined;
  readonly random: () => number;
  readonly region: string;
  readonly accountId: string;
}

/** The Execution and StateMachine members of the context object. */
export interface ExecutionIdentity {
  readonly executionArn: string;
  readonly name: string;
  readonly stateMachineArn: string;
  readonly stateMachineName: string;
  readonly roleArn: string;
  readonly input: unknown;
  /** ISO 8601 with milliseconds. */
  readonly startTime: string;
  readonly redriveCount: number;
  readonly redriveTime?: string;
}

/** A child execution of a Distributed Map: its own name, input, history and result. */
export interface ChildExecution {
  readonly executionArn: string;
  readonly mapRunArn: string;
  readonly name: string;
  readonly input: unknown;
  readonly result: ExecutionResult;
}

/** One execution while it runs. */
export interface Execution {
  readonly services: RunnerServices;
  identity: ExecutionIdentity;
  readonly history: History;
  /** Names of the states entered, in order; its length is the number of state transitions. */
  readonly path: string[];
  readonly children: ChildExecution[];
  /** Where a redrive would go on. */
  readonly progress: Progress;
}

/** An execution that has not begun. */
export function createExecution(services: RunnerServices, identity: ExecutionIdentity): Execution {
  const history = new History(() => services.scheduler.now());
  return { services, identity, history, path: [], children: [], progress: {} };
}

/** Says of an execution that it is redriven once more, from now. */
export function countRedrive(execution: Execution): void {
  const { identity, services } = execution;
  execution.identity = {
    ...identity,
    redriveCount: identity.redriveCount + 1,
    redriveTime: new Date(services.scheduler.now()).toISOString(),
  };
}

/** How far a line of states has come: an execution, a Parallel branch or a Map iteration. */
export interface Progress {
  /** The state that was entered last. */
  at?: ResumePoint;
  /** Set when the line has ended well; a redrive keeps it. */
  output?: { readonly value: unknown };
}

/** A state with what it had on entering it, and how far its own parts have come. */
export interface ResumePoint {
  readonly stateName: string;
  readonly input: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Of its branches or iterations, by index. */
  forks: Progress[];
  /** Of a Distributed Map. */
  mapRun?: MapRun;
}

/** One line of states being walked: the execution itself, a Parallel branch or a Map iteration. */
export interface Walk {
  readonly execution: Execution;
  readonly participant: Participant;
  readonly scope: VariableScope;
  readonly cursor: HistoryCursor;
  /** Aborted when the execution ends or a sibling failed. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** One state while a walk is in it. */
export interface Visit {
  readonly walk: Walk;
  readonly stateName: string;
  readonly input: unknown;
  readonly enteredEventId: number;
  /** ISO 8601 with milliseconds. */
  readonly enteredTime: string;
  /** The variables as they were on entry: what every expression of the state sees. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly point: ResumePoint;
}

/** One attempt of a Task, Parallel or Map. */
export interface Attempt {
  /** Retries made before it. */
  readonly retryCount: number;
  /** Whether branches, iterations or children run: only then a failure is told as the state's in the history. */
  forked: boolean;
}
