import type { Clock, VirtualClock } from '../clock.ts';
import type {
  ExecutionHandle,
  ExecutionResult,
  ExecutionStatus,
  MapRunRefusal,
  StartExecutionOptions,
  StateMachineRunner,
  TaskInvoker,
} from './contract.ts';
import type { StateMachineDefinition } from './definition.ts';
import { ExecutionAlreadyExistsError, ExecutionNotRedrivableError } from './errors.ts';
import { countRedrive, createExecution, type Execution, type RunnerServices } from './execution.ts';
import { ExecutionStoppedError, ExecutionTimedOutError, runExecution } from './execution-run.ts';
import { jsonByteLength } from './json.ts';
import { ExpressionEvaluator } from './jsonata-expressions.ts';
import { PAYLOAD_LIMIT_BYTES } from './limits.ts';
import type { ObjectStoreOf } from './object-store.ts';
import { Scheduler } from './scheduler.ts';
import { validateDefinition } from './validate.ts';

export type {
  ExecutionHandle,
  ExecutionResult,
  ExecutionStatus,
  StartExecutionOptions,
  StateMachineRunner,
  TaskCall,
  TaskInvoker,
} from './contract.ts';
export {
  ExecutionAlreadyExistsError,
  ExecutionNotRedrivableError,
  NotImplementedError,
  StepFunctionsTaskError,
  type TaskFailure,
} from './errors.ts';
export type { ChildExecution } from './execution.ts';
export type { HistoryEvent } from './history.ts';
export {
  type ListedObject,
  MissingObjectStoreError,
  type ObjectStore,
  ObjectStoreError,
  type ObjectStoreOf,
} from './object-store.ts';
export { seededRandom } from './random.ts';
export { validateDefinition } from './validate.ts';

const NAME_RESERVED_MILLISECONDS = 90 * 24 * 3_600_000;

/** What a runner is made of. */
export interface RunnerOptions {
  readonly clock: Clock | VirtualClock;
  readonly invoke: TaskInvoker;
  /** Asked before each Distributed Map runs; without it every one may. */
  readonly mapRunRefusal?: MapRunRefusal;
  /** What ItemReader and ResultWriter use; without it a run that needs one rejects with MissingObjectStoreError. */
  readonly objects?: ObjectStoreOf;
  /** A number in [0, 1): for jitter, `$random`, `$uuid` and the names of child executions. */
  readonly random: () => number;
  readonly region: string;
  readonly accountId: string;
}

/** An execution the runner has started, for StartExecution's rules and for redrives. */
interface StartedExecution {
  readonly execution: Execution;
  readonly definition: StateMachineDefinition;
  readonly inputText: string;
  handle: ExecutionHandle;
}

/** A runner of JSONata state machines that behaves as AWS Step Functions (docs/asl-runner.md says how far). */
export function createRunner(options: RunnerOptions): StateMachineRunner {
  return new Runner(options);
}

class Runner implements StateMachineRunner {
  readonly #services: RunnerServices;
  readonly #started = new Map<string, StartedExecution>();

