import { describe, expect, it } from 'vitest';
import { INVOKE, invoke, machine, run } from './run-machine.ts';

const caughtBy = (state: Record<string, unknown>, errorEquals: string[]) =>
  machine({
    T: {
      ...state,
      Catch: [{ ErrorEquals: errorEquals, Output: '{% $states.errorOutput %}', Next: 'Caught' }],
    },
    Caught: { Type: 'Succeed' },
  });

describe('tasks', () => {
  it('wraps what lambda:invoke returns and gives every other integration’s value as it is', async () => {
    const wrapped = await run(
      machine({ T: invoke('f', { Output: '{% $states.result %}' }) }),
      { a: 1 },
      { f: [{ echo: true }] },
    );
    expect(wrapped.output).toEqual({ ExecutedVersion: '$LATEST', Payload: { a: 1 }, StatusCode: 200 });
    const resource = 'arn:aws:states:::aws-sdk:s3:putObject';
    const plain = await run(
      machine({ T: { Type: 'Task', Resource: resource, Arguments: { Bucket: 'b' }, End: true } }),
      {},
      { [resource]: [{ echo: true }] },
    );
    expect(plain.output).toEqual({ Bucket: 'b' });
    expect(plain.calls).toEqual([{ resource, input: { Bucket: 'b' } }]);
  });

  it('gives .waitForTaskToken states a token and their value unwrapped', async () => {
    const resource = `${INVOKE}.waitForTaskToken`;
    const token = '{% $states.context.Task.Token %}';
    const result = await run(
      machine({
        T: {
          Type: 'Task',
          Resource: resource,
          Arguments: { FunctionName: 'f', Payload: { token } },
          End: true,
        },
      }),
      {},
      { f: [{ echo: true }] },
    );
    expect(result.output).toEqual({ token: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it('fails with the function’s error name and its JSON cause', async () => {
    const result = await run(
      machine({ T: invoke('f') }),
      {},
      { f: [{ throw: { name: 'Mine', message: 'no' } }] },
    );
    expect(result.error).toBe('Mine');
    expect(JSON.parse(result.cause ?? '')).toMatchObject({ errorMessage: 'no', errorType: 'Mine' });
  });

  it('fails with States.TaskFailed where nothing is scripted', async () => {
    expect((await run(machine({ T: invoke('nobody') }))).error).toBe('States.TaskFailed');
  });
});

describe('Retry', () => {
  const flaky = [
    { fail: { error: 'A' } },
    { fail: { error: 'B' } },
    { fail: { error: 'A' } },
    { echo: true },
  ];
  const retried = (retry: unknown[]) => machine({ T: invoke('f', { Retry: retry }) });

  it('counts per retrier, and backs off by each one’s own count', async () => {
    const retry = [
      { ErrorEquals: ['A'], IntervalSeconds: 1, BackoffRate: 10, MaxAttempts: 2 },
      { ErrorEquals: ['B'], IntervalSeconds: 5, MaxAttempts: 1 },
    ];
    const result = await run(retried(retry), 'in', { f: flaky });
    expect(result.output).toBe('in');
    expect(result.seconds).toBe(1 + 5 + 10);
    expect(result.transitions).toBe(1);
    expect(result.calls).toHaveLength(4);
  });

  it('uses AWS’s defaults: 3 attempts, 1 second, rate 2', async () => {
    const result = await run(retried([{ ErrorEquals: ['States.ALL'] }]), 'in', {
      f: [{ fail: { error: 'A' } }],
    });
    expect(result.error).toBe('A');
    expect(result.calls).toHaveLength(4);
    expect(result.seconds).toBe(1 + 2 + 4);
  });

  it('caps the delay, and draws it with full jitter', async () => {
    const capped = [{ ErrorEquals: ['A'], IntervalSeconds: 2, BackoffRate: 10, MaxDelaySeconds: 3 }];
    expect((await run(retried(capped), 'in', { f: [{ fail: { error: 'A' } }] })).seconds).toBe(2 + 3 + 3);
    const jitter = [{ ErrorEquals: ['A'], IntervalSeconds: 100, MaxAttempts: 1, JitterStrategy: 'FULL' }];
    const { seconds } = await run(retried(jitter), 'in', { f: [{ fail: { error: 'A' } }] });
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(100);
  });

  it('lets only the first retrier that covers an error have it, spent or not', async () => {
    const retry = [{ ErrorEquals: ['A'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }];
    const result = await run(retried(retry), 'in', { f: flaky });
    expect(result.error).toBe('A');
    expect(result.calls).toHaveLength(1);
  });

  it('tries again what failed in Arguments or Output', async () => {
    const retry = [{ ErrorEquals: ['States.QueryEvaluationError'], MaxAttempts: 1 }];
    const payload = '{% $states.context.State.RetryCount = 0 ? $states.input.none : 7 %}';
    const byArguments = invoke('f', { Arguments: { FunctionName: 'f', Payload: payload }, Retry: retry });
    const first = await run(machine({ T: byArguments }), {}, { f: [{ echo: true }] });
    expect(first.output).toBe(7);
    expect(first.calls).toHaveLength(1);
    const byOutput = invoke('f', { Output: '{% $states.result.Payload + 1 %}', Retry: retry });
    const second = await run(machine({ T: byOutput }), {}, { f: [{ return: 'x' }, { return: 1 }] });
    expect(second.output).toBe(2);
  });
});

describe('Catch', () => {
  const failing = (error?: string) => ({ f: [{ fail: error === undefined ? {} : { error, cause: 'c' } }] });

  it.each([
    [['States.ALL'], 'Mine', true],
    [['Mine'], 'Mine', true],
    [['Other'], 'Mine', false],
    [['States.TaskFailed'], 'Mine', true],
    [['States.TaskFailed'], 'States.Timeout', false],
    [['States.TaskFailed'], 'States.DataLimitExceeded', true],
    [['States.ALL'], 'States.DataLimitExceeded', true],
    [['States.ALL'], 'States.Runtime', false],
    [['States.Runtime'], 'States.Runtime', false],
  ])('by %j, of %s: %s', async (errorEquals, error, caught) => {
    const result = await run(caughtBy(invoke('f', { Next: 'Caught' }), errorEquals), {}, failing(error));
    expect(result.status).toBe(caught ? 'SUCCEEDED' : 'FAILED');
    expect(caught ? result.output : result.error).toEqual(caught ? { Error: error, Cause: 'c' } : error);
  });

  it('gives empty texts where a failure has neither name nor cause', async () => {
    const result = await run(caughtBy(invoke('f', { Next: 'Caught' }), ['States.ALL']), {}, failing());
    expect(result.output).toEqual({ Error: '', Cause: '' });
  });

  it('hands the error on as output by itself, and sets variables that the next state sees', async () => {
    const result = await run(
      machine({
        T: invoke('f', {
          Retry: [{ ErrorEquals: ['E'], MaxAttempts: 2 }],
          Catch: [
            { ErrorEquals: ['E'], Assign: { tries: '{% $states.context.State.RetryCount %}' }, Next: 'End' },
          ],
        }),
        End: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $tries %}'] },
      }),
      {},
      failing('E'),
    );
    expect(result.output).toEqual([{ Error: 'E', Cause: 'c' }, 2]);
  });

  it('fails the state when the catcher’s own expression fails', async () => {
    const result = await run(
      machine({
        T: invoke('f', {
          Catch: [{ ErrorEquals: ['E'], Output: { v: '{% $states.input.none %}' }, Next: 'End' }],
        }),
        End: { Type: 'Succeed' },
      }),
      {},
      failing('E'),
    );
    expect(result.error).toBe('States.QueryEvaluationError');
    expect(result.cause).toContain("the field 'Catch[0]/Output/v' returned nothing (undefined).");
  });
});

describe('timeouts', () => {
  const slow = { f: [{ echo: true, delaySeconds: 60 }] };

  it('ends a task that takes too long with States.Timeout and no cause', async () => {
    const result = await run(machine({ T: invoke('f', { TimeoutSeconds: 59 }) }), {}, slow);
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(result).not.toHaveProperty('cause');
    expect(result.seconds).toBe(59);
  });

  it('does not let time pass for a timeout that is not reached', async () => {
    const result = await run(machine({ T: invoke('f', { TimeoutSeconds: 61 }) }), {}, slow);
    expect(result.status).toBe('SUCCEEDED');
    expect(result.seconds).toBe(60);
  });

  it('gives every attempt the whole time', async () => {
    const state = invoke('f', {
      TimeoutSeconds: 10,
      Retry: [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 1 }],
    });
    const result = await run(machine({ T: state }), 'in', {
      f: [...slow.f, { echo: true, delaySeconds: 9 }],
    });
    expect(result.output).toBe('in');
    expect(result.seconds).toBe(10 + 1 + 9);
  });

  it.each([
    [['States.HeartbeatTimeout'], true],
    [['States.Timeout'], true],
    [['States.TaskFailed'], false],
  ])('reports a missed heartbeat as States.Timeout, which %j covers: %s', async (errorEquals, caught) => {
    const state = invoke('f', { TimeoutSeconds: 50, HeartbeatSeconds: 20, Next: 'Caught' });
    const result = await run(caughtBy(state, errorEquals), {}, slow);
    expect(result.status).toBe(caught ? 'SUCCEEDED' : 'FAILED');
    expect(caught ? result.output : result.error).toEqual(
      caught ? { Error: 'States.Timeout', Cause: '' } : 'States.Timeout',
    );
    expect(result.seconds).toBe(20);
  });

  it.each([
    ["{% '3' %}", "Expected 'number', but was 'string' for value: \"3\""],
    ['{% -1 %}', 'TimeoutSeconds must be between 0 and 99999999 but was: -1'],
    ['{% 0 %}', 'TimeoutSeconds must be greater than 0 but was: 0'],
    ['{% 1.6 %}', 'The TimeoutSeconds field cannot be parsed as an integer: 1.6'],
  ])('refuses TimeoutSeconds %s', async (timeout, cause) => {
    const result = await run(machine({ T: invoke('f', { TimeoutSeconds: timeout }) }), {}, slow);
    expect(result.error).toBe('States.QueryEvaluationError');
    expect(result.cause).toContain(cause);
  });

  it.each([5, 6])('refuses HeartbeatSeconds by expression of %i with a timeout of 5', async (heartbeat) => {
    const fields = { TimeoutSeconds: 5, HeartbeatSeconds: `{% ${heartbeat} %}` };
    const result = await run(machine({ T: invoke('f', fields) }), {}, slow);
    expect(result.error).toBe('States.QueryEvaluationError');
    expect(result.cause).toContain(`smaller than TimeoutSeconds (5) but was: ${heartbeat}`);
    expect(result.calls).toEqual([]);
  });

  it('ends the execution TIMED_OUT, without error, when the machine’s time is over', async () => {
    const states = { W: { Type: 'Wait', Seconds: 10, Next: 'T' }, T: invoke('f') };
    const result = await run(machine(states, { TimeoutSeconds: 30 }), {}, slow);
    expect(result.status).toBe('TIMED_OUT');
    expect(result).not.toHaveProperty('error');
    expect(result.seconds).toBe(30);
    expect(result.history.at(-1)).toMatchObject({
      type: 'ExecutionTimedOut',
      previousEventId: 0,
      executionTimedOutEventDetails: { error: 'States.Timeout' },
    });
  });
});

describe('limits', () => {
  const large = 'x'.repeat(262_144);

  it('fails a task that returns more than 262,144 bytes, which States.ALL catches', async () => {
    const uncaught = await run(machine({ T: invoke('f') }), {}, { f: [{ return: large }] });
    expect(uncaught).toMatchObject({
      error: 'States.DataLimitExceeded',
      cause:
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
    });
    const caught = await run(
      caughtBy(invoke('f', { Next: 'Caught' }), ['States.ALL']),
      {},
      { f: [{ return: large }] },
    );
    expect(caught.output).toMatchObject({ Error: 'States.DataLimitExceeded' });
  });

  it('measures UTF-8 bytes, and lets exactly the limit through', async () => {
    const output = (text: string) => run(machine({ A: { Type: 'Pass', Output: text, End: true } }));
    expect((await output('x'.repeat(262_142))).status).toBe('SUCCEEDED');
    expect((await output('é'.repeat(131_072))).error).toBe('States.DataLimitExceeded');
  });

  it('limits what one Assign sets', async () => {
    const assign = { a: large.slice(131_000), b: '{% $a %}' };
    const ok = await run(
      machine({ A: { Type: 'Pass', Assign: { a: assign.a }, Next: 'B' }, B: { Type: 'Pass', End: true } }),
    );
    expect(ok.status).toBe('SUCCEEDED');
    const tooMuch = await run(
      machine({
        A: { Type: 'Pass', Assign: { a: assign.a }, Next: 'B' },
        B: { Type: 'Pass', Assign: { b: '{% $a %}', c: '{% $a %}' }, End: true },
      }),
    );
    expect(tooMuch.error).toBe('States.DataLimitExceeded');
  });

  it('ends a machine that never ends at event 25,000', async () => {
    const states = {
      Loop: { Type: 'Choice', Choices: [{ Condition: true, Next: 'Loop' }], Default: 'End' },
      End: { Type: 'Succeed' },
    };
    const result = await run(machine(states));
    expect(result).toMatchObject({
      status: 'FAILED',
      error: 'States.Runtime',
      cause: 'The execution reached the maximum number of history events (25000).',
    });
    expect(result.history).toHaveLength(25_000);
    expect(result.history.at(-2)).toMatchObject({ id: 24_999, type: 'ChoiceStateExited' });
    expect(result.transitions).toBe(12_499);
  });
});
