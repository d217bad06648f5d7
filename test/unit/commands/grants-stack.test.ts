import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../lambdas/lib/account-data/grant.ts';
import { grantKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { startDeployed } from '../../../local/commands/grants-actions.ts';
import { importGrants } from '../../../local/commands/grants-import.ts';
import { openDeployedGrants } from '../../../local/commands/grants-stack.ts';

const KEY_ARN = 'arn:aws:kms:eu-west-1:222222222222:key/grants';
const MACHINE_ARN = 'arn:aws:states:eu-west-1:222222222222:stateMachine:transfer';
const EXECUTIONS = 'arn:aws:states:eu-west-1:222222222222:execution:transfer';
const GRANT_ID = '7a5f3c1e-0d9b-4e57-9a1f-2f8f5d0c6b11';
const REFERENCE = { grantId: GRANT_ID, series: 1, instance: 1 };

const clients = {
  cloudFormation: new CloudFormationClient({ region: 'eu-west-1' }),
  lambda: new LambdaClient({ region: 'eu-west-1' }),
  s3: new S3Client({ region: 'eu-west-1' }),
  stepFunctions: new SFNClient({ region: 'eu-west-1' }),
};
const cloudFormation = mockClient(clients.cloudFormation);
const lambda = mockClient(clients.lambda);
const s3 = mockClient(clients.s3);
const stepFunctions = mockClient(clients.stepFunctions);

function outputs(stackName: string, values: Readonly<Record<string, string>>): void {
  const Outputs = Object.entries(values).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
  cloudFormation.on(DescribeStacksCommand, { StackName: stackName }).resolves({
    Stacks: [{ StackName: stackName, CreationTime: new Date(0), StackStatus: 'CREATE_COMPLETE', Outputs }],
  });
}

function noExecution(): ExecutionDoesNotExist {
  return new ExecutionDoesNotExist({ message: 'Execution Does Not Exist', $metadata: {} });
}

beforeEach(() => {
  for (const mock of [cloudFormation, lambda, s3, stepFunctions]) mock.reset();
  outputs('AppleDataPipelineLake', { PersonalBucket: 'people', GrantsKeyArn: KEY_ARN });
  outputs('AppleDataPipelineAccountData', {
    AccountDataTransferArn: MACHINE_ARN,
    CancelRequestName: 'cancel-function',
  });
});

describe('grants of the deployed stacks', () => {
  it('writes a grant to the personal bucket under the key of the grants', async () => {
    s3.on(ListObjectsV2Command).resolves({ Contents: [] });
    s3.on(PutObjectCommand).resolves({});
    const { grants } = await openDeployedGrants(clients);
    const [result] = await importGrants(
      grants,
      '{"externalId":"anna","refreshToken":"t","region":"EU","scopes":["app-install-activity-account-data-for-EU-users"],"mode":"ONE_TIME"}',
    );
    expect(result?.result).toBe('added');
    expect(s3.commandCalls(PutObjectCommand).map(({ args: [{ input }] }) => input)).toEqual([
      expect.objectContaining({
        Bucket: 'people',
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: KEY_ARN,
        IfNoneMatch: '*',
      }),
    ]);
  });

  it('starts the machine under the name of the instance', async () => {
    stepFunctions.on(DescribeExecutionCommand).rejects(noExecution());
    stepFunctions.on(StartExecutionCommand).resolves({});
    expect(await (await openDeployedGrants(clients)).start(REFERENCE)).toBe('started');
    expect(stepFunctions.commandCalls(StartExecutionCommand).map(({ args: [{ input }] }) => input)).toEqual([
      { stateMachineArn: MACHINE_ARN, name: `${GRANT_ID}-1-1`, input: JSON.stringify(REFERENCE) },
    ]);
  });

  it('leaves an execution that runs alone', async () => {
    stepFunctions
      .on(DescribeExecutionCommand, { executionArn: `${EXECUTIONS}:${GRANT_ID}-1-1` })
      .resolves({ status: 'RUNNING' });
    expect(await (await openDeployedGrants(clients)).start(REFERENCE)).toBe('running');
    expect(stepFunctions.commandCalls(StartExecutionCommand)).toEqual([]);
  });

  it('goes on under another name where executions of the instance have ended', async () => {
    stepFunctions.on(DescribeExecutionCommand).rejects(noExecution());
    for (const name of ['', '-again-2']) {
      stepFunctions
        .on(DescribeExecutionCommand, { executionArn: `${EXECUTIONS}:${GRANT_ID}-1-1${name}` })
        .resolves({ status: 'FAILED' });
    }
    stepFunctions.on(StartExecutionCommand).resolves({});
    expect(await (await openDeployedGrants(clients)).start(REFERENCE)).toBe('started');
    const [call] = stepFunctions.commandCalls(StartExecutionCommand);
    expect(call?.args[0].input.name).toBe(`${GRANT_ID}-1-1-again-3`);
  });

  it('refuses to start a grant that was revoked, and starts the others', async () => {
    const grant: Grant = {
      ...{ grantId: GRANT_ID, externalId: 'anna', refreshToken: 't', region: 'EU', scopes: ['s'] },
      ...{ mode: 'ONE_TIME', service: 'account-data', status: 'active', series: [] },
    };
    const revoked: Grant = {
      ...grant,
      grantId: GRANT_ID.replace('7', '8'),
      externalId: 'ben',
      status: 'revoked',
    };
    const stored = [grant, revoked];
    s3.on(ListObjectsV2Command).resolves({
      Contents: stored.map(({ grantId }) => ({ Key: grantKey(grantId) })),
    });
    for (const each of stored) {
      const Body = { transformToString: async () => JSON.stringify(each) };
      s3.on(GetObjectCommand, { Key: grantKey(each.grantId) }).resolves({ Body: Body as never, ETag: '"1"' });
    }
    stepFunctions.on(DescribeExecutionCommand).rejects(noExecution());
    stepFunctions.on(StartExecutionCommand).resolves({});
    expect(await startDeployed(await openDeployedGrants(clients), ['ben', 'anna'])).toEqual([
      expect.objectContaining({ grantId: revoked.grantId, result: 'refused' }),
      expect.objectContaining({ grantId: GRANT_ID, result: 'started', reference: REFERENCE }),
    ]);
  });

  it('cancels through the deployed function', async () => {
    const answer = { result: 'cancelled', by: 'parent', stoppedExecution: null, nextInstance: null };
    lambda.on(InvokeCommand).resolves({ Payload: Buffer.from(JSON.stringify(answer)) as never });
    expect(await (await openDeployedGrants(clients)).cancel(GRANT_ID, 'series')).toEqual(answer);
    const [call] = lambda.commandCalls(InvokeCommand);
    expect(call?.args[0].input).toEqual({
      FunctionName: 'cancel-function',
      Payload: JSON.stringify({ grantId: GRANT_ID, scope: 'series' }),
    });
  });

  it('fails by name when the function does', async () => {
    const report = { errorType: 'WriteConflictError', errorMessage: 'the grant changed' };
    lambda
      .on(InvokeCommand)
      .resolves({ FunctionError: 'Unhandled', Payload: Buffer.from(JSON.stringify(report)) as never });
    await expect((await openDeployedGrants(clients)).cancel(GRANT_ID, 'series')).rejects.toMatchObject({
      name: 'DeployedStackError',
      message: expect.stringContaining('WriteConflictError: the grant changed'),
    });
  });

  it('says what to deploy when a stack or an output is missing', async () => {
    outputs('AppleDataPipelineLake', { PersonalBucket: 'people' });
    await expect(openDeployedGrants(clients)).rejects.toMatchObject({
      name: 'DeployedStackError',
      message: expect.stringContaining('no output GrantsKeyArn'),
    });
    cloudFormation
      .on(DescribeStacksCommand, { StackName: 'AppleDataPipelineAccountData' })
      .rejects(new Error('Stack with id AppleDataPipelineAccountData does not exist'));
    await expect(openDeployedGrants(clients)).rejects.toMatchObject({
      name: 'DeployedStackError',
      message: expect.stringContaining('AppleDataPipelineAccountData cannot be read'),
    });
  });
});
