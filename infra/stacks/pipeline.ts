import { fileURLToPath } from 'node:url';
import { Annotations, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { accountInput, type Configuration } from '../config.ts';
import { AccountSchedule } from '../constructs/account-schedule.ts';
import { METRICS_NAMESPACE, METRICS_SERVICE } from '../constructs/alarms.ts';
import { AppleFunction, createEach } from '../constructs/apple-function.ts';
import { grantLakeAccess } from '../constructs/lake-access.ts';
import { Monitoring } from '../constructs/monitoring.ts';
import { readWorkflowDefinition, Workflow } from '../constructs/workflow.ts';
import {
  ANALYTICS_SYNC_FUNCTIONS,
  type AnalyticsSyncFunction,
  type FunctionDefinition,
  REBUILD_CURATED_FUNCTIONS,
  type RebuildCuratedFunction,
} from '../functions.ts';
import { acknowledge, acknowledgePattern } from '../nag.ts';
import { longestGapMinutes } from '../schedule-expression.ts';
import type { LakeStack } from './lake.ts';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Where the machines themselves record what they could not finish. */
const FAILURE_KEYS = { apps: 'runs/*/failures/*', tables: 'runs/rebuild/*/failures/*' } as const;

/** What CloudWatch evaluates at most of a metric by the hour. */
const LONGEST_WATCH_HOURS = 168;

/** What a run may end later than the one before: the schedule's flexible window, and the machine's TimeoutSeconds. */
const LATENESS_HOURS = 12;

export interface PipelineStackProps extends StackProps {
  readonly configuration: Configuration;
  readonly lake: LakeStack;
  /** Leaves out the alarm that needs a run every few hours; tests only. */
  readonly disposable: boolean;
}

/**
 * Hours without success until an alarm: as configured, or three of the longest gaps of the slowest schedule and an
 * hour for its flexible window. A schedule whose gap CloudWatch cannot watch (over 156 hours) is left out; undefined
 * when that is every one.
 */
export function hoursWithoutSuccess(configuration: Configuration): number | undefined {
  if (configuration.alarmAfterHoursWithoutSuccess !== undefined) {
    return configuration.alarmAfterHoursWithoutSuccess;
  }
  const hours = configuration.accounts
    .map((account) => Math.ceil(longestGapMinutes(account.schedule) / 60))
    .filter((gap) => gap + LATENESS_HOURS <= LONGEST_WATCH_HOURS)
    .map((gap) => Math.max(3 * gap + 1, gap + LATENESS_HOURS));
  return hours.length === 0 ? undefined : Math.min(LONGEST_WATCH_HOURS, Math.max(...hours));
}

/** Everything that runs and keeps nothing: functions, state machines, schedules, alarms. */
export class PipelineStack extends Stack {
  /** Takes what schedules could not start, of every flow. */
  readonly scheduleDeadLetterQueue: Queue;
  /** Every alarm tells it, of every flow. */
  readonly alarmTopic: Topic;
  readonly #configuration: Configuration;
  readonly #lake: LakeStack;

  constructor(scope: Construct, id: string, props: PipelineStackProps) {
    super(scope, id, props);
    this.#configuration = props.configuration;
    this.#lake = props.lake;
    const definition = readWorkflowDefinition(`${PROJECT_ROOT}/statemachines/analytics-sync.asl.json`);
    const functions = this.#createFunctions<AnalyticsSyncFunction>(ANALYTICS_SYNC_FUNCTIONS);
    functions.TakeAccountLease.function.addEnvironment('LEASE_SECONDS', String(definition.timeoutSeconds));

    const workflow = new Workflow(this, 'AnalyticsSync', {
      definition,
      functions,
      substitutions: { AnalyticsBucketName: this.#lake.analytics.bucket.bucketName },
      logRetention: this.#configuration.retention.logs,
    });
    this.#allowFailureRecords(workflow, FAILURE_KEYS.apps);
    const { TakeAccountLease } = functions;
    workflow.allowOnExecutions(TakeAccountLease, 'DescribeExecution', TakeAccountLease.role, [
      { actions: ['states:DescribeExecution'], resources: [workflow.executionArns()] },
    ]);

    const rebuild = this.#createRebuild();
    this.scheduleDeadLetterQueue = this.#createSchedules(workflow);
    const monitoring = new Monitoring(this, 'Monitoring', {
      machine: workflow.machine,
      functions: { ...functions, ...rebuild.functions },
      scheduleDeadLetterQueue: this.scheduleDeadLetterQueue,
      alarmEmail: this.#configuration.alarmEmail,
      hoursWithoutSuccess: props.disposable ? undefined : this.#watchedHours(),
    });

    this.alarmTopic = monitoring.topic;

    new CfnOutput(this, 'AnalyticsSyncArn', { value: workflow.machine.stateMachineArn });
    new CfnOutput(this, 'RebuildCuratedArn', { value: rebuild.workflow.machine.stateMachineArn });
    new CfnOutput(this, 'AlarmTopicArn', { value: monitoring.topic.topicArn });
  }

  #watchedHours(): number | undefined {
    const hours = hoursWithoutSuccess(this.#configuration);
    if (hours === undefined) {
      Annotations.of(this).addWarningV2(
        'apple-data-pipeline:no-success-not-watched',
        'The alarm NoSuccess is left out: CloudWatch looks back seven days, which the schedules exceed.',
      );
    }
    return hours;
  }

  /** The machine that people start; no schedule and no alarm on its runs, whoever starts it reads its output. */
  #createRebuild(): {
    readonly workflow: Workflow;
    readonly functions: Readonly<Record<RebuildCuratedFunction, AppleFunction>>;
  } {
    const functions = this.#createFunctions<RebuildCuratedFunction>(REBUILD_CURATED_FUNCTIONS);
    const { bucket } = this.#lake.analytics;
    const workflow = new Workflow(this, 'RebuildCurated', {
      definition: readWorkflowDefinition(`${PROJECT_ROOT}/statemachines/rebuild-curated.asl.json`),
      functions,
      substitutions: { AnalyticsBucketName: bucket.bucketName },
      logRetention: this.#configuration.retention.logs,
    });
    this.#allowFailureRecords(workflow, FAILURE_KEYS.tables);
    // For the ItemReader, which lists the tables.
    workflow.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
    );
    return { workflow, functions };
  }

  #createFunctions<Id extends string>(
    definitions: Readonly<Record<Id, FunctionDefinition>>,
  ): Record<Id, AppleFunction> {
    return createEach<Id, FunctionDefinition>(definitions, (id, definition) =>
      this.#createFunction(id, definition),
    );
  }

  #createFunction(id: string, definition: FunctionDefinition): AppleFunction {
    const { bucket, key } = this.#lake.analytics;
    const apple = {
      APP_STORE_CONNECT_BASE_URL: this.#configuration.appleBaseUrl,
      TRUSTED_ORIGINS: JSON.stringify(this.#configuration.trustedOrigins),
    };
    const created = new AppleFunction(this, id, {
      entry: `${PROJECT_ROOT}/lambdas/${definition.handler}.handler.ts`,
      projectRoot: PROJECT_ROOT,
      description: definition.description,
      timeoutSeconds: definition.timeoutSeconds,
      memoryMegabytes: definition.memoryMegabytes,
      diskMegabytes: definition.diskMegabytes,
      logRetention: this.#configuration.retention.logs,
      environment: {
        ANALYTICS_BUCKET: bucket.bucketName,
        POWERTOOLS_SERVICE_NAME: METRICS_SERVICE,
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
        POWERTOOLS_LOG_LEVEL: 'INFO',
        ...(definition.secrets.length > 0 ? apple : {}),
      },
    });
    grantLakeAccess(created, bucket, key, definition.access);
    const secretArns = [...this.#lake.secrets.values()].flatMap((secrets) =>
      definition.secrets.flatMap((use) => secrets[use]?.secretArn ?? []),
    );
    if (secretArns.length > 0) created.allow(['secretsmanager:GetSecretValue'], secretArns);
    return created;
  }

  /** For the state that the machine carries out itself (`aws-sdk:s3:putObject`). */
  #allowFailureRecords(workflow: Workflow, failureKeys: string): void {
    const { bucket, key } = this.#lake.analytics;
    const keys = bucket.arnForObjects(failureKeys);
    for (const [action, resource] of [
      ['s3:PutObject', keys],
      ['kms:GenerateDataKey', key.keyArn],
    ] as const) {
      workflow.role.addToPrincipalPolicy(new PolicyStatement({ actions: [action], resources: [resource] }));
    }
    acknowledgePattern(workflow.role, keys, 'The key holds the run and what it could not finish.');
  }

  /** Returns the queue that takes what the schedules could not start. */
  #createSchedules(workflow: Workflow): Queue {
    const deadLetterQueue = new Queue(this, 'ScheduleDeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    const itself = 'It is itself the dead-letter queue of the schedules.';
    acknowledge(deadLetterQueue, 'AwsSolutions-SQS3', itself);
    acknowledge(deadLetterQueue, 'Serverless-SQSRedrivePolicy', itself);
    for (const account of this.#configuration.accounts) {
      const secrets = this.#lake.secrets.get(account.name);
      if (secrets === undefined) throw new Error(`account ${account.name} has no secrets in the lake stack`);
      new AccountSchedule(this, `Schedule-${account.name}`, {
        expression: account.schedule,
        machine: workflow.machine,
        deadLetterQueue,
        account: accountInput(account, {
          readerSecretArn: secrets.reader.secretArn,
          ...(secrets.admin === undefined ? {} : { adminSecretArn: secrets.admin.secretArn }),
        }),
      });
    }
    return deadLetterQueue;
  }
}
