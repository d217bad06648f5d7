import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
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

/** One alarm: `condition` is its construct id and `heading` its heading in the runbook. */
export interface AlarmDefinition {
  readonly condition: string;
  readonly heading: string;
  readonly description: string;
  readonly metric: IMetric;
  readonly atLeast?: number;
  /** Alarms when nothing was counted for this many hours, instead of when something was. */
  readonly hoursWithout?: number;
}

/** A metric that the functions emit themselves. */
export function ownMetric(metricName: string, period: Duration): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { service: METRICS_SERVICE },
    period,
    statistic: 'Sum',
  });
}

/** What it means that executions of a machine ended otherwise than well, or were held back. */
export type MachineEnds = Readonly<Record<'Failed' | 'TimedOut' | 'Aborted' | 'Throttled', string>>;

/** Alarms on how the executions of a machine ended; their headings begin with `subject`. */
export function machineAlarms(machine: StateMachine, subject: string, ends: MachineEnds): AlarmDefinition[] {
  const hour = { period: Duration.hours(1), statistic: 'Sum' };
  const alarm = (end: keyof MachineEnds, metric: IMetric): AlarmDefinition => {
    const heading = `${subject}${end}`;
    return { condition: heading, heading, description: ends[end], metric };
  };
  return [
    alarm('Failed', machine.metricFailed(hour)),
    alarm('TimedOut', machine.metricTimedOut(hour)),
    alarm('Aborted', machine.metricAborted(hour)),
    alarm('Throttled', machine.metricThrottled(hour)),
  ];
}

/** Alarms on errors and throttles of functions, by construct id. */
export function functionAlarms(functions: Readonly<Record<string, AppleFunction>>): AlarmDefinition[] {
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

/** An alarm on each outcome that the functions count: metric name and what happened. */
export function outcomeAlarms(outcomes: Readonly<Record<string, string>>): AlarmDefinition[] {
  return Object.entries(outcomes).map(([metricName, description]) => ({
    condition: metricName,
    heading: metricName,
    description,
    metric: ownMetric(metricName, OUTCOME_PERIOD),
  }));
}

/** Creates the alarms in `scope`; each tells the topic and names its heading in the runbook. */
export function addAlarms(scope: Construct, topic: ITopic, definitions: readonly AlarmDefinition[]): void {
  const action = new SnsAction(topic);
  for (const definition of definitions) {
    const without = definition.hoursWithout;
    const alarm = new Alarm(scope, definition.condition, {
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
