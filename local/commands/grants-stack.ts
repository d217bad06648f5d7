import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import {
  type CancelAnswer,
  cancelRequest,
  executionName,
  type InstanceReference,
} from '../../lambdas/lib/account-data/contracts.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { isRunning, nameOfStart } from '../../lambdas/lib/runtime/machine-executions.ts';

const LAKE_STACK = 'AppleDataPipelineLake';
const ACCOUNT_DATA_STACK = 'AppleDataPipelineAccountData';

/** What a deployed stack does not have or does not do; the message says what to deploy or look at. */
export class DeployedStackError extends Error {
  override readonly name = 'DeployedStackError';
}

/** Clients of AWS; each finds region and credentials as every AWS tool does. */
export interface AwsClients {
  readonly cloudFormation: CloudFormationClient;
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly stepFunctions: SFNClient;
}

export function awsClients(): AwsClients {
  return {
    cloudFormation: new CloudFormationClient(),
    lambda: new LambdaClient(),
    s3: new S3Client(),
    stepFunctions: new SFNClient(),
  };
}

/** What starting an instance came to; `running`: an execution works on it already. */
export type StartResult = 'started' | 'running';

/** The grants and the machine of a deployed stack. */
export interface DeployedGrants {
  /** The personal bucket as grants are written to it. */
  readonly grants: ObjectStore;
  /** Starts the machine for an instance, unless an execution works on it. */
  start(reference: InstanceReference): Promise<StartResult>;
  /** Fails with DeployedStackError when the function does. */
  cancel(grantId: string, scope: 'instance' | 'series'): Promise<CancelAnswer>;
}

async function readOutputs(
  client: CloudFormationClient,
  stackName: string,
): Promise<ReadonlyMap<string, string>> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
    const outputs = Stacks[0]?.Outputs ?? [];
    return new Map(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new DeployedStackError(
      `The stack ${stackName} cannot be read (${reason}): deploy it with an accountData configuration, take credentials of its AWS account and set AWS_REGION, or name a local lake by --lake.`,
      { cause: error },
    );
  }
}

function outputOf(outputs: ReadonlyMap<string, string>, stackName: string, key: string): string {
  const value = outputs.get(key);
  if (value !== undefined && value !== '') return value;
  throw new DeployedStackError(
    `The stack ${stackName} has no output ${key}: deploy this version with an accountData configuration.`,
  );
}

// An execution that ended while its instance was under way (the grant needed attention, a step failed) is followed by
// another one, which goes on from what lies in S3.
async function startExecution(
  client: SFNClient,
  machineArn: string,
  reference: InstanceReference,
): Promise<StartResult> {
  const executions = machineArn.replace(':stateMachine:', ':execution:');
  const name = executionName(reference);
  for (let start = 1; ; start += 1) {
    const free = nameOfStart(name, start);
    const running = await isRunning(client, `${executions}:${free}`);
    if (running === true) return 'running';
    if (running === false) continue;
    const input = JSON.stringify(reference);
    await client.send(new StartExecutionCommand({ stateMachineArn: machineArn, name: free, input }));
    return 'started';
  }
}

async function invokeCancel(
  client: LambdaClient,
  functionName: string,
  payload: { readonly grantId: string; readonly scope: 'instance' | 'series' },
): Promise<CancelAnswer> {
  const answer = await client.send(
    new InvokeCommand({ FunctionName: functionName, Payload: JSON.stringify(payload) }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString('utf8');
  if (answer.FunctionError === undefined) return cancelRequest.output.parse(JSON.parse(text));
  const { errorType = answer.FunctionError, errorMessage = '' } = JSON.parse(text) as {
    readonly errorType?: string;
    readonly errorMessage?: string;
  };
  throw new DeployedStackError(`The function ${functionName} failed: ${errorType}: ${errorMessage}`);
}

/** Finds the deployed stacks by their names and reads theirs. Fails with DeployedStackError. */
export async function openDeployedGrants(clients: AwsClients): Promise<DeployedGrants> {
  const lake = await readOutputs(clients.cloudFormation, LAKE_STACK);
  const accountData = await readOutputs(clients.cloudFormation, ACCOUNT_DATA_STACK);
  const encryptionKeyArn = outputOf(lake, LAKE_STACK, 'GrantsKeyArn');
  const machineArn = outputOf(accountData, ACCOUNT_DATA_STACK, 'AccountDataTransferArn');
  const cancelFunction = outputOf(accountData, ACCOUNT_DATA_STACK, 'CancelRequestName');
  return {
    grants: objectStore(clients.s3, outputOf(lake, LAKE_STACK, 'PersonalBucket'), { encryptionKeyArn }),
    start: (reference) => startExecution(clients.stepFunctions, machineArn, reference),
    cancel: (grantId, scope) => invokeCancel(clients.lambda, cancelFunction, { grantId, scope }),
  };
}
