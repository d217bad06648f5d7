import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from './asl/random.ts';
import { createRunner } from './asl/runner.ts';
import type { Assembly } from './assembly/model.ts';
import type { Authorize } from './aws-json/json-service.ts';
import { type Clock, VirtualClock } from './clock.ts';
import { functionEnvironment } from './functions/function-environment.ts';
import { createFunctionHost, type FunctionHost, type FunctionLogLine } from './functions/function-host.ts';
import { type RunningServer, type StandInHandler, serve } from './http.ts';
import { loadPolicies } from './iam/load-policies.ts';
import { policyAuthorization } from './iam/policy-authorization.ts';
import { Principals } from './principals.ts';
import { createS3Service, type S3AccessRequest } from './s3/service.ts';
import { createForwardingS3Service } from './s3-proxy/forwarding-service.ts';
import type { S3Upstream } from './s3-proxy/upstream.ts';
import { type RunSchedulesOptions, type ScheduledRun, ScheduleRunner } from './schedules/run-schedules.ts';
import { Standstill } from './schedules/standstill.ts';
import { createSecretsService } from './secrets/server.ts';
import {
  type ExecutionRecord,
  ExecutionRegistry,
  type StartedExecution,
} from './step-functions/execution-registry.ts';
import { createMachineAccess } from './step-functions/machine-access.ts';
import { machineObjects } from './step-functions/machine-objects.ts';
import { createStepFunctionsService } from './step-functions/server.ts';
import { createTaskInvoker } from './step-functions/task-integrations.ts';

export type { RunSchedulesOptions, ScheduledRun } from './schedules/run-schedules.ts';

export type LocalServiceName = 's3' | 'secretsManager' | 'stepFunctions';

export interface LocalRuntimeOptions {
  readonly assembly: Assembly;
  /** Folder with one folder per bucket. */
  readonly lakeDirectory: string;
  /** Another S3 server that holds the buckets; the lake directory is then not touched. */
  readonly s3Upstream?: S3Upstream;
  /** Virtual or real: functions, machines and services all live in it. */
  readonly clock: Clock;
  /** Secret values by ARN. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Seed of jitter and made-up ids; default 1. */
  readonly seed?: number;
  /** Every line that a function writes; nothing is printed by the runtime itself. */
  onLog?(line: FunctionLogLine): void;
  /** Real milliseconds after which an invocation in virtual time counts as stuck. */
  readonly stallMilliseconds?: number;
  /** Decides every call of a function, a machine or a schedule; by default the assembly's own policies do. */
  readonly authorize?: Authorize;
  /** Stands before a local service, e.g. to count its calls or to fail them. */
  wrapService?(service: LocalServiceName, handle: StandInHandler): StandInHandler;
}

export interface LocalRuntime {
  readonly functions: FunctionHost;
  readonly principals: Principals;
  /** Origin of the local S3 endpoint. */
  readonly s3Endpoint: string;
  /** Every execution so far, in the order of their start. */
  readonly executions: readonly ExecutionRecord[];
  /** Puts another value into a secret, by ARN; functions see it at their next read. */
  setSecret(arn: string, value: string): void;
  /** Starts a machine by name; the name of the execution is made up unless given. */
  startExecution(machineName: string, input: unknown, executionName?: string): StartedExecution;
  stopExecution(executionArn: string, error?: string, cause?: string): void;
  /** Invokes a function by name or ARN, whatever its role; rejects with `InvocationError`. */
  invokeFunction(nameOrArn: string, payload: unknown): Promise<unknown>;
  /**
   * Fires every schedule of the assembly, or those that `options` choose, from now on while its time is before
   * `until` (milliseconds since 1970), one after another; `onStart` and `onEnd` report progress. An aborted
   * `signal` ends it after the run at work. Returns the runs of machines.
   */
  runSchedules(until: number, options?: RunSchedulesOptions): Promise<ScheduledRun[]>;
  /**
   * Waits until no execution runs, or until the time is `until` (milliseconds since 1970), whichever is first.
   * Virtual time then stands still until more is asked of the runtime.
   */
  waitForExecutions(until: number): Promise<'all-ended' | 'time-is-over'>;
  /** Ends functions and servers; executions that still run end as ABORTED. */
  close(): Promise<void>;
}

async function startServers(handlers: Readonly<Record<LocalServiceName, StandInHandler>>) {
  const started: RunningServer[] = [];
  const start = async (handler: StandInHandler) => {
    const server = await serve(handler);
    started.push(server);
    return server.origin;
  };
  const endpoints = {
    s3: await start(handlers.s3),
    secretsManager: await start(handlers.secretsManager),
    stepFunctions: await start(handlers.stepFunctions),
  };
  return { endpoints, close: () => Promise.all(started.map((server) => server.close())) };
}

