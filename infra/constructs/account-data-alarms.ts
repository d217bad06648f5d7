import { Duration } from 'aws-cdk-lib';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { ACCOUNT_DATA_METRICS } from '../../lambdas/lib/account-data/metric-names.ts';
import { type AlarmDefinition, functionAlarms, outcomeAlarms } from './alarms.ts';
import type { AppleFunction } from './apple-function.ts';

export interface AccountDataAlarmsProps {
  readonly machine: StateMachine;
  /** Functions by construct id. */
  readonly functions: Readonly<Record<string, AppleFunction>>;
  /** What the daily schedule invokes; one failed day is told. */
  readonly deletion: AppleFunction;
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
    alarm('TransferFailed', 'The transfer of an instance ended in an error.', machine.metricFailed(hour)),
    alarm('TransferTimedOut', 'An instance did not end within 220 days.', machine.metricTimedOut(hour)),
    alarm('TransferAborted', 'The transfer of an instance was stopped.', machine.metricAborted(hour)),
    alarm(
      'TransferThrottled',
      'Step Functions held back state transitions of transfers.',
      machine.metricThrottled(hour),
    ),
  ];
}

/** The one list of the alarms of account data. */
export function accountDataAlarms(props: AccountDataAlarmsProps): readonly AlarmDefinition[] {
  const { machine, functions, deletion } = props;
  return [
    ...machineAlarms(machine),
    {
      condition: 'DeletionFailed',
      heading: 'DeletionFailed',
      description: 'Superseded instances could not be deleted.',
      metric: deletion.function.metricErrors({ period: Duration.days(1), statistic: 'Sum' }),
    },
    ...outcomeAlarms(ACCOUNT_DATA_METRICS),
    ...functionAlarms(functions),
  ];
}
