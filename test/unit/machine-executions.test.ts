import {
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { machineExecutions } from '../../lambdas/lib/runtime/machine-executions.ts';

const MACHINE = 'arn:aws:states:eu-west-1:111111111111:stateMachine:account-data-transfer';
const client = mockClient(SFNClient);
const executions = machineExecutions(new SFNClient({ region: 'eu-west-1' }), MACHINE);
const answer = { $metadata: {}, message: 'no' };

beforeEach(() => client.reset());

describe('executions of a machine', () => {
  test('are stopped by name', async () => {
    client.on(StopExecutionCommand).resolves({});

    expect(await executions.stopExecution('grant-1-1')).toBe(true);

    expect(client.calls()[0]?.args[0].input).toEqual({
      executionArn: 'arn:aws:states:eu-west-1:111111111111:execution:account-data-transfer:grant-1-1',
    });
  });

  test('that do not exist are not stopped', async () => {
    client.on(StopExecutionCommand).rejects(new ExecutionDoesNotExist(answer));

    expect(await executions.stopExecution('grant-1-1')).toBe(false);
  });

  test('are started by name with their input as JSON', async () => {
    client.on(StartExecutionCommand).resolves({});

    await executions.startExecution('grant-1-2', { grantId: 'grant', series: 1, instance: 2 });

    expect(client.calls()[0]?.args[0].input).toEqual({
      stateMachineArn: MACHINE,
      name: 'grant-1-2',
      input: '{"grantId":"grant","series":1,"instance":2}',
    });
  });

  test('that exist already are left alone', async () => {
    client.on(StartExecutionCommand).rejects(new ExecutionAlreadyExists(answer));

    await expect(executions.startExecution('grant-1-2', {})).resolves.toBeUndefined();
  });

  test('tell every other error of Step Functions', async () => {
    client.on(StopExecutionCommand).rejects(new Error('throttled'));
    client.on(StartExecutionCommand).rejects(new Error('denied'));

    await expect(executions.stopExecution('a')).rejects.toThrow('throttled');
    await expect(executions.startExecution('a', {})).rejects.toThrow('denied');
  });
});
