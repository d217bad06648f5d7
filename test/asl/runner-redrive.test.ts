import { describe, expect, it } from 'vitest';
import { ExecutionNotRedrivableError } from '../../local/asl/runner.ts';
import type { RecordedCall } from '../../local/asl/scripted-tasks.ts';
import { invoke, machine, scriptedRunner } from './run-machine.ts';

describe('RedriveExecution', () => {
  it('enters the failed state again with its input and variables', async () => {
    const { runner, scripted, start } = scriptedRunner({ f: [{ fail: { error: 'E' } }, { echo: true }] });
    const definition = machine({
      Seed: { Type: 'Pass', Assign: { x: 1 }, Output: 'in', Next: 'T' },
      T: invoke('f', {
        Output: ['{% $states.result.Payload %}', '{% $x %}', '{% $states.context.Execution.RedriveCount %}'],
      }),
    });
    const first = start(definition);
    expect((await first.result).status).toBe('FAILED');
    const again = runner.redriveExecution(first.executionArn);
    const result = await again.result;
    expect(result.output).toEqual(['in', 1, 1]);
    expect(result.path).toEqual(['Seed', 'T', 'T']);
    expect(result.history.map(({ type }) => type)).toContain('ExecutionRedriven');
    expect(scripted.calls).toHaveLength(2);
  });

  const calledFunctions = (calls: readonly RecordedCall[]) =>
    calls.map(({ input }) => (input as { FunctionName: string }).FunctionName);
  const inTurn = (first: string, second: string) => ({
    StartAt: first,
    States: { [first]: invoke(first, { Next: second }), [second]: invoke(second) },
  });

  it('keeps the branches of a Parallel that ended well, and goes on in the others where they were', async () => {
    const { runner, scripted, start } = scriptedRunner({
      good: [{ return: 'good' }],
      before: [{ return: 'kept' }],
      bad: [{ fail: { error: 'E' }, delaySeconds: 5 }, { echo: true }],
      slow: [{ return: 'late', delaySeconds: 60 }],
    });
    const branch = (name: string) => ({ StartAt: name, States: { [name]: invoke(name) } });
    const definition = machine({
      P: {
        Type: 'Parallel',
        Branches: [branch('good'), inTurn('before', 'bad'), branch('slow')],
        End: true,
      },
    });
    const first = start(definition);
    expect(await first.result).toMatchObject({ status: 'FAILED', error: 'E' });
    const result = await runner.redriveExecution(first.executionArn).result;
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: ['good', 'kept', 'late'] });
    expect(calledFunctions(scripted.calls)).toEqual(['good', 'before', 'slow', 'bad', 'bad', 'slow']);
  });

  it('runs all branches again when it was the state itself that failed', async () => {
    const { runner, scripted, start } = scriptedRunner({ f: [{ return: 1 }] });
    const definition = machine({
      P: {
        Type: 'Parallel',
        Branches: [{ StartAt: 'f', States: { f: invoke('f') } }],
        Output: '{% $states.context.Execution.RedriveCount = 1 ? $states.result : $none %}',
        End: true,
      },
    });
    const first = start(definition);
    expect((await first.result).error).toBe('States.QueryEvaluationError');
    expect((await runner.redriveExecution(first.executionArn).result).output).toEqual([1]);
    expect(scripted.calls).toHaveLength(2);
  });

  it('keeps the iterations of a Map that ended well, with retries counted anew', async () => {
    const { runner, scripted, start } = scriptedRunner({
      before: [{ echo: true }],
      f: [
        { echo: true },
        { fail: { error: 'E' } },
        { fail: { error: 'E' } },
        { fail: { error: 'E' } },
        { echo: true },
      ],
    });
    const retry = [{ ErrorEquals: ['E'], MaxAttempts: 1 }];
    const definition = machine({
      M: {
        Type: 'Map',
        Items: ['a', 'b', 'c'],
        MaxConcurrency: 1,
        ItemProcessor: {
          StartAt: 'before',
          States: { before: invoke('before', { Next: 'f' }), f: invoke('f', { Retry: retry }) },
        },
        End: true,
      },
    });
    const first = start(definition);
    expect((await first.result).status).toBe('FAILED');
    expect(calledFunctions(scripted.calls)).toEqual(['before', 'f', 'before', 'f', 'f']);
    const result = await runner.redriveExecution(first.executionArn).result;
    expect(result.output).toEqual(['a', 'b', 'c']);
    expect(calledFunctions(scripted.calls).slice(5)).toEqual(['f', 'f', 'before', 'f']);
  });

  it('goes on with the Map Run: same children, only those that did not succeed, the rest for the first time', async () => {
    const { runner, scripted, start } = scriptedRunner({
      before: [{ echo: true }],
      f: [{ echo: true }, { fail: { error: 'E' } }, { echo: true }],
      $s3: { b: { 'items.json': '["a","b","c"]' } },
    });
    const definition = machine({
      M: {
        Type: 'Map',
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Arguments: { Bucket: 'b', Key: 'items.json' },
          ReaderConfig: { InputType: 'JSON' },
        },
        MaxConcurrency: 1,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          ...inTurn('before', 'f'),
        },
        End: true,
      },
    });
    const first = start(definition);
    const failed = await first.result;
    expect(failed.error).toBe('States.ExceedToleratedFailureThreshold');
    const children = failed.children.map(({ executionArn, mapRunArn }) => ({ executionArn, mapRunArn }));
    await scripted.writeObject('b', 'items.json', 'changed since');
    const result = await runner.redriveExecution(first.executionArn).result;
    expect(result.output).toEqual(['a', 'b', 'c']);
    expect(calledFunctions(scripted.calls)).toEqual(['before', 'f', 'before', 'f', 'f', 'before', 'f']);
    expect(result.children.map((child) => child.result.status)).toEqual(Array(3).fill('SUCCEEDED'));
    expect(result.children).toMatchObject([...children, { mapRunArn: children[0]?.mapRunArn }]);
    expect(result.children[1]?.result.history.map(({ type }) => type)).toContain('ExecutionRedriven');
    expect(result.history.find(({ type }) => type === 'MapRunRedriven')).toMatchObject({
      mapRunRedrivenEventDetails: { mapRunArn: children[0]?.mapRunArn, redriveCount: 1 },
    });
  });

  it('keeps nothing of an attempt that a Retry repeats', async () => {
    const { scripted, start } = scriptedRunner({
      good: [{ return: 1 }],
      bad: [{ fail: { error: 'E' } }, { return: 2 }],
    });
    const child = (name: string) => ({ StartAt: name, States: { [name]: invoke(name) } });
    const definition = machine({
      P: {
        Type: 'Parallel',
        Branches: [child('good'), child('bad')],
        Retry: [{ ErrorEquals: ['E'] }],
        End: true,
      },
    });
    expect((await start(definition).result).output).toEqual([1, 2]);
    expect(calledFunctions(scripted.calls)).toEqual(['good', 'bad', 'good', 'bad']);
  });

  it('begins a Map Run of its own for each attempt of a Retry', async () => {
    const { start } = scriptedRunner({ f: [{ echo: true }, { fail: { error: 'E' } }, { echo: true }] });
    const definition = machine({
      M: {
        Type: 'Map',
        Items: ['a', 'b'],
        MaxConcurrency: 1,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'f',
          States: { f: invoke('f') },
        },
        Retry: [{ ErrorEquals: ['States.ALL'] }],
        End: true,
      },
    });
    const { output, children, history } = await start(definition).result;
    expect(output).toEqual(['a', 'b']);
    expect(children).toHaveLength(4);
    expect(new Set(children.map(({ mapRunArn }) => mapRunArn)).size).toBe(2);
    expect(history.filter(({ type }) => type.startsWith('MapRun')).map(({ type }) => type)).toEqual([
      ...['MapRunStarted', 'MapRunFailed', 'MapRunStarted', 'MapRunSucceeded'],
    ]);
  });

  it('refuses what has succeeded and what it does not know', async () => {
    const { runner, start } = scriptedRunner();
    const handle = start(machine({ A: { Type: 'Pass', End: true } }));
    await handle.result;
    expect(() => runner.redriveExecution(handle.executionArn)).toThrow(ExecutionNotRedrivableError);
    expect(() => runner.redriveExecution('arn:none')).toThrow(/is unknown/);
  });
});
