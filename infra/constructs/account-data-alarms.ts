import { Duration } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { ACCOUNT_DATA_METRICS } from '../../lambdas/lib/account-data/metric-names.ts';
import {
  type AlarmDefinition,
  functionAlarms,
  type MachineEnds,
  machineAlarms,
  outcomeAlarms,
} from './alarms.ts';
import type { AppleFunction } from './apple-function.ts';

export interface AccountDataAlarmsProps {
  readonly machine: StateMachine;
  /** Functions by construct id. */
  readonly functions: Readonly<Record<string, AppleFunction>>;
  /** What the daily schedule invokes; one failed day is told. */
  readonly deletion: AppleFunction;
}

const TRANSFER_ENDS: MachineEnds = {
  Failed: 'The transfer of an instance ended in an error.',
  TimedOut: 'An instance did not end within 220 days.',
  Aborted: 'The transfer of an instance was stopped.',
  Throttled: 'Step Functions held back state transitions of transfers.',
};

/** The one list of the alarms of account data. */
export function accountDataAlarms(props: AccountDataAlarmsProps): readonly AlarmDefinition[] {
  const { machine, functions, deletion } = props;
  return [
    ...machineAlarms(machine, 'Transfer', TRANSFER_ENDS),
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
