import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadAssembly } from '../../local/assembly/load.ts';
import { VirtualClock } from '../../local/clock.ts';
import { createLocalRuntime, type LocalRuntime, type LocalRuntimeOptions } from '../../local/runtime.ts';
import { type HandMadeAssembly, handMadeAssembly } from '../support/hand-made-assembly.ts';

const START = Date.parse('2026-06-03T00:00:00Z');
const DAY = 86_400_000;
const MACHINE = 'analytics-sync';

/** Waits for a day, works, and starts the next one of `input.left`. */
const CHAIN = {
  QueryLanguage: 'JSONata',
  StartAt: 'Wait',
  States: {
    Wait: { Type: 'Wait', Seconds: 86_400, Next: 'Work' },
    Work: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: filled by DefinitionSubstitutions
      Arguments: { FunctionName: '${DoWorkArn}', Payload: '{% $states.input %}' },
      Output: '{% $states.result.Payload %}',
      Next: 'Is Any Left',
    },
    'Is Any Left': {
      Type: 'Choice',
      Choices: [{ Condition: '{% $states.input.left > 0 %}', Next: 'Start Next' }],
      Default: 'Done',
    },
    'Start Next': {
      Type: 'Task',
      Resource: 'arn:aws:states:::states:startExecution',
      Arguments: {
        StateMachineArn: '{% $states.context.StateMachine.Id %}',
        Name: "{% 'left-' & $states.input.left %}",
        Input: { left: '{% $states.input.left - 1 %}' },
      },
      Catch: [
        { ErrorEquals: ['StepFunctions.ExecutionAlreadyExistsException'], Output: 'again', Next: 'Done' },
      ],
      End: true,
    },
    Done: { Type: 'Succeed' },
  },
};

let lakeDirectory: string;
let made: HandMadeAssembly;
let runtime: LocalRuntime;
let clock: VirtualClock;

beforeAll(async () => {
  lakeDirectory = await mkdtemp(join(tmpdir(), 'local-runtime-lake-'));
});
afterEach(async () => {
  await runtime.close();
  await made.remove();
});
afterAll(() => rm(lakeDirectory, { recursive: true, force: true }));

/** A runtime whose second schedule invokes the function directly, every other day. */
async function start(options: Partial<LocalRuntimeOptions> = {}, bundle?: string): Promise<LocalRuntime> {
  made = await handMadeAssembly({
    definition: CHAIN,
    schedule: 'rate(1 day)',
    ...(bundle === undefined ? {} : { bundles: { DoWork: bundle } }),
    changePipeline({ Resources }) {
      Resources.Clean7 = {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          Name: 'clean',
          ScheduleExpression: 'rate(2 days)',
          Target: {
            Arn: { 'Fn::GetAtt': ['DoWork3', 'Arn'] },
            RoleArn: { 'Fn::GetAtt': ['ScheduleRole6', 'Arn'] },
          },
        },
      };
    },
  });
  clock = new VirtualClock(START);
  runtime = await createLocalRuntime({
    assembly: await loadAssembly(made.directory),
    lakeDirectory,
    clock,
    secrets: {},
    authorize: () => true,
    ...options,
  });
  return runtime;
}

const statuses = () => runtime.executions.map(({ name, status }) => `${name} ${status}`);

