import {
  createRunner,
  ExecutionAlreadyExistsError,
  type ExecutionHandle,
  type ExecutionResult,
  type StateMachineRunner,
  StepFunctionsTaskError,
  seededRandom,
  type TaskCall,
  type TaskInvoker,
} from '../../local/asl/runner.ts';
import type { VirtualClock } from '../../local/clock.ts';

const MACHINE_ARN = 'arn:aws:states:us-east-1:111111111111:stateMachine:under-test';

interface StartedExecution {
  readonly name: string;
  readonly handle: ExecutionHandle;
  result: ExecutionResult | undefined;
}

/** The executions of one machine by their names, those that it starts itself among them. */
export class NamedExecutions {
  readonly #started = new Map<string, StartedExecution>();
  readonly #runner: StateMachineRunner;
  readonly #definition: unknown;

  constructor(clock: VirtualClock, definition: unknown, invoke: TaskInvoker) {
    this.#definition = definition;
    this.#runner = createRunner({
      clock,
      invoke: async (call) =>
        call.resource === 'arn:aws:states:::states:startExecution' ? this.#startedBy(call) : invoke(call),
      random: seededRandom(7),
      region: 'us-east-1',
      accountId: '111111111111',
    });
  }

  /** Names in the order of their start. */
  get names(): readonly string[] {
    return [...this.#started.keys()];
  }

  /** Results of those that have ended, in the order of their start. */
  get results(): ReadonlyMap<string, ExecutionResult> {
    const ended = [...this.#started.values()].flatMap(({ name, result }) =>
      result === undefined ? [] : [[name, result] as const],
    );
    return new Map(ended);
  }

  /** Those that run, each until its end. */
  get running(): readonly Promise<ExecutionResult>[] {
    return [...this.#started.values()]
      .filter(({ result }) => result === undefined)
      .map(({ handle }) => handle.result);
  }

  /** StartExecution; throws ExecutionAlreadyExistsError as the runner does. */
  start(name: string, input: unknown): ExecutionHandle {
    const handle = this.#runner.startExecution({
      definition: this.#definition,
      input,
      name,
      stateMachineArn: MACHINE_ARN,
    });
    if (this.#started.get(name)?.handle === handle) return handle;
    const started: StartedExecution = { name, handle, result: undefined };
    this.#started.set(name, started);
    void handle.result.then((result) => {
      started.result = result;
    });
    return handle;
  }

  /** StopExecution; false when none of that name runs. */
  stop(name: string): boolean {
    const handle = this.#started.get(name)?.handle;
    if (handle?.status() !== 'RUNNING') return false;
    handle.stop();
    return true;
  }

  stopAll(): void {
    for (const { handle } of this.#started.values()) handle.stop();
  }

  #startedBy(call: TaskCall): unknown {
    const { Name, Input } = call.arguments as { Name: string; Input: unknown };
    try {
      return { ExecutionArn: this.start(Name, Input).executionArn };
    } catch (error) {
      if (!(error instanceof ExecutionAlreadyExistsError)) throw error;
      throw new StepFunctionsTaskError({
        error: 'StepFunctions.ExecutionAlreadyExistsException',
        cause: error.message,
      });
    }
  }
}
