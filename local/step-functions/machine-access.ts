import { StepFunctionsTaskError, type TaskFailure } from '../asl/errors.ts';
import type { Assembly, AssemblyMachine } from '../assembly/model.ts';
import type { Authorize } from '../aws-json/json-service.ts';
import type { Principal, Principals } from '../principals.ts';

export interface MachineAccessOptions {
  readonly assembly: Assembly;
  readonly principals: Principals;
  readonly authorize: Authorize;
}

/** What Step Functions may do in the name of a machine: every call is decided for the machine's own role. */
export interface MachineAccess {
  /** The role of the machine that an execution belongs to; of a Map's child, the machine of the Map. */
  principalOf(executionArn: string): Principal;
  /** Throws `StepFunctionsTaskError` (`Lambda.AWSLambdaException`) when the role may not invoke the function. */
  assertMayInvoke(executionArn: string, functionNameOrArn: string): void;
  /** Throws `StepFunctionsTaskError` (`StepFunctions.AWSStepFunctionsException`) when the role may not start it. */
  assertMayStart(executionArn: string, stateMachineArn: string): void;
  /** Why an execution's Distributed Map cannot run; undefined when the role may start and follow its children. */
  mapRunRefusal(executionArn: string): TaskFailure | undefined;
}

/** `arn:...:execution:<machine>:<name>`, or `...:execution:<machine>/<label>:<id>` for a child of a Map. */
function machineOf(executionArn: string, machines: readonly AssemblyMachine[]): AssemblyMachine {
  const [name] = (executionArn.split(':')[6] ?? '').split('/');
  const machine = machines.find((candidate) => candidate.name === name);
  if (machine === undefined) throw new Error(`no machine of the assembly runs ${executionArn}`);
  return machine;
}

/** AWS names the session of the role, which Step Functions makes up. */
function refusalText(principal: Principal, action: string, resource: string, service: string): string {
  const session = principal.name.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
  return `User: ${session}/states is not authorized to perform: ${action} on resource: ${resource} (Service: ${service}, Status Code: 403)`;
}

export function createMachineAccess(options: MachineAccessOptions): MachineAccess {
  const { assembly, principals, authorize } = options;
  const principalOf = (executionArn: string) =>
    principals.ofRole(machineOf(executionArn, assembly.machines).roleArn);
  return {
    principalOf,
    assertMayInvoke(executionArn, functionNameOrArn) {
      const principal = principalOf(executionArn);
      const known = assembly.functions.find(({ name }) => name === functionNameOrArn);
      const resource = known?.arn ?? functionNameOrArn;
      const action = 'lambda:InvokeFunction';
      if (authorize({ principal, action, resource })) return;
      throw new StepFunctionsTaskError({
        error: 'Lambda.AWSLambdaException',
        cause: refusalText(principal, action, resource, 'Lambda'),
      });
    },
    assertMayStart(executionArn, stateMachineArn) {
      const principal = principalOf(executionArn);
      const action = 'states:StartExecution';
      if (authorize({ principal, action, resource: stateMachineArn })) return;
      throw new StepFunctionsTaskError({
        error: 'StepFunctions.AWSStepFunctionsException',
        cause: refusalText(principal, action, stateMachineArn, 'AWSStepFunctions'),
      });
    },
    mapRunRefusal(executionArn) {
      const principal = principalOf(executionArn);
      const { arn } = machineOf(executionArn, assembly.machines);
      for (const [action, resource] of [
        ['states:StartExecution', arn],
        ['states:DescribeExecution', executionArn],
      ] as const) {
        if (authorize({ principal, action, resource })) continue;
        return {
          error: 'StepFunctions.AWSStepFunctionsException',
          cause: refusalText(principal, action, resource, 'AWSStepFunctions'),
        };
      }
      return undefined;
    },
  };
}
