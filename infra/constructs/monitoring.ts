import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge } from '../nag.ts';
import type { AppleFunction } from './apple-function.ts';

/** CloudWatch namespace and `service` dimension of the product's own metrics, as the functions emit them. */
export const METRICS_NAMESPACE = 'AppleDataPipeline';
export const METRICS_SERVICE = 'apple-data-pipeline';

/** Errors or throttles of one function in an hour that its retries no longer explain. */
const FUNCTION_FAULTS_PER_HOUR = 10;

/**
 * A day, so that an alarm on what every run repeats stays in ALARM from run to run instead of mailing anew.
 */
const OUTCOME_PERIOD = Duration.days(1);

/** Outcomes that a person must act on or know of: metric name and what happened, for the alarm's description. */
const OUTCOMES = {
  CredentialsRefused: 'Apple refused a key (401) although it was read and signed anew.',
  RoleForbidden: 'Apple refused a call because the key has not the role for it.',
  AgreementMissing: 'Apple refused calls until an agreement is signed.',
  ProgramLicenseInvalid:
    'Apple refused calls because the Developer Program membership or licence is not valid.',
  CallsForbidden: 'Apple refused calls for a reason that its answer does not name.',
  RequestsRefused: 'Apple refused to create the report request of an app.',
  RequestsStopped: 'Apple stopped a report request for inactivity.',
  AdminKeyNeeded: 'A report request is missing and the account has no Admin key to create it.',
  AppNotFound: 'A configured app does not exist for the key.',
  ReportsNotOffered: 'Apple does not offer a configured report for an app.',
  ListIncomplete: "One of Apple's lists ended early; it was not taken as whole.",
  InstancesFailed: 'Report instances could not be landed in this run.',
  InstancesPendingLong: 'Apple listed report instances long ago and still gives no segments for them.',
  InstancesQuarantined: "Bytes differed from Apple's checksum three times and are kept under quarantine/.",
  InstancesExpired: 'Apple listed report instances and no longer has them.',
  CurationsFailed: 'Landed report instances could not be curated.',
  ColumnsUnknown: "Apple's files have columns that the catalog lacks.",
  ColumnsMissing: "Apple's files lack columns that the catalog has.",
  ChecksumMissing: 'Apple sent no usable checksum; bytes were verified by size only.',
  AllReportsEmpty: 'An app has no instance of any wanted report 72 hours after its request.',
  DeliveryStopped: 'A report that used to deliver stopped.',
  FailedApps: 'Apps ended in an error that no outcome describes.',
} as const satisfies Readonly<Record<string, string>>;

export interface MonitoringProps {
  readonly machine: StateMachine;
  /** Functions by construct id. */
  readonly functions: Readonly<Record<string, AppleFunction>>;
  readonly scheduleDeadLetterQueue: IQueue;
  readonly alarmEmail: string | undefined;
  /** Hours without one run that ended well until an alarm; undefined leaves that alarm out. */
  readonly hoursWithoutSuccess: number | undefined;
}

/** One alarm: `condition` is its construct id and `heading` its heading in the runbook. */
interface AlarmDefinition {
  readonly condition: string;
  readonly heading: string;
  readonly description: string;
  readonly metric: IMetric;
  readonly atLeast?: number;
  /** Alarms when nothing was counted for this many hours, instead of when something was. */
  readonly hoursWithout?: number;
}

function machineAlarms(machine: StateMachine): AlarmDefinition[] {
  const hour = { period: Duration.hours(1), statistic: 'Sum' };
  const alarm = (heading: string, description: string, metric: IMetric): AlarmDefinition => ({
    condition: heading,
    heading,
    description,
    metric,
  });
  return [
    alarm('RunFailed', 'A run ended in an error.', machine.metricFailed(hour)),
    alarm('RunTimedOut', 'A run did not end within its time.', machine.metricTimedOut(hour)),
    alarm('RunAborted', 'A run was stopped by hand.', machine.metricAborted(hour)),
    alarm('RunThrottled', 'Step Functions held back state transitions.', machine.metricThrottled(hour)),
  ];
}

