import { describe, expect, it } from 'vitest';
import { NotImplementedError, validateDefinition } from '../../local/asl/runner.ts';
import { INVOKE, machine, run } from './run-machine.ts';

const WITH_TOKEN = `${INVOKE}.waitForTaskToken`;
const tasks = { f: [{ echo: true }] };
const calling = (argumentsTemplate: unknown, resource = INVOKE) =>
  machine({
    T: {
      Type: 'Task',
      Resource: resource,
      Arguments: argumentsTemplate,
      Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }],
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }],
      End: true,
    },
    Caught: { Type: 'Pass', End: true },
  });

describe('the Arguments of lambda:invoke', () => {
  it.each([
    [{ FunctionName: 'f', 'Payload.$': '$.x' }, 'Payload.$'],
    [{ FunctionName: 'f', Foo: 1 }, 'Foo'],
    [{ FunctionName: 'f', TaskToken: '{% $states.context.Execution.Name %}' }, 'TaskToken'],
    ["{% {'FunctionName': 'f', 'payload': 1} %}", 'payload'],
  ])('fail the state with States.Runtime, which nothing catches: %j', async (argumentsTemplate, field) => {
    const result = await run(calling(argumentsTemplate), {}, tasks);
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime', path: ['T'], calls: [] });
    expect(result.cause).toMatch(
      /^An error occurred while executing the state 'T' \(entered at the event id #2\)\. The Parameters '\{/,
    );
    expect(result.cause).toContain(
      `could not be used to start the Task: [The field "${field}" is not supported by Step Functions]`,
    );
    expect(result.history.map(({ type }) => type)).not.toContain('TaskScheduled');
  });

  it.each(["{% 'f' %}", '{% {} %}', { FunctionName: '{% 5 %}' }])(
    'must name a function: %j',
    async (argumentsTemplate) => {
      const result = await run(calling(argumentsTemplate), {}, tasks);
      expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime', calls: [] });
      expect(result.cause).toContain("The field 'FunctionName' is required but was missing");
    },
  );

  it.each([
    { ClientContext: 'e30=' },
    { InvocationType: 'Event' },
    { InvocationType: 'DryRun' },
    { LogType: 'Tail' },
    { Qualifier: 'live' },
  ])('are refused by name where AWS would take them and this runner does not: %j', async (member) => {
    const [name] = Object.keys(member);
    const definition = calling({ FunctionName: 'f', ...member });
    expect(validateDefinition(definition)).toEqual([
      expect.stringMatching(
        new RegExp(`^NOT_IMPLEMENTED: .*lambda:invoke with ${name} .* at /States/T/Arguments/${name}$`),
      ),
    ]);
    const byExpression = calling(`{% $merge([$states.input, {'FunctionName': 'f'}]) %}`);
    await expect(run(byExpression, member, tasks)).rejects.toThrow(NotImplementedError);
    await expect(run(byExpression, member, tasks)).rejects.toThrow(`T: This runner does not perform`);
  });

  it.each([
    [INVOKE, { InvocationType: 'RequestResponse', LogType: 'None' }],
    [INVOKE, { InvocationType: "{% 'RequestResponse' %}" }],
    [WITH_TOKEN, { InvocationType: 'Event' }],
  ])('may say what changes nothing: %s %j', async (resource, members) => {
    const result = await run(calling({ FunctionName: 'f', Payload: 1, ...members }, resource), {}, tasks);
    expect(result.status).toBe('SUCCEEDED');
    expect(result.calls).toHaveLength(1);
  });

  it('belong to lambda:invoke only', async () => {
    const resource = 'arn:aws:states:::aws-sdk:s3:putObject';
    const result = await run(
      calling({ Foo: 1, LogType: 'Tail' }, resource),
      {},
      { [resource]: [{ echo: true }] },
    );
    expect(result.output).toEqual({ Foo: 1, LogType: 'Tail' });
  });
});
