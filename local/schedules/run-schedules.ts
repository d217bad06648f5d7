import type { ExecutionResult } from '../asl/runner.ts';
import type { Assembly, AssemblySchedule } from '../assembly/model.ts';
import type { Authorize } from '../aws-json/json-service.ts';
import { ServiceError } from '../aws-json/service-error.ts';
import type { Clock } from '../clock.ts';
import type { Principals } from '../principals.ts';
import type { ExecutionRecord, ExecutionRegistry } from '../step-functions/execution-registry.ts';
import { firings } from './schedule-times.ts';

/** A run that a schedule fired, when it has ended. */
export interface ScheduledRun {
  readonly schedule: AssemblySchedule;
  readonly execution: ExecutionRecord;
  readonly result: ExecutionResult;
}

export interface RunSchedulesOptions {
  /** Which schedules fire; by default every one. */
  schedules?(schedule: AssemblySchedule): boolean;
  onStart?(schedule: AssemblySchedule, execution: ExecutionRecord): void;
  /** The next run waits for it. */
  onEnd?(run: ScheduledRun): void | Promise<void>;
  /** What a function returned that a schedule invoked. */
  onFunctionEnd?(schedule: AssemblySchedule, result: unknown): void;
  readonly signal?: AbortSignal;
}

export interface ScheduleRunnerOptions {
  readonly assembly: Assembly;
  readonly clock: Clock;
  readonly executions: ExecutionRegistry;
  readonly principals: Principals;
  readonly authorize: Authorize;
  /** Invokes a function by ARN and waits for its result. */
  invoke(functionArn: string, payload: unknown): Promise<unknown>;
}

/** `analytics-sync-main` at 2026-06-03T00:00:00Z -> `analytics-sync-main-20260603T000000Z`, at most 80 characters. */
function scheduledExecutionName(scheduleName: string, at: number): string {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${scheduleName.slice(0, 63)}-${time}`;
}

/** Fires the schedules of an assembly, each in the name of its own role. */
export class ScheduleRunner {
  readonly #options: ScheduleRunnerOptions;

  constructor(options: ScheduleRunnerOptions) {
    this.#options = options;
  }

  /**
   * Fires every wanted schedule from now on while its time is before `until` (milliseconds since 1970), one after
   * another; returns the runs of machines. Rejects with `InvocationError` when a scheduled function fails.
   */
  async run(until: number, report: RunSchedulesOptions): Promise<ScheduledRun[]> {
    const { assembly, clock } = this.#options;
    const schedules = assembly.schedules.filter((schedule) => report.schedules?.(schedule) ?? true);
    const runs: ScheduledRun[] = [];
    for (const { schedule, at } of firings(schedules, clock.now(), until)) {
      if (at > clock.now()) await sleepUnlessAborted(clock, at - clock.now(), report.signal);
      if (report.signal?.aborted) break;
      if (this.#isFunction(schedule)) await this.#invoke(schedule, report);
      else runs.push(await this.#start(schedule, at, report));
    }
    return runs;
  }

  #isFunction({ targetArn }: AssemblySchedule): boolean {
    return this.#options.assembly.functions.some(({ arn }) => arn === targetArn);
  }

  async #invoke(schedule: AssemblySchedule, report: RunSchedulesOptions): Promise<void> {
    this.#assertMay('lambda:InvokeFunction', schedule);
    const result = await this.#options.invoke(schedule.targetArn, schedule.input);
    report.onFunctionEnd?.(schedule, result);
  }

  async #start(schedule: AssemblySchedule, at: number, report: RunSchedulesOptions): Promise<ScheduledRun> {
    const { executions } = this.#options;
    this.#assertMay('states:StartExecution', schedule);
    const name = scheduledExecutionName(schedule.name, at);
    const { record, result } = executions.start(schedule.targetArn, schedule.input, name);
    report.onStart?.(schedule, record);
    const ended = await result;
    const run = { schedule, execution: executions.describe(record.executionArn), result: ended };
    await report.onEnd?.(run);
    return run;
  }

  #assertMay(action: string, { name, roleArn, targetArn }: AssemblySchedule): void {
    const { authorize, principals } = this.#options;
    if (authorize({ principal: principals.ofRole(roleArn), action, resource: targetArn })) return;
    throw new ServiceError(
      'AccessDeniedException',
      `schedule ${name}: ${roleArn} is not authorized to perform: ${action} on resource: ${targetArn}`,
    );
  }
}

async function sleepUnlessAborted(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await clock.sleep(milliseconds, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