describe('executions that start others', () => {
  it('run one after another in virtual time, each of its own, until none runs', async () => {
    await start();
    const { result } = runtime.startExecution(MACHINE, { left: 2 }, 'first');
    expect(await runtime.waitForExecutions(START + 30 * DAY)).toBe('all-ended');
    expect(statuses()).toEqual(['first SUCCEEDED', 'left-2 SUCCEEDED', 'left-1 SUCCEEDED']);
    expect(clock.now()).toBe(START + 3 * DAY);
    expect((await result).output).toEqual({
      ExecutionArn: expect.stringMatching(/:left-2$/),
      StartDate: START + DAY,
    });
  });

  it('are content with the name that is used already', async () => {
    await start();
    const input = { left: 0, other: true };
    runtime.startExecution(MACHINE, input, 'left-1');
    const { result } = runtime.startExecution(MACHINE, { left: 1 }, 'first');
    expect((await result).output).toBe('again');
    expect(statuses()).toEqual(['left-1 SUCCEEDED', 'first SUCCEEDED']);
  });

  it('fail as on AWS when the role of the machine may not start it', async () => {
    await start({ authorize: ({ action }) => action !== 'states:StartExecution' });
    const { result } = runtime.startExecution(MACHINE, { left: 1 }, 'first');
    expect(await result).toMatchObject({
      status: 'FAILED',
      error: 'StepFunctions.AWSStepFunctionsException',
      cause: expect.stringContaining('not authorized to perform: states:StartExecution'),
    });
    expect(statuses()).toEqual(['first FAILED']);
  });
});

describe('waiting for executions', () => {
  it('ends when the time is over, and time stands still until more is asked', async () => {
    await start();
    runtime.startExecution(MACHINE, { left: 5 }, 'first');
    expect(await runtime.waitForExecutions(START + 1.5 * DAY)).toBe('time-is-over');
    expect(clock.now()).toBe(START + 1.5 * DAY);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(clock.now()).toBe(START + 1.5 * DAY);
    expect(statuses()).toEqual(['first SUCCEEDED', 'left-5 RUNNING']);

    expect(await runtime.waitForExecutions(START + 2.5 * DAY)).toBe('time-is-over');
    expect(statuses()).toEqual(['first SUCCEEDED', 'left-5 SUCCEEDED', 'left-4 RUNNING']);
    expect(await runtime.invokeFunction('do-work', { asked: true })).toEqual({ asked: true });
  });

  it('leaves executions that closing ends as stopped', async () => {
    await start();
    runtime.startExecution(MACHINE, { left: 5 }, 'first');
    await runtime.waitForExecutions(START + 1.5 * DAY);
    await runtime.close();
    expect(statuses()).toEqual(['first SUCCEEDED', 'left-5 ABORTED']);
  });

  it('ends although an execution ended by a fault of the runtime itself', async () => {
    await start(
      { stallMilliseconds: 200 },
      'export const handler = () => new Promise((r) => setInterval(r, 1e9));',
    );
    const { result } = runtime.startExecution(MACHINE, { left: 0 }, 'first');
    const fault = result.catch((error: Error) => error.message);
    expect(await runtime.waitForExecutions(START + 30 * DAY)).toBe('all-ended');
    expect(await fault).toBeDefined();
  });
});

describe('schedules', () => {
  it('invoke functions too, which are told apart from runs', async () => {
    await start();
    const invoked: unknown[] = [];
    const runs = await runtime.runSchedules(START + 2.5 * DAY, {
      schedules: ({ name }) => name === 'clean',
      onFunctionEnd: ({ name }, result) => invoked.push([name, result, clock.now()]),
    });
    expect(runs).toEqual([]);
    expect(invoked).toEqual([
      ['clean', {}, START],
      ['clean', {}, START + 2 * DAY],
    ]);
    expect(runtime.executions).toEqual([]);
  });

  it('are left out where they are not wanted', async () => {
    await start();
    const runs = await runtime.runSchedules(START + 1, { schedules: ({ name }) => name !== 'clean' });
    expect(runs.map(({ schedule }) => schedule.name)).toEqual(['sync-main']);
  });

  it('fail when the role of the schedule may not invoke the function, or the function fails', async () => {
    await start({ authorize: ({ action }) => action !== 'lambda:InvokeFunction' });
    const clean = { schedules: ({ name }: { name: string }) => name === 'clean' };
    await expect(runtime.runSchedules(START + 1, clean)).rejects.toMatchObject({
      code: 'AccessDeniedException',
    });
    await runtime.close();
    await made.remove();
    await start({}, 'export const handler = async () => { throw new Error("no"); };');
    await expect(runtime.runSchedules(START + 1, clean)).rejects.toMatchObject({ name: 'InvocationError' });
  });
});
