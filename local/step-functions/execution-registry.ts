import {
  ExecutionAlreadyExistsError,
  type ExecutionHandle,
  type ExecutionResult,
  type StartExecutionOptions,
  type StateMachineRunner,
} from '../asl/runner.ts';
import type { AssemblyMachine } from '../assembly/model.ts';
import { ServiceError } from '../aws-json/service-error.ts';
import type { Clock } from '../clock.ts';
import { assertInputSize, assertNameCharacters, assertNameLength } from './start-rules.ts';

/** An execution as DescribeExecution tells it; times in milliseconds since 1970. */
export interface ExecutionRecord {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly input: unknown;
  readonly startedAt: number;
  readonly status: ExecutionResult['status'] | 'RUNNING';
  readonly stoppedAt?: number;
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
}

/** A started execution: its record now, and its end. */
export interface StartedExecution {
  readonly record: ExecutionRecord;
  /** Settles when the execution ends; rejects only when the local runtime itself is at fault. */
  readonly result: Promise<ExecutionResult>;
}

interface Entry {
  record: ExecutionRecord;
  readonly result: Promise<ExecutionResult>;
  readonly handle: ExecutionHandle;
}

export interface ExecutionRegistryOptions {
  readonly machines: readonly AssemblyMachine[];
  readonly runner: StateMachineRunner;
  readonly clock: Clock;
}

/**
 * Every execution of the runtime's machines, by ARN. Throws `ServiceError` with Step Functions' own codes, so
 * that the endpoint hands them on as they are.
 */
export class ExecutionRegistry {
  readonly #options: ExecutionRegistryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Set<Entry>();
  #unnamed = 0;

  constructor(options: ExecutionRegistryOptions) {
    this.#options = options;
  }

  /**
   * Starts the machine with that ARN. The same name with the same input while it runs is the same execution;
   * otherwise a used name is `ExecutionAlreadyExists` until 90 days after the execution ended. An input of more
   * than 262,144 bytes is a `ValidationException`; a call that is refused does not use its name up.
   */
  start(stateMachineArn: string, input: unknown, name?: string): StartedExecution {
    const { roleArn, definition } = this.#machine(stateMachineArn);
    if (name !== undefined) {
      assertNameLength(name);
      assertNameCharacters(name);
    }
    assertInputSize(JSON.stringify(input));
    this.#unnamed += name === undefined ? 1 : 0;
    const executionName = name ?? `unnamed-${this.#unnamed}`;
    const handle = this.#startOnRunner({ definition, input, name: executionName, stateMachineArn, roleArn });
    const { executionArn } = handle;
    const known = this.#entries.get(executionArn);
    if (known?.handle === handle) return known;
    const { clock } = this.#options;
    const entry: Entry = {
      record: {
        executionArn,
        stateMachineArn,
        name: executionName,
        input,
        startedAt: clock.now(),
        status: 'RUNNING',
      },
      result: handle.result.then((result) => {
        entry.record = finishedRecord(entry.record, result, clock.now());
        return result;
      }),
      handle,
    };
    this.#entries.set(executionArn, entry);
    this.#running.add(entry);
    // Whoever awaits the result sees a rejection; one that nobody awaits must not end the process.
    entry.result.catch(() => {}).finally(() => this.#running.delete(entry));
    return entry;
  }

  /** Throws `StateMachineDoesNotExist` or `InvalidName`, as StartExecution would before it looks at the input. */
  assertStartable(stateMachineArn: string, name: string | undefined): void {
    this.#machine(stateMachineArn);
    if (name !== undefined) assertNameCharacters(name);
  }

  /** Throws `ExecutionDoesNotExist` for an ARN that was never started here. */
  describe(executionArn: string): ExecutionRecord {
    return this.#entry(executionArn).record;
  }

  /** Ends an execution as ABORTED; a handler that works for it runs on. */
  stop(executionArn: string, error?: string, cause?: string): void {
    this.#entry(executionArn).handle.stop(error, cause);
  }

  /** Resolves when no execution runs any more, those that were started meanwhile included. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running].map(({ result }) => result));
    }
  }

  /** Ends every running execution as ABORTED and resolves when all have ended. */
  async stopAll(): Promise<void> {
    for (const { handle } of this.#running) handle.stop();
    await this.settled();
  }

  /** Every execution so far, in the order of their start. */
  list(): ExecutionRecord[] {
    return [...this.#entries.values()].map(({ record }) => record);
  }

  #machine(stateMachineArn: string): AssemblyMachine {
    const machine = this.#options.machines.find(({ arn }) => arn === stateMachineArn);
    if (machine !== undefined) return machine;
    throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
  }

  #startOnRunner(options: StartExecutionOptions): ExecutionHandle {
    try {
      return this.#options.runner.startExecution(options);
    } catch (error) {
      if (!(error instanceof ExecutionAlreadyExistsError)) throw error;
      throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${error.executionArn}'`);
    }
  }

  #entry(executionArn: string): Entry {
    const entry = this.#entries.get(executionArn);
    if (entry !== undefined) return entry;
    throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${executionArn}'`);
  }
}

function finishedRecord(
  record: ExecutionRecord,
  result: ExecutionResult,
  stoppedAt: number,
): ExecutionRecord {
  return {
    ...record,
    status: result.status,
    stoppedAt,
    ...(result.output === undefined ? {} : { output: result.output }),
    ...(result.error === undefined ? {} : { error: result.error }),
    ...(result.cause === undefined ? {} : { cause: result.cause }),
  };
}
