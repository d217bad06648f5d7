import { fileURLToPath } from 'node:url';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { AccountDataConfiguration } from '../account-data-config.ts';
import {
  ACCOUNT_DATA_FUNCTIONS,
  ACCOUNT_DATA_TRANSFER_FUNCTIONS,
  type AccountDataFunction,
  type AccountDataFunctionDefinition,
  type AccountDataTransferFunction,
} from '../account-data-functions.ts';
import type { Configuration } from '../config.ts';
import { accountDataAlarms } from '../constructs/account-data-alarms.ts';
import { addAlarms, METRICS_NAMESPACE, METRICS_SERVICE } from '../constructs/alarms.ts';
import { AppleFunction, createEach } from '../constructs/apple-function.ts';
import { FunctionSchedule } from '../constructs/function-schedule.ts';
import { grantLakeAccess } from '../constructs/lake-access.ts';
import { readWorkflowDefinition, Workflow } from '../constructs/workflow.ts';
import type { LakeStack } from './lake.ts';
import type { PipelineStack } from './pipeline.ts';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Of functions that no state machine invokes. */
const WITHOUT_DEAD_LETTERS = {
  CancelRequest:
    'A person or another program invokes it synchronously and sees its errors; nothing is queued.',
  DeleteSupersededInstances:
    'Its event holds nothing: a run that failed is told by an alarm, and the next one does the same work.',
} as const satisfies Readonly<Record<AccountDataFunction, string>>;

export interface AccountDataStackProps extends StackProps {
  readonly configuration: Configuration;
  readonly accountData: AccountDataConfiguration;
  readonly lake: LakeStack;
  readonly pipeline: PipelineStack;
}

/** Everything of Account Data Transfer that runs and keeps nothing: functions, the machine, the deletion, alarms. */
export class AccountDataStack extends Stack {
  readonly #props: AccountDataStackProps;

  constructor(scope: Construct, id: string, props: AccountDataStackProps) {
    super(scope, id, props);
    this.#props = props;
    const transfer = this.#createFunctions<AccountDataTransferFunction>(ACCOUNT_DATA_TRANSFER_FUNCTIONS);
    const others = this.#createFunctions<AccountDataFunction>(ACCOUNT_DATA_FUNCTIONS);
    const { CancelRequest, DeleteSupersededInstances } = others;

    const workflow = new Workflow(this, 'AccountDataTransfer', {
      definition: readWorkflowDefinition(`${PROJECT_ROOT}/statemachines/account-data-transfer.asl.json`),
      functions: transfer,
      substitutions: {},
      logRetention: props.configuration.retention.logs,
    });
    workflow.allowStart(workflow, 'StartNextInstance', workflow.role);
    this.#letCancel(CancelRequest, workflow);

    const { keepSuperseded, limits } = props.accountData;
    transfer.UnpackArchives.function.addEnvironment('UNPACK_LIMITS', JSON.stringify(limits));
    DeleteSupersededInstances.function.addEnvironment('KEEP_SUPERSEDED', String(keepSuperseded));
    new FunctionSchedule(this, 'DeletionSchedule', {
      name: 'delete-superseded-instances',
      description: 'Deletes what superseded instances of account data hold, once a day.',
      expression: 'rate(1 day)',
      target: DeleteSupersededInstances,
      deadLetterQueue: props.pipeline.scheduleDeadLetterQueue,
    });
    addAlarms(
      this,
      props.pipeline.alarmTopic,
      accountDataAlarms({
        machine: workflow.machine,
        functions: { ...transfer, ...others },
        deletion: DeleteSupersededInstances,
      }),
    );

    new CfnOutput(this, 'AccountDataTransferArn', { value: workflow.machine.stateMachineArn });
    new CfnOutput(this, 'CancelRequestName', { value: CancelRequest.function.functionName });
  }

  /** It finds and stops the execution that waits, and starts the one whose resubmission decides on the series. */
  #letCancel(cancelRequest: AppleFunction, workflow: Workflow): void {
    cancelRequest.function.addEnvironment('MACHINE_ARN', workflow.machine.stateMachineArn);
    workflow.allowOnExecutions(cancelRequest, 'StopExecution', cancelRequest.role, [
      {
        actions: ['states:DescribeExecution', 'states:StopExecution'],
        resources: [workflow.executionArns()],
      },
    ]);
    workflow.allowStart(cancelRequest, 'StartExecution', cancelRequest.role);
  }

  #createFunctions<Id extends string>(
    definitions: Readonly<Record<Id, AccountDataFunctionDefinition>>,
  ): Record<Id, AppleFunction> {
    return createEach<Id, AccountDataFunctionDefinition>(definitions, (id, definition) =>
      this.#createFunction(id, definition),
    );
  }

  #createFunction(id: string, definition: AccountDataFunctionDefinition): AppleFunction {
    const { bucket, key } = this.#props.lake.personal;
    const withoutDeadLetters = Object.entries(WITHOUT_DEAD_LETTERS).find(([name]) => name === id)?.[1];
    const created = new AppleFunction(this, id, {
      entry: `${PROJECT_ROOT}/lambdas/${definition.handler}.handler.ts`,
      projectRoot: PROJECT_ROOT,
      description: definition.description,
      timeoutSeconds: definition.timeoutSeconds,
      memoryMegabytes: definition.memoryMegabytes,
      diskMegabytes: undefined,
      logRetention: this.#props.configuration.retention.logs,
      environment: {
        PERSONAL_BUCKET: bucket.bucketName,
        POWERTOOLS_SERVICE_NAME: METRICS_SERVICE,
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
        POWERTOOLS_LOG_LEVEL: 'INFO',
      },
      ...(withoutDeadLetters === undefined ? {} : { withoutDeadLetters }),
    });
    grantLakeAccess(created, bucket, key, definition.access);
    if (definition.callsApple) this.#letCallApple(created);
    return created;
  }

  #letCallApple(caller: AppleFunction): void {
    const { accountData, configuration, lake } = this.#props;
    const secretArn = lake.dataSharingKey?.secretArn;
    if (secretArn === undefined) throw new Error('the lake stack has no secret for the data sharing key');
    const environment = {
      GRANTS_KEY_ARN: lake.grantsKey.keyArn,
      DATA_SHARING_SECRET_ARN: secretArn,
      ACCOUNT_DATA_TRANSFER_BASE_URL: accountData.accountDataTransferBaseUrl,
      APP_DATA_TRANSFER_BASE_URL: accountData.appDataTransferBaseUrl,
      OAUTH_BASE_URL: accountData.oauthBaseUrl,
      TRUSTED_ORIGINS: JSON.stringify(configuration.trustedOrigins),
      ASSET_HOSTS: JSON.stringify(accountData.assetHosts),
      RENEW_SERIES: String(accountData.renewSeries),
    };
    for (const [name, value] of Object.entries(environment)) caller.function.addEnvironment(name, value);
    const grants = { get: ['grants/*'], put: ['grants/*'] };
    grantLakeAccess(caller, lake.personal.bucket, lake.grantsKey, grants);
    caller.allow(['secretsmanager:GetSecretValue'], [secretArn]);
  }
}
