import { z } from 'zod';
import { type Authorize, createJsonService } from '../aws-json/json-service.ts';
import { ServiceError } from '../aws-json/service-error.ts';
import type { Clock } from '../clock.ts';
import type { StandInHandler } from '../http.ts';
import type { Principal } from '../principals.ts';
import type { ExecutionRegistry } from './execution-registry.ts';
import { assertArn, assertInputSize, assertNameLength } from './start-rules.ts';

export interface StepFunctionsServiceOptions {
  readonly executions: ExecutionRegistry;
  readonly region: string;
  readonly clock: Clock;
  principalOf(accessKeyId: string): Principal | undefined;
  readonly authorize?: Authorize;
}

const describeInput = z.object({ executionArn: z.string() });
const startInput = z.object({
  stateMachineArn: z.string(),
  name: z.string().optional(),
  input: z.string().default('{}'),
});
const stopInput = z.object({
  executionArn: z.string(),
  error: z.string().optional(),
  cause: z.string().optional(),
});

function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new ServiceError('ValidationException', z.prettifyError(parsed.error));
}

function parseInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceError('InvalidExecutionInput', 'Invalid State Machine Execution Input: it is not JSON');
  }
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

/**
 * The local Step Functions: DescribeExecution, StartExecution and StopExecution over the runtime's executions,
 * and nothing else. Errors as AWS names them: `ExecutionDoesNotExist`, `ExecutionAlreadyExists`,
 * `StateMachineDoesNotExist`, `InvalidArn`, `InvalidName`, `InvalidExecutionInput`, `ValidationException`,
 * `AccessDeniedException`.
 */
export function createStepFunctionsService(options: StepFunctionsServiceOptions): StandInHandler {
  const { executions, authorize } = options;
  function assertAllowed(principal: Principal, action: string, resource: string): void {
    if (authorize === undefined || authorize({ principal, action, resource })) return;
    throw new ServiceError(
      'AccessDeniedException',
      `${principal.name} is not authorized to perform: ${action} on resource: ${resource}`,
    );
  }
  return createJsonService({
    ...options,
    service: 'states',
    targetPrefix: 'AWSStepFunctions',
    version: '1.0',
    operations: {
      DescribeExecution({ principal, input }) {
        const { executionArn } = parse(describeInput, input);
        assertArn(executionArn, 'execution');
        assertAllowed(principal, 'states:DescribeExecution', executionArn);
        const execution = executions.describe(executionArn);
        return {
          executionArn,
          stateMachineArn: execution.stateMachineArn,
          name: execution.name,
          status: execution.status,
          startDate: seconds(execution.startedAt),
          stopDate: seconds(execution.stoppedAt),
          input: JSON.stringify(execution.input),
          output: execution.output === undefined ? undefined : JSON.stringify(execution.output),
          error: execution.error,
          cause: execution.cause,
        };
      },
      StartExecution({ principal, input }) {
        const { stateMachineArn, name, input: text } = parse(startInput, input);
        // In AWS's order: lengths, the ARN, permission, the machine, the name's characters, the input.
        if (name !== undefined) assertNameLength(name);
        assertInputSize(text);
        assertArn(stateMachineArn, 'stateMachine');
        assertAllowed(principal, 'states:StartExecution', stateMachineArn);
        executions.assertStartable(stateMachineArn, name);
        const { executionArn, startedAt } = executions.start(stateMachineArn, parseInput(text), name).record;
        return { executionArn, startDate: seconds(startedAt) };
      },
      StopExecution({ principal, input }) {
        const { executionArn, error, cause } = parse(stopInput, input);
        assertArn(executionArn, 'execution');
        assertAllowed(principal, 'states:StopExecution', executionArn);
        executions.stop(executionArn, error, cause);
        return { stopDate: seconds(options.clock.now()) };
      },
    },
  });
}