/** Remembers which calls are still being answered; a sender that died does not end its call. */
function trackCalls(handle: StandInHandler): { handle: StandInHandler; settled(): Promise<unknown> } {
  const calls = new Set<Promise<unknown>>();
  return {
    handle(request) {
      const call = handle(request);
      calls.add(call);
      const end = () => void calls.delete(call);
      call.then(end, end);
      return call;
    },
    settled: () => Promise.allSettled(calls),
  };
}

/**
 * Runs a cloud assembly on this machine: its bundles in processes, its machines, and the services they call on
 * 127.0.0.1, each function and machine with credentials of its own.
 */
export async function createLocalRuntime(options: LocalRuntimeOptions): Promise<LocalRuntime> {
  const { assembly, clock } = options;
  const authorize = options.authorize ?? policyAuthorization(assembly, loadPolicies(assembly));
  const { region } = assembly;
  if (options.s3Upstream === undefined) await mkdir(options.lakeDirectory, { recursive: true });
  const principals = new Principals();
  const principalOf = (accessKeyId: string) => principals.ofAccessKey(accessKeyId);
  const common = { region, clock, principalOf, authorize };
  const secretValues = new Map(Object.entries(options.secrets));
  const s3Options = {
    clock,
    region,
    principals: principalOf,
    buckets: assembly.buckets,
    authorize: ({ principal, action, resource }: S3AccessRequest) =>
      authorize({ principal, action, resource }),
  };
  const { s3Upstream } = options;
  const service =
    s3Upstream === undefined
      ? createS3Service({ ...s3Options, directory: options.lakeDirectory })
      : createForwardingS3Service({ ...s3Options, upstream: s3Upstream });
  const wrap = (name: LocalServiceName, handle: StandInHandler) =>
    options.wrapService?.(name, handle) ?? handle;
  const s3 = trackCalls(service.handle);
  const s3Handler = wrap('s3', s3.handle);

  const functions = createFunctionHost({
    functions: assembly.functions,
    clock,
    environment: (configuration) =>
      functionEnvironment(configuration, region, principals.ofRole(configuration.roleArn), servers.endpoints),
    compileCacheDirectory: join(assembly.directory, '.compile-cache'),
    ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
    ...(options.stallMilliseconds === undefined ? {} : { stallMilliseconds: options.stallMilliseconds }),
  });
  const access = createMachineAccess({ assembly, principals, authorize });
  const machineS3 = { handle: s3Handler, clock, region };
  const runner = createRunner({
    clock,
    invoke: createTaskInvoker({ functions, access, s3: machineS3, executions: () => executions }),
    mapRunRefusal: access.mapRunRefusal,
    objects: (executionArn) => machineObjects(machineS3, access.principalOf(executionArn)),
    random: seededRandom(options.seed ?? 1),
    region,
    accountId: assembly.accountId,
  });
  const executions = new ExecutionRegistry({ machines: assembly.machines, runner, clock });
  const servers = await startServers({
    s3: s3Handler,
    secretsManager: wrap(
      'secretsManager',
      createSecretsService({ ...common, secrets: assembly.secrets, values: secretValues }),
    ),
    stepFunctions: wrap('stepFunctions', createStepFunctionsService({ ...common, executions })),
  });

  const hold = () => (clock instanceof VirtualClock ? clock.hold() : () => {});
  async function invokeFunction(nameOrArn: string, payload: unknown): Promise<unknown> {
    const release = hold();
    try {
      return await functions.invoke(nameOrArn, payload);
    } finally {
      release();
    }
  }
  const schedules = new ScheduleRunner({
    assembly,
    clock,
    executions,
    principals,
    authorize,
    invoke: invokeFunction,
  });
  const standstill = new Standstill(clock);

  return {
    functions,
    principals,
    s3Endpoint: servers.endpoints.s3,
    get executions() {
      return executions.list();
    },
    setSecret: (arn, value) => void secretValues.set(arn, value),
    startExecution(machineName, input, executionName) {
      standstill.end();
      return executions.start(assembly.machine(machineName).arn, input, executionName);
    },
    stopExecution: (executionArn, error, cause) => executions.stop(executionArn, error, cause),
    invokeFunction(nameOrArn, payload) {
      standstill.end();
      return invokeFunction(nameOrArn, payload);
    },
    runSchedules(until, report = {}) {
      standstill.end();
      return schedules.run(until, report);
    },
    async waitForExecutions(until) {
      const over = new AbortController();
      const settled = executions.settled().then(() => 'all-ended' as const);
      const late = clock
        .sleep(until - clock.now(), over.signal)
        .then(() => 'time-is-over' as const)
        .catch(() => settled);
      standstill.end();
      const outcome = await Promise.race([settled, late]);
      standstill.begin();
      over.abort();
      return outcome;
    },
    async close() {
      await executions.stopAll();
      standstill.end();
      await functions.close();
      await servers.close();
      await s3.settled();
      await service.close();
    },
  };
}
