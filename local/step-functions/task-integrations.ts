import { StepFunctionsTaskError } from '../asl/errors.ts';
import type { TaskCall, TaskInvoker } from '../asl/runner.ts';
import type { FunctionHost } from '../functions/function-host.ts';
import { InvocationError } from '../functions/invocation-error.ts';
import type { MachineAccess } from './machine-access.ts';
import { callS3, type S3IntegrationOptions } from './s3-integration.ts';
import { type StartExecutionOptions, startExecution } from './start-execution-integration.ts';

export interface TaskIntegrationsOptions {
  readonly functions: FunctionHost;
  readonly s3: S3IntegrationOptions;
  readonly access: MachineAccess;
  /** Where new executions begin; asked for at each call, because the registry itself needs the invoker. */
  executions(): StartExecutionOptions['executions'];
}

async function invokeFunction(
  { functions, access }: TaskIntegrationsOptions,
  call: TaskCall,
): Promise<unknown> {
  const { FunctionName, Payload } = call.arguments as { FunctionName: string; Payload?: unknown };
  access.assertMayInvoke(call.executionArn, FunctionName);
  try {
    const payload = await functions.invoke(FunctionName, Payload ?? {});
    return { ExecutedVersion: '$LATEST', Payload: payload, StatusCode: 200 };
  } catch (error) {
    if (!(error instanceof InvocationError)) throw error;
    throw new StepFunctionsTaskError({ error: error.error, cause: error.report });
  }
}

/**
 * What the machines' tasks reach, as the machine's own role: functions of the assembly, S3, and new executions.
 * Every other integration is refused by name, which ends the run: a definition that needs it would not run here as
 * on AWS.
 */
export function createTaskInvoker(options: TaskIntegrationsOptions): TaskInvoker {
  return async (call: TaskCall) => {
    if (call.resource === 'arn:aws:states:::lambda:invoke') {
      return invokeFunction(options, call);
    }
    if (call.resource === 'arn:aws:states:::states:startExecution') {
      return startExecution({ executions: options.executions(), access: options.access }, call);
    }
    const [, operation] = /^arn:aws:states:::aws-sdk:s3:(\w+)$/.exec(call.resource) ?? [];
    if (operation !== undefined) {
      return callS3(options.s3, options.access.principalOf(call.executionArn), operation, call.arguments);
    }
    throw new Error(`${call.stateName}: the local runtime does not know the integration ${call.resource}`);
  };
}
