import {
  createRunner,
  type ExecutionHandle,
  type ExecutionResult,
  seededRandom,
} from '../../local/asl/runner.ts';
import { type RecordedCall, ScriptedTasks } from '../../local/asl/scripted-tasks.ts';
import { VirtualClock } from '../../local/clock.ts';

export const START = Date.parse('2020-01-01T00:00:00Z');
export const INVOKE = 'arn:aws:states:::lambda:invoke';

/** A JSONata machine of these states, begun with the first. */
export function machine(states: Record<string, unknown>, extra: Record<string, unknown> = {}) {
  return { QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0], States: states, ...extra };
}

/** A Task that calls the function `name` and hands on its Payload. */
export function invoke(name: string, extra: Record<string, unknown> = {}) {
  return {
    Type: 'Task',
    Resource: INVOKE,
    Arguments: { FunctionName: name, Payload: '{% $states.input %}' },
    Output: '{% $states.result.Payload %}',
    ...(extra.Next === undefined ? { End: true } : {}),
    ...extra,
  };
}

/** A runner over scripted tasks at virtual time. */
export function scriptedRunner(tasks: unknown = {}) {
  const clock = new VirtualClock(START);
  const scripted = new ScriptedTasks(tasks, clock);
  const runner = createRunner({
    clock,
    invoke: scripted.invoke,
    objects: () => scripted,
    random: seededRandom(1),
    region: 'us-east-1',
    accountId: '111111111111',
  });
  const start = (definition: unknown, input: unknown = {}, name = 'execution'): ExecutionHandle =>
    runner.startExecution({
      definition,
      input,
      name,
      stateMachineArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:machine',
    });
  return { clock, scripted, runner, start };
}

/** What a run came to. */
export interface Run extends ExecutionResult {
  readonly calls: readonly RecordedCall[];
  /** Virtual seconds from start to end. */
  readonly seconds: number;
}

/** Runs a machine to its end with scripted tasks. */
export async function run(definition: unknown, input: unknown = {}, tasks: unknown = {}): Promise<Run> {
  const { clock, scripted, start } = scriptedRunner(tasks);
  const result = await start(definition, input).result;
  return { ...result, calls: scripted.calls, seconds: (clock.now() - START) / 1000 };
}
