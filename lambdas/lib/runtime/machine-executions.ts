import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';

/** Executions of one state machine, by their names. */
export interface MachineExecutions {
  /**
   * Ends what runs under that name, or under the names of its later starts; false when nothing of it ran. Harmless to
   * repeat.
   */
  stopExecution(name: string): Promise<boolean>;
  /** Starts the machine; harmless when an execution of that name exists. */
  startExecution(name: string, input: unknown): Promise<void>;
}

/**
 * The name of an execution's start by its number, from 1. A name is used up for 90 days, so each start after the first,
 * by an operator whose execution has ended while its work was under way, has a name of its own.
 */
export function nameOfStart(name: string, start: number): string {
  return start === 1 ? name : `${name}-again-${start}`;
}

/** Whether an execution runs; undefined when there is none. Other errors of Step Functions pass through. */
export async function isRunning(client: SFNClient, executionArn: string): Promise<boolean | undefined> {
  try {
    const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
    return status === 'RUNNING' || status === 'PENDING_REDRIVE';
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return undefined;
    throw error;
  }
}

/** Executions of the machine with that ARN; errors of Step Functions other than these two answers pass through. */
export function machineExecutions(client: SFNClient, machineArn: string): MachineExecutions {
  const executionPrefix = machineArn.replace(':stateMachine:', ':execution:');
  return {
    async stopExecution(name) {
      let stopped = false;
      for (let start = 1; ; start += 1) {
        const executionArn = `${executionPrefix}:${nameOfStart(name, start)}`;
        const running = await isRunning(client, executionArn);
        if (running === undefined) return stopped;
        if (!running) continue;
        await client.send(new StopExecutionCommand({ executionArn }));
        stopped = true;
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
