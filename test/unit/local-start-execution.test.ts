import { describe, expect, it } from 'vitest';
import type { TaskCall } from '../../local/asl/runner.ts';
import { ServiceError } from '../../local/aws-json/service-error.ts';
import { startExecution } from '../../local/step-functions/start-execution-integration.ts';

const MACHINE = 'arn:aws:states:us-east-1:111111111111:stateMachine:transfer';
const EXECUTION = 'arn:aws:states:us-east-1:111111111111:execution:transfer:first';

/** What was asked of access and registry, and what the registry answers. */
function stubs(refusal?: Error) {
  const asked: unknown[] = [];
  const refuse = () => {
    if (refusal !== undefined) throw refusal;
  };
  return {
    asked,
    options: {
      access: {
        assertMayStart: (...call: unknown[]) => void asked.push(call),
      },
      executions: {
        assertStartable: refuse,
        start: (...call: unknown[]) => {
          asked.push(call);
          return { record: { executionArn: `${EXECUTION}-2`, startedAt: 5 } };
        },
      },
    } as unknown as Parameters<typeof startExecution>[0],
  };
}

function call(given: unknown): TaskCall {
  return {
    resource: 'arn:aws:states:::states:startExecution',
    arguments: given,
    stateName: 'Start Next',
    executionArn: EXECUTION,
    attempt: 1,
    signal: new AbortController().signal,
  };
}

describe('the integration startExecution', () => {
  it('starts the execution in the name of the calling one, and returns in AWS’s words', () => {
    const { asked, options } = stubs();
    const result = startExecution(
      options,
      call({ StateMachineArn: MACHINE, Name: 'second', Input: { a: 1 } }),
    );
    expect(result).toEqual({ ExecutionArn: `${EXECUTION}-2`, StartDate: 5 });
    expect(asked).toEqual([
      [EXECUTION, MACHINE],
      [MACHINE, { a: 1 }, 'second'],
    ]);
  });

  it('hands over an empty input and no name where there are none', () => {
    const { asked, options } = stubs();
    startExecution(options, call({ StateMachineArn: MACHINE }));
    expect(asked[1]).toEqual([MACHINE, {}, undefined]);
  });

  it.each([
    ['ExecutionAlreadyExists', 'StepFunctions.ExecutionAlreadyExistsException'],
    ['StateMachineDoesNotExist', 'StepFunctions.StateMachineDoesNotExistException'],
    ['ValidationException', 'StepFunctions.ValidationException'],
  ])('names the refusal %s as AWS does', (code, error) => {
    const { options } = stubs(new ServiceError(code, 'It is refused.'));
    expect(() => startExecution(options, call({ StateMachineArn: MACHINE }))).toThrow(
      expect.objectContaining({ error, cause: expect.stringContaining('It is refused.') }),
    );
  });

  it.each([
    ['a name that is too long', { StateMachineArn: MACHINE, Name: 'n'.repeat(81) }, 'ValidationException'],
    ['what is no machine', { StateMachineArn: EXECUTION }, 'InvalidArnException'],
  ])('refuses %s', (_, given, error) => {
    const { asked, options } = stubs();
    expect(() => startExecution(options, call(given))).toThrow(
      expect.objectContaining({ error: `StepFunctions.${error}` }),
    );
    expect(asked).toEqual([]);
  });

  it('hands on what is no refusal of Step Functions, and ends the run on Arguments that it does not know', () => {
    const fault = new TypeError('broken');
    expect(() => startExecution(stubs(fault).options, call({ StateMachineArn: MACHINE }))).toThrow(fault);
    expect(() =>
      startExecution(stubs().options, call({ StateMachineArn: MACHINE, TraceHeader: 'x' })),
    ).toThrow('Start Next: Arguments of startExecution');
  });
});
