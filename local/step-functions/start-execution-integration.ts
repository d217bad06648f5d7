import { z } from 'zod';
import { StepFunctionsTaskError } from '../asl/errors.ts';
import type { TaskCall } from '../asl/runner.ts';
import { ServiceError } from '../aws-json/service-error.ts';
import type { ExecutionRegistry } from './execution-registry.ts';
import type { MachineAccess } from './machine-access.ts';
import { assertArn, assertInputSize, assertNameLength } from './start-rules.ts';

export interface StartExecutionOptions {
  readonly executions: Pick<ExecutionRegistry, 'assertStartable' | 'start'>;
  readonly access: MachineAccess;
}

const startArguments = z.strictObject({
  StateMachineArn: z.string(),
  Name: z.string().optional(),
  Input: z.unknown().default({}),
});

function taskError({ code, message }: ServiceError): StepFunctionsTaskError {
  return new StepFunctionsTaskError({
    error: `StepFunctions.${code.replace(/(?:Exception)?$/, 'Exception')}`,
    cause: `${message} (Service: AWSStepFunctions; Status Code: 400; Error Code: ${code})`,
  });
}

/**
 * Starts an execution as `arn:aws:states:::states:startExecution` does: in the name of the calling machine's role,
 * and without waiting for it. Returns `ExecutionArn` and `StartDate` (milliseconds since 1970). Throws
 * `StepFunctionsTaskError` with AWS's names (`StepFunctions.ExecutionAlreadyExistsException`, ...); Arguments that
 * are not known here end the run.
 */
export function startExecution({ executions, access }: StartExecutionOptions, call: TaskCall): unknown {
  const parsed = startArguments.safeParse(call.arguments);
  if (!parsed.success) {
    throw new Error(`${call.stateName}: Arguments of startExecution: ${z.prettifyError(parsed.error)}`);
  }
  const { StateMachineArn, Name, Input } = parsed.data;
  try {
    // In AWS's order: lengths, the ARN, permission, the machine, the name's characters.
    if (Name !== undefined) assertNameLength(Name);
    assertInputSize(JSON.stringify(Input));
    assertArn(StateMachineArn, 'stateMachine');
    access.assertMayStart(call.executionArn, StateMachineArn);
    executions.assertStartable(StateMachineArn, Name);
    const { executionArn, startedAt } = executions.start(StateMachineArn, Input, Name).record;
    return { ExecutionArn: executionArn, StartDate: startedAt };
  } catch (error) {
    throw error instanceof ServiceError ? taskError(error) : error;
  }
}
