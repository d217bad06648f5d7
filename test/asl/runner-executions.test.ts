import { describe, expect, it } from 'vitest';
import {
  createRunner,
  ExecutionAlreadyExistsError,
  type HistoryEvent,
  seededRandom,
} from '../../local/asl/runner.ts';
import { realClock } from '../../local/clock.ts';
import { invoke, machine, run, START, scriptedRunner } from './run-machine.ts';

const MACHINE_ARN = 'arn:aws:states:us-east-1:111111111111:stateMachine:machine';

describe('history', () => {
  it('has AWS’s events, numbered and chained, with JSON values as text', async () => {
    const { history } = await run(
      machine({ T: invoke('f', { Assign: { x: 'y' } }) }),
      { a: 1 },
      { f: [{ return: 2 }] },
    );
    expect(history.map(({ id, previousEventId, type }) => [id, previousEventId, type])).toEqual([
      [1, 0, 'ExecutionStarted'],
      [2, 0, 'TaskStateEntered'],
      [3, 2, 'TaskScheduled'],
      [4, 3, 'TaskStarted'],
      [5, 4, 'TaskSucceeded'],
      [6, 5, 'TaskStateExited'],
      [7, 6, 'ExecutionSucceeded'],
    ]);
    expect(history[2]).toMatchObject({
      timestamp: '2020-01-01T00:00:00.000Z',
      taskScheduledEventDetails: {
        resourceType: 'lambda',
        resource: 'invoke',
        region: 'us-east-1',
        parameters: '{"FunctionName":"f","Payload":{"a":1}}',
      },
    });
    expect(history[5]).toMatchObject({
      stateExitedEventDetails: { name: 'T', output: '2', assignedVariables: { x: '"y"' } },
    });
  });

  it('names functions, activities and SDK integrations in their own families', async () => {
    const types = async (resource: string) => {
      const { history } = await run(
        machine({ T: { Type: 'Task', Resource: resource, End: true } }),
        {},
        { [resource]: [{ echo: true }] },
      );
      return history.slice(2, 5).map(({ type }) => type);
    };
    expect(await types('arn:aws:lambda:us-east-1:111111111111:function:f')).toEqual([
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionSucceeded',
    ]);
    expect(await types('arn:aws:states:us-east-1:111111111111:activity:a')).toContain('ActivityStarted');
    expect(await types('arn:aws:states:::aws-sdk:s3:putObject')).toContain('TaskStarted');
  });

  it('records iterations in the parent’s history and children in their own', async () => {
    const states = (mode: Record<string, unknown>) =>
      machine({
        M: {
          Type: 'Map',
          Items: [1],
          ItemProcessor: { ProcessorConfig: mode, StartAt: 'I', States: { I: { Type: 'Pass', End: true } } },
          End: true,
        },
      });
    const inline = await run(states({ Mode: 'INLINE' }));
    expect(inline.history.map(({ type }) => type)).toEqual([
      ...[
        'ExecutionStarted',
        'MapStateEntered',
        'MapStateStarted',
        'MapIterationStarted',
        'PassStateEntered',
      ],
      ...[
        'PassStateExited',
        'MapIterationSucceeded',
        'MapStateSucceeded',
        'MapStateExited',
        'ExecutionSucceeded',
      ],
    ]);
    const distributed = await run(states({ Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' }));
    expect(distributed.history.map(({ type }) => type)).toEqual([
      ...['ExecutionStarted', 'MapStateEntered', 'MapStateStarted', 'MapRunStarted', 'MapRunSucceeded'],
      ...['MapStateSucceeded', 'MapStateExited', 'ExecutionSucceeded'],
    ]);
  });
});

describe('predecessors in the history', () => {
  const events = (history: readonly HistoryEvent[], from: number) =>
    history.slice(from).map(({ previousEventId, id, type }) => `${previousEventId} < ${id} ${type}`);
  const map = (states: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
    machine({
      M: {
        Type: 'Map',
        ItemProcessor: { StartAt: Object.keys(states)[0], States: states },
        End: true,
        ...fields,
      },
    });

  // Recorded on AWS: an iteration continues the line of the one before it, a Map follows its last iteration.
  it('of iterations in turn lead past MapIterationSucceeded, those of their Map to it', async () => {
    const { history } = await run(
      map({ I: { Type: 'Pass', End: true } }, { Items: [1, 2], MaxConcurrency: 1 }),
    );
    expect(events(history, 2)).toEqual([
      '2 < 3 MapStateStarted',
      '3 < 4 MapIterationStarted',
      '4 < 5 PassStateEntered',
      '5 < 6 PassStateExited',
      '6 < 7 MapIterationSucceeded',
      '6 < 8 MapIterationStarted',
      '8 < 9 PassStateEntered',
      '9 < 10 PassStateExited',
      '10 < 11 MapIterationSucceeded',
      '11 < 12 MapStateSucceeded',
      '11 < 13 MapStateExited',
      '13 < 14 ExecutionSucceeded',
    ]);
  });

  it('of a failed Map lead to the failed iteration’s last state, and MapStateFailed comes after the retries', async () => {
    const { history } = await run(
      map(
        { I: { Type: 'Fail', Error: 'E' } },
        { Items: [1], Retry: [{ ErrorEquals: ['E'], MaxAttempts: 1 }] },
      ),
    );
    expect(events(history, 2)).toEqual([
      '2 < 3 MapStateStarted',
      '3 < 4 MapIterationStarted',
      '4 < 5 FailStateEntered',
      '5 < 6 MapIterationFailed',
      '5 < 7 MapStateStarted',
      '7 < 8 MapIterationStarted',
      '8 < 9 FailStateEntered',
      '9 < 10 MapIterationFailed',
      '9 < 11 MapStateFailed',
      '11 < 12 ExecutionFailed',
    ]);
    const details = { name: 'M', index: 0 };
    expect(history[3]).toMatchObject({ mapIterationStartedEventDetails: details });
    expect(history[5]).toMatchObject({ mapIterationFailedEventDetails: details });
  });

  it('of a Parallel lead to the branch that ended last, or to the one that failed', async () => {
    const parallel = (last: Record<string, unknown>) =>
      machine({
        P: {
          Type: 'Parallel',
          Branches: [
            { StartAt: 'W', States: { W: { Type: 'Wait', Seconds: 5, Next: 'L' }, L: last } },
            { StartAt: 'A', States: { A: { Type: 'Pass', End: true } } },
          ],
          End: true,
        },
      });
    const branches = [
      '2 < 3 ParallelStateStarted',
      '3 < 4 WaitStateEntered',
      '3 < 5 PassStateEntered',
      '5 < 6 PassStateExited',
      '4 < 7 WaitStateExited',
    ];
    const { history } = await run(parallel({ Type: 'Succeed' }));
    expect(events(history, 2)).toEqual([
      ...branches,
      '7 < 8 SucceedStateEntered',
      '8 < 9 SucceedStateExited',
      '9 < 10 ParallelStateSucceeded',
      '9 < 11 ParallelStateExited',
      '11 < 12 ExecutionSucceeded',
    ]);
    const failed = await run(parallel({ Type: 'Fail', Error: 'E' }));
    expect(events(failed.history, 2)).toEqual([
      ...branches,
      '7 < 8 FailStateEntered',
      '8 < 9 ParallelStateFailed',
      '9 < 10 ExecutionFailed',
    ]);
  });

  it('tell no failed state when nothing of it had begun', async () => {
    const { history } = await run(map({ I: { Type: 'Pass', End: true } }, { Items: '{% 1 %}' }));
    expect(history.slice(2).map(({ type }) => type)).toEqual(['EvaluationFailed', 'ExecutionFailed']);
  });
});

describe('StartExecution', () => {
  it('gives the running execution for the same name and input, and refuses any other second use', async () => {
    const { start, clock } = scriptedRunner({ f: [{ echo: true, delaySeconds: 5 }] });
    const definition = machine({ T: invoke('f') });
    const first = start(definition, { a: 1 }, 'name');
    expect(start(definition, { a: 1 }, 'name')).toBe(first);
    expect(() => start(definition, { a: 2 }, 'name')).toThrow(ExecutionAlreadyExistsError);
    expect(first.status()).toBe('RUNNING');
    await first.result;
    expect(first.status()).toBe('SUCCEEDED');
    expect(() => start(definition, { a: 1 }, 'name')).toThrow(/choose another name/);
    await clock.sleep(90 * 86_400_000 - 1);
    expect(() => start(definition, { a: 1 }, 'name')).toThrow(ExecutionAlreadyExistsError);
    await clock.sleep(1);
    expect(start(definition, { a: 1 }, 'name')).not.toBe(first);
  });

  it('refuses a definition and an input that cannot run', async () => {
    const { start } = scriptedRunner();
    const refused = await start({}).result;
    expect(refused).toMatchObject({ status: 'INVALID', error: 'InvalidDefinition', transitions: 0 });
    const tooLarge = await start(machine({ A: { Type: 'Pass', End: true } }), 'x'.repeat(262_144)).result;
    expect(tooLarge).toMatchObject({ status: 'INVALID', error: 'InvalidExecutionInput' });
  });

  it('runs several executions of one runner in the same virtual time', async () => {
    const { start, clock } = scriptedRunner();
    const wait = (seconds: number) => machine({ W: { Type: 'Wait', Seconds: seconds, End: true } });
    await Promise.all([start(wait(10), {}, 'a').result, start(wait(20), {}, 'b').result]);
    expect(clock.now() - START).toBe(20_000);
  });

  it('runs in real time as well', async () => {
    const runner = createRunner({
      clock: realClock,
      invoke: async ({ arguments: input }) => input,
      random: seededRandom(1),
      region: 'us-east-1',
      accountId: '111111111111',
    });
    const resource = 'arn:aws:states:::aws-sdk:s3:putObject';
    const definition = machine({
      T: { Type: 'Task', Resource: resource, TimeoutSeconds: 60, Arguments: { a: 1 }, End: true },
    });
    const result = await runner.startExecution({
      definition,
      input: {},
      name: 'n',
      stateMachineArn: MACHINE_ARN,
    }).result;
    expect(result.output).toEqual({ a: 1 });
  });

  it('ends with the fault of an invoker that does not fail as tasks do', async () => {
    const { scripted, start } = scriptedRunner({ f: [{ echo: true }] });
    scripted.calls.push = () => {
      throw new TypeError('broken stand-in');
    };
    await expect(start(machine({ T: invoke('f') })).result).rejects.toThrow('broken stand-in');
  });
});

describe('StopExecution', () => {
  it('ends the execution at once and lets a running handler run on', async () => {
    const { clock } = scriptedRunner();
    let finishedAt = 0;
    let wasAborted = false;
    const patient = createRunner({
      clock,
      invoke: async (call) => {
        await clock.sleepHeld(60_000);
        finishedAt = clock.now() - START;
        wasAborted = call.signal.aborted;
        return {};
      },
      random: seededRandom(1),
      region: 'us-east-1',
      accountId: '111111111111',
    });
    const definition = machine({ T: invoke('f', { Next: 'Never' }), Never: { Type: 'Pass', End: true } });
    const handle = patient.startExecution({ definition, input: {}, name: 'n', stateMachineArn: MACHINE_ARN });
    const stopped = clock.sleep(5_000).then(() => handle.stop('Operator', 'enough'));
    const result = await handle.result;
    await stopped;
    expect(result).toMatchObject({ status: 'ABORTED', error: 'Operator', cause: 'enough', path: ['T'] });
    expect(result.history.at(-1)).toMatchObject({
      type: 'ExecutionAborted',
      executionAbortedEventDetails: { error: 'Operator', cause: 'enough' },
    });
    await clock.sleep(100_000);
    expect([finishedAt, wasAborted]).toEqual([60_000, true]);
  });

  it('stops the children of a Distributed Map with it', async () => {
    const { clock, start } = scriptedRunner();
    const definition = machine({
      M: {
        Type: 'Map',
        Items: [1, 2],
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'W',
          States: { W: { Type: 'Wait', Seconds: 3600, End: true } },
        },
        End: true,
      },
    });
    const handle = start(definition);
    const stopped = clock.sleep(10_000).then(() => handle.stop());
    const result = await handle.result;
    await stopped;
    expect(result.status).toBe('ABORTED');
    expect(result.children.map((child) => child.result.status)).toEqual(['ABORTED', 'ABORTED']);
    expect(clock.now() - START).toBe(10_000);
  });
});
