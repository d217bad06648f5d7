import {
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';

/** Executions of one state machine, by their names. */
export interface MachineExecutions {
  /** Ends the execution of that name, if it runs; false when there is none. */
  stopExecution(name: string): Promise<boolean>;
  /** Starts the machine; harmless when an execution of that name exists. */
  startExecution(name: string, input: unknown): Promise<void>;
}

/** Executions of the machine with that ARN; errors of Step Functions other than these two answers pass through. */
export function machineExecutions(client: SFNClient, machineArn: string): MachineExecutions {
  const executionPrefix = machineArn.replace(':stateMachine:', ':execution:');
  return {
    async stopExecution(name) {
      try {
        await client.send(new StopExecutionCommand({ executionArn: `${executionPrefix}:${name}` }));
        return true;
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return false;
        throw error;
      }
    },
    async startExecution(name, input) {
      try {
        await client.send(
          new StartExecutionCommand({ stateMachineArn: machineArn, name, input: JSON.stringify(input) }),
        );
      } catch (error) {
        if (!(error instanceof ExecutionAlreadyExists)) throw error;
      }
    },
  };
}