  constructor(options: RunnerOptions) {
    const scheduler = new Scheduler(options.clock);
    this.#services = {
      scheduler,
      evaluator: new ExpressionEvaluator({ now: () => scheduler.now(), random: options.random }),
      invoke: options.invoke,
      mapRunRefusal: options.mapRunRefusal ?? (() => undefined),
      objects: options.objects,
      random: options.random,
      region: options.region,
      accountId: options.accountId,
    };
  }

  startExecution(options: StartExecutionOptions): ExecutionHandle {
    const stateMachineName = options.stateMachineArn.slice(options.stateMachineArn.lastIndexOf(':') + 1);
    const { region, accountId, scheduler } = this.#services;
    const executionArn = `arn:aws:states:${region}:${accountId}:execution:${stateMachineName}:${options.name}`;
    const refusal = refusalOf(options);
    if (refusal !== undefined) return refusedHandle(executionArn, refusal);
    const inputText = JSON.stringify(options.input);
    const earlier = this.#started.get(executionArn);
    if (earlier !== undefined) {
      if (earlier.handle.status() === 'RUNNING' && earlier.inputText === inputText) return earlier.handle;
      if (scheduler.now() < freeFrom(earlier)) throw new ExecutionAlreadyExistsError(executionArn);
    }
    const execution = createExecution(this.#services, {
      executionArn,
      name: options.name,
      stateMachineArn: options.stateMachineArn,
      stateMachineName,
      roleArn: options.roleArn ?? `arn:aws:iam::${accountId}:role/${stateMachineName}`,
      input: options.input,
      startTime: new Date(scheduler.now()).toISOString(),
      redriveCount: 0,
    });
    const definition = options.definition as StateMachineDefinition;
    const handle = this.#run(execution, definition);
    this.#started.set(executionArn, { execution, definition, inputText, handle });
    return handle;
  }

  redriveExecution(executionArn: string): ExecutionHandle {
    const started = this.#started.get(executionArn);
    const status = started?.handle.status();
    if (started === undefined || status === 'RUNNING' || status === 'SUCCEEDED') {
      throw new ExecutionNotRedrivableError(
        `${executionArn} is ${status ?? 'unknown'}: only an execution that failed, timed out or was stopped can be redriven.`,
      );
    }
    const { execution, definition } = started;
    countRedrive(execution);
    started.handle = this.#run(execution, definition);
    return started.handle;
  }

  #run(execution: Execution, definition: StateMachineDefinition): ExecutionHandle {
    const { scheduler } = this.#services;
    const { input } = execution.identity;
    const controller = new AbortController();
    const { signal } = controller;
    const over = new AbortController();
    let status: ExecutionStatus = 'RUNNING';
    const running = scheduler.run((participant) =>
      runExecution({ execution, participant, signal, machine: definition, input }),
    );
    if (definition.TimeoutSeconds !== undefined) {
      scheduler.sleep(definition.TimeoutSeconds * 1000, over.signal).then(
        () =>
          controller.abort(new ExecutionTimedOutError('The execution has taken longer than TimeoutSeconds.')),
        // The execution ended first.
        () => {},
      );
    }
    const result = running
      .then((ended) => {
        status = ended.status;
        return ended;
      })
      .finally(() => over.abort(new Error('The execution has ended.')));
    return {
      executionArn: execution.identity.executionArn,
      result,
      stop: (error, cause) => controller.abort(new ExecutionStoppedError(stopDetails(error, cause))),
      status: () => status,
    };
  }
}

/** When the name of an execution may be used again, in milliseconds since 1970. */
function freeFrom({ execution, handle }: StartedExecution): number {
  const lastEvent = execution.history.events.at(-1);
  if (lastEvent === undefined || handle.status() === 'RUNNING') return Number.POSITIVE_INFINITY;
  return Date.parse(lastEvent.timestamp) + NAME_RESERVED_MILLISECONDS;
}

function stopDetails(
  error: string | undefined,
  cause: string | undefined,
): { error?: string; cause?: string } {
  return { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
}

/** Why an execution cannot start at all, in StartExecution's and CreateStateMachine's words. */
function refusalOf(options: StartExecutionOptions): { error: string; cause: string } | undefined {
  const problems = validateDefinition(options.definition);
  if (problems.length > 0) return { error: 'InvalidDefinition', cause: problems.join('\n') };
  const inputBytes = jsonByteLength(options.input);
  if (inputBytes <= PAYLOAD_LIMIT_BYTES) return undefined;
  return {
    error: 'InvalidExecutionInput',
    cause: `The input of ${options.name} takes ${inputBytes} bytes; at most ${PAYLOAD_LIMIT_BYTES} are allowed.`,
  };
}

function refusedHandle(executionArn: string, refusal: { error: string; cause: string }): ExecutionHandle {
  const result: ExecutionResult = {
    status: 'INVALID',
    ...refusal,
    transitions: 0,
    path: [],
    history: [],
    children: [],
  };
  return { executionArn, result: Promise.resolve(result), stop: () => {}, status: () => 'INVALID' };
}
