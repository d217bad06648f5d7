import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledgePattern } from '../nag.ts';
import type { AppleFunction } from './apple-function.ts';

const FLEXIBLE_WINDOW = Duration.minutes(15);

/** A start that failed for this long is given up to the queue. */
const RETRY_AGE = Duration.hours(2);

export interface FunctionScheduleProps {
  readonly name: string;
  readonly description: string;
  /** `rate(...)` or `cron(...)`, UTC. */
  readonly expression: string;
  readonly target: AppleFunction;
  /** Receives starts that failed for two hours. */
  readonly deadLetterQueue: IQueue;
}

/** Invokes a function by the clock, without waiting for its result, in the name of a role of its own. */
export class FunctionSchedule extends Construct {
  constructor(scope: Construct, id: string, props: FunctionScheduleProps) {
    super(scope, id);
    const target = props.target.function;
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com') });
    new Schedule(this, 'Resource', {
      scheduleName: props.name,
      description: props.description,
      schedule: ScheduleExpression.expression(props.expression),
      timeWindow: TimeWindow.flexible(FLEXIBLE_WINDOW),
      target: new LambdaInvoke(target, {
        role,
        deadLetterQueue: props.deadLetterQueue,
        maxEventAge: RETRY_AGE,
        retryAttempts: 20,
      }),
    });
    acknowledgePattern(role, `${target.functionArn}:*`, 'Versions and aliases of this one function.');
  }
}