function ownMetric(metricName: string, period: Duration): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: METRICS_SERVICE },
    period,
    statistic: 'Sum',
  });
}

/** Not the machine's own count of successes: a run that ends as already running behind another succeeds as well. */
function noSuccessAlarms(hours: number | undefined): AlarmDefinition[] {
  if (hours === undefined) return [];
  const metric = ownMetric('RunsCompleted', Duration.hours(1));
  const description = `No run did its work to the end for ${hours} hours.`;
  return [{ condition: 'NoSuccess', heading: 'NoSuccess', description, metric, hoursWithout: hours }];
}

function functionAlarms(functions: MonitoringProps['functions']): AlarmDefinition[] {
  const hour = { period: Duration.hours(1), statistic: 'Sum' };
  return Object.entries(functions).flatMap(([id, target]) => [
    {
      condition: `${id}Errors`,
      heading: 'FunctionErrors',
      description: `${id} fails more often than its retries explain.`,
      metric: target.function.metricErrors(hour),
      atLeast: FUNCTION_FAULTS_PER_HOUR,
    },
    {
      condition: `${id}Throttles`,
      heading: 'FunctionThrottles',
      description: `${id} finds no free concurrency in this AWS account.`,
      metric: target.function.metricThrottles(hour),
      atLeast: FUNCTION_FAULTS_PER_HOUR,
    },
  ]);
}

function outcomeAlarms(): AlarmDefinition[] {
  return Object.entries(OUTCOMES).map(([metricName, description]) => ({
    condition: metricName,
    heading: metricName,
    description,
    metric: ownMetric(metricName, OUTCOME_PERIOD),
  }));
}

/** The one list of the product's alarms. */
function alarmDefinitions(props: MonitoringProps): readonly AlarmDefinition[] {
  return [
    ...machineAlarms(props.machine),
    ...noSuccessAlarms(props.hoursWithoutSuccess),
    {
      condition: 'ScheduleFailed',
      heading: 'ScheduleFailed',
      description: 'A schedule could not start its run for two hours.',
      metric: props.scheduleDeadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
    },
    ...outcomeAlarms(),
    ...functionAlarms(props.functions),
  ];
}

/** Every alarm, on one encrypted topic that only CloudWatch alarms of this AWS account may publish to. */
export class Monitoring extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.topic = this.#createTopic();
    if (props.alarmEmail !== undefined) {
      acknowledge(
        this.topic.addSubscription(new EmailSubscription(props.alarmEmail)),
        'Serverless-SNSRedrivePolicy',
        'A mail that cannot be delivered is not worth a queue: the alarm itself stays in CloudWatch.',
      );
    }
    const action = new SnsAction(this.topic);
    for (const definition of alarmDefinitions(props)) {
      const without = definition.hoursWithout;
      const alarm = new Alarm(this, definition.condition, {
        metric: definition.metric,
        alarmDescription: `${definition.description} Runbook: docs/runbook.md, ${definition.heading}.`,
        threshold: without === undefined ? (definition.atLeast ?? 1) : 1,
        comparisonOperator:
          without === undefined
            ? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            : ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: without ?? 1,
        treatMissingData: without === undefined ? TreatMissingData.NOT_BREACHING : TreatMissingData.BREACHING,
      });
      alarm.addAlarmAction(action);
    }
  }

  #createTopic(): Topic {
    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    });
    const key = new Key(this, 'TopicKey', {
      description: 'Encrypts the alarm topic; CloudWatch publishes with it.',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [cloudWatch],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    const topic = new Topic(this, 'Topic', {
      displayName: 'Apple data pipeline alarms',
      masterKey: key,
      enforceSSL: true,
    });
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [cloudWatch],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
      }),
    );
    return topic;
  }
}
