import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledge } from '../nag.ts';
import {
  type AlarmDefinition,
  addAlarms,
  functionAlarms,
  type MachineEnds,
  machineAlarms,
  outcomeAlarms,
  ownMetric,
} from './alarms.ts';
import type { AppleFunction } from './apple-function.ts';

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

const RUN_ENDS: MachineEnds = {
  Failed: 'A run ended in an error.',
  TimedOut: 'A run did not end within its time.',
  Aborted: 'A run was stopped by hand.',
  Throttled: 'Step Functions held back state transitions.',
};

/** Not the machine's own count of successes: a run that ends as already running behind another succeeds as well. */
function noSuccessAlarms(hours: number | undefined): AlarmDefinition[] {
  if (hours === undefined) return [];
  const metric = ownMetric('RunsCompleted', Duration.hours(1));
  const description = `No run did its work to the end for ${hours} hours.`;
  return [{ condition: 'NoSuccess', heading: 'NoSuccess', description, metric, hoursWithout: hours }];
}

/** The one list of the alarms of analytics. */
function alarmDefinitions(props: MonitoringProps): readonly AlarmDefinition[] {
  return [
    ...machineAlarms(props.machine, 'Run', RUN_ENDS),
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
    ...outcomeAlarms(OUTCOMES),
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
    addAlarms(this, this.topic, alarmDefinitions(props));
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
