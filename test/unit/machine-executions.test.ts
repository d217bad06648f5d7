import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { machineExecutions, nameOfStart } from '../../lambdas/lib/runtime/machine-executions.ts';

const MACHINE = 'arn:aws:states:eu-west-1:111111111111:stateMachine:account-data-transfer';
const client = mockClient(SFNClient);
const executions = machineExecutions(new SFNClient({ region: 'eu-west-1' }), MACHINE);
const answer = { $metadata: {}, message: 'no' };

const EXECUTIONS = 'arn:aws:states:eu-west-1:111111111111:execution:account-data-transfer';

beforeEach(() => {
  client.reset();
  client.on(DescribeExecutionCommand).rejects(new ExecutionDoesNotExist(answer));
  client.on(StopExecutionCommand).resolves({});
});

/** There are executions of these names in these states, and no others. */
function there(are: Readonly<Record<string, 'RUNNING' | 'FAILED' | 'ABORTED'>>): void {
  for (const [name, status] of Object.entries(are)) {
    client.on(DescribeExecutionCommand, { executionArn: `${EXECUTIONS}:${name}` }).resolves({ status });
  }
}

function stoppedNames(): unknown[] {
  return client
    .commandCalls(StopExecutionCommand)
    .map(({ args: [{ input }] }) => input.executionArn?.replace(`${EXECUTIONS}:`, ''));
}

describe('executions of a machine', () => {
  test('are stopped by name', async () => {
    there({ 'grant-1-1': 'RUNNING' });

    expect(await executions.stopExecution('grant-1-1')).toBe(true);

    expect(stoppedNames()).toEqual(['grant-1-1']);
  });

  test('are stopped where they run under the name of a later start', async () => {
    there({ 'grant-1-1': 'FAILED', 'grant-1-1-again-2': 'ABORTED', 'grant-1-1-again-3': 'RUNNING' });

    expect(await executions.stopExecution('grant-1-1')).toBe(true);

    expect(stoppedNames()).toEqual(['grant-1-1-again-3']);
  });

  test('are all stopped where the first was redriven beside a later start', async () => {
    there({ 'grant-1-1': 'RUNNING', 'grant-1-1-again-2': 'RUNNING' });

    expect(await executions.stopExecution('grant-1-1')).toBe(true);

    expect(stoppedNames()).toEqual(['grant-1-1', 'grant-1-1-again-2']);
  });

  test('that have ended are not stopped', async () => {
    there({ 'grant-1-1': 'ABORTED', 'grant-1-1-again-2': 'FAILED' });

    expect(await executions.stopExecution('grant-1-1')).toBe(false);

    expect(stoppedNames()).toEqual([]);
  });

  test('that do not exist are not stopped', async () => {
    expect(await executions.stopExecution('grant-1-1')).toBe(false);

    expect(stoppedNames()).toEqual([]);
  });

  test('have a name of their own for every start', () => {
    expect([1, 2, 3].map((start) => nameOfStart('a', start))).toEqual(['a', 'a-again-2', 'a-again-3']);
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
    there({ a: 'RUNNING' });
    client.on(StopExecutionCommand).rejects(new Error('throttled'));
    client.on(StartExecutionCommand).rejects(new Error('denied'));

    await expect(executions.stopExecution('a')).rejects.toThrow('throttled');
    client.on(DescribeExecutionCommand).rejects(new Error('forbidden'));
    await expect(executions.stopExecution('b')).rejects.toThrow('forbidden');
    await expect(executions.startExecution('a', {})).rejects.toThrow('denied');
  });
});
