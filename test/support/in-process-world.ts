import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { releaseAccountLease, takeAccountLease } from '../../lambdas/lib/analytics/account-lease.ts';
import type { FlowDeps } from '../../lambdas/lib/analytics/app-step.ts';
import * as contracts from '../../lambdas/lib/analytics/contracts.ts';
import type { CurateDeps } from '../../lambdas/lib/analytics/curate-instance.ts';
import { curateInstances } from '../../lambdas/lib/analytics/curate-instances.ts';
import { ensureReportRequests } from '../../lambdas/lib/analytics/ensure-report-requests.ts';
import { landSegments } from '../../lambdas/lib/analytics/land-segments.ts';
import { listApps } from '../../lambdas/lib/analytics/list-apps.ts';
import { listNewInstances } from '../../lambdas/lib/analytics/list-new-instances.ts';
import { replaceStoppedRequest } from '../../lambdas/lib/analytics/replace-stopped-request.ts';
import { summarizeRun } from '../../lambdas/lib/analytics/summarize-run.ts';
import type { Transport } from '../../lambdas/lib/apple/transport.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import type { Clock } from '../../lambdas/lib/runtime/clock.ts';
import { type AppleAccess, flowDepsFactory } from '../../lambdas/lib/runtime/flow-deps.ts';
import type { Log } from '../../lambdas/lib/runtime/log.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import { createSimulatedApple, type SimulatedApple } from '../../local/apple/simulated-apple.ts';
import {
  createRunner,
  type ExecutionResult,
  StepFunctionsTaskError,
  seededRandom,
  type TaskCall,
} from '../../local/asl/runner.ts';
import { VirtualClock } from '../../local/clock.ts';
import type { StandInHandler, StandInRequest, StandInResponse } from '../../local/http.ts';
import { s3RequestHandler } from '../../local/s3/request-handler.ts';
import { createS3Service } from '../../local/s3/service.ts';
import { standInTransport } from './in-process-transport.ts';
import { InvocationTime } from './invocation-time.ts';
import { promptRetries } from './prompt-retries.ts';

/** Origins as Apple's, so that in-process tests pass the same host rules as production. */
const API_ORIGIN = 'https://api.appstoreconnect.apple.com';
const DOWNLOAD_ORIGIN = 'https://asp-us-west-2.s3.us-west-2.amazonaws.com';
const BUCKET = 'analytics';
const MACHINE_ARN = 'arn:aws:states:us-east-1:111111111111:stateMachine:analytics-sync';
const DEFINITION = join(import.meta.dirname, '..', '..', 'statemachines', 'analytics-sync.asl.json');

// The SDK warns about the refusals that tests ask for.
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** One call that a function makes to the outside, in the order of their start. */
export interface OutgoingCall {
  readonly kind: 'apple' | 'download' | 's3' | 'secret' | 'states';
  readonly what: string;
}

/** Dies at one outgoing call: before it is made, or after it was applied and before its answer is read. */
export interface Death {
  readonly atCall: number;
  readonly when: 'before' | 'after';
  /** Whether every later invocation dies too, as when the account is cut off; else only this one does. */
  readonly wholeRun: boolean;
}

type Flows = Readonly<Record<string, (payload: unknown) => Promise<unknown>>>;

/** The function's process is gone: no state machine profile matches it in these tests. */
class FunctionDied extends Error {
  override readonly name = 'Runtime.ExitError';
}

export interface WorldOptions {
  readonly scenario: Scenario;
  readonly startAt: string;
  readonly account?: Partial<contracts.Account>;
  readonly seed?: number;
  /** Tries of the functions' S3 client; 1 unless told, production has the SDK's 3. */
  readonly s3Attempts?: number;
  /** How far the functions' clock is ahead of everybody else's; may be negative. */
  readonly clockSkewMilliseconds?: number;
  /** Time-outs of the clients for Apple, in real milliseconds; their own unless told. */
  readonly timeouts?: AppleAccess['timeouts'];
  /** Instead of the product's own. */
  readonly curateDelivery?: CurateDeps['curateDelivery'];
}

/** Stands for curation where a test is about what comes before it: no file holds a Date. */
export const curateNothing: CurateDeps['curateDelivery'] = async () => ({
  dates: [],
  unknownColumns: [],
  missingColumns: [],
});

/** A request to S3 on its way: the answer of `next`, or another one, or an error instead. */
export type S3Interception = (request: StandInRequest, next: StandInHandler) => Promise<StandInResponse>;

/** The flows, the ASL and the stand-ins of one world, without processes and sockets. */
export class InProcessWorld {
  readonly clock: VirtualClock;
  readonly apple: SimulatedApple;
  readonly store: ObjectStore;
  readonly account: contracts.Account;
  readonly directory: string;
  readonly logLines: { level: string; message: string; fields: unknown }[] = [];
  readonly metrics = new Map<string, number>();
  /** Outgoing calls of the functions since the last `startExecution`. */
  calls: OutgoingCall[] = [];
  /** Texts of the secrets by ARN; what is put there is read at the next mint. */
  readonly secrets: Map<string, string>;
  /** Length of each invocation. */
  invocationMilliseconds = 900_000;
  /** Called before each outgoing call of a function, to change the world in the middle of a run. */
  beforeCall: (call: OutgoingCall) => Promise<void> | void = () => {};
  /** Stands between the functions and S3. */
  interceptS3: S3Interception = (request, next) => next(request);
  readonly #options: WorldOptions;
  readonly #statusOf = new Map<string, () => string>();
  readonly #invocation = new AsyncLocalStorage<InvocationTime>();
  /** Made once an execution, as a warm function keeps its tokens. */
  #flows: Flows = {};
  #death: Death | undefined;
  #dead = false;
  readonly #closeS3: () => Promise<void>;
  readonly #rawStore: ObjectStore;
  readonly #s3: StandInHandler;

  static async create(options: WorldOptions): Promise<InProcessWorld> {
    const clock = new VirtualClock(Date.parse(options.startAt));
    const apple = await createSimulatedApple({ clock, seed: options.seed ?? 1, scenario: options.scenario });
    apple.setOrigins({ api: API_ORIGIN, downloads: DOWNLOAD_ORIGIN });
    return new InProcessWorld(clock, apple, options);
  }

  private constructor(clock: VirtualClock, apple: SimulatedApple, options: WorldOptions) {
    this.clock = clock;
    this.apple = apple;
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), 'in-process-world-'));
    const principal = { name: 'tests', accessKeyId: 'AKIATESTS', secretAccessKey: 'tests-only' };
    const service = createS3Service({
      directory: this.directory,
      clock,
      region: 'us-east-1',
      principals: () => principal,
      buckets: [{ name: BUCKET, versioned: true }],
    });
    this.#s3 = service.handle;
    this.#closeS3 = () => service.close();
    const clientOf = (handle: StandInHandler, maxAttempts: number) => {
      const client = new S3Client({
        region: 'us-east-1',
        endpoint: 'http://127.0.0.1',
        forcePathStyle: true,
        credentials: principal,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        maxAttempts,
        retryStrategy: promptRetries(maxAttempts),
        logger: SILENT,
        requestHandler: s3RequestHandler(withoutDate(handle)),
      });
      // Signatures carry virtual time, which runs away from the machine's.
      client.middlewareStack.add(
        (next) => (input) => {
          client.config.systemClockOffset = clock.now() - Date.now();
          return next(input);
        },
        { step: 'initialize' },
      );
      return client;
    };
    this.#rawStore = objectStore(clientOf(this.#s3, 1), BUCKET);
    const counted: StandInHandler = (request) =>
      this.#outgoing('s3', `${request.method} ${request.target}`, () => this.interceptS3(request, this.#s3));
    this.store = objectStore(clientOf(counted, options.s3Attempts ?? 1), BUCKET);
    const { issuerId, ...keys } = apple.credentials;
    this.secrets = new Map([
      ['reader-secret', secretText(keys.readerPrivateKeyPem, keys.readerKeyId, issuerId)],
      ['admin-secret', secretText(keys.adminPrivateKeyPem, keys.adminKeyId, issuerId)],
    ]);
    this.account = contracts.account.parse({
      name: 'main',
      readerSecretArn: 'reader-secret',
      adminSecretArn: 'admin-secret',
      apps: 'all',
      reports: ['App Downloads Standard', 'App Store Discovery and Engagement Standard'],
      granularities: ['DAILY', 'WEEKLY', 'MONTHLY'],
      backfill: 'none',
      callBudgetReserve: 0.2,
      concurrency: 1,
      callsInFlight: 4,
      ...options.account,
    });
  }

  /** The store as the test reads it: its calls are not counted and never die. */
  get lake(): ObjectStore {
    return this.#rawStore;
  }

  /** Runs the machine once, as a schedule would; a death ends the function it strikes, and the execution with it. */
  async startExecution(name: string, death?: Death): Promise<ExecutionResult> {
    this.calls = [];
    this.#death = death;
    this.#dead = false;
    this.#flows = this.#makeFlows();
    const runner = createRunner({
      clock: this.clock,
      invoke: (call) => this.#invoke(call),
      random: seededRandom(7),
      region: 'us-east-1',
      accountId: '111111111111',
    });
    const execution = runner.startExecution({
      definition: this.#definition(),
      input: { account: this.account },
      name,
      stateMachineArn: MACHINE_ARN,
    });
    this.#statusOf.set(execution.executionArn, () => String(execution.status()));
    const result = await execution.result;
    this.#statusOf.set(execution.executionArn, () => result.status);
    return result;
  }

  /** Runs one function outside any execution and returns what it returns. */
  async callFunction(name: string, payload: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.calls = [];
    const flow = this.#makeFlows()[name];
    if (flow === undefined) throw new Error(`No such function: ${name}`);
    return this.clock.whileHeld(() =>
      this.#invocation.run(new InvocationTime(this.clock), () =>
        flow({ account: this.account, execution: 'by-hand', ...payload }),
      ),
    );
  }

  /** Lets time pass inside the function that makes the present call; for `beforeCall`. */
  takeTime(milliseconds: number): Promise<void> {
    return this.#currentInvocation().sleep(milliseconds);
  }

  /** Moves time on while nothing runs. */
  async advanceTo(time: string): Promise<void> {
    await this.clock.sleep(Date.parse(time) - this.clock.now());
  }

  /** Every object under the prefixes, as text of its bytes in hex, by key. */
  async contents(...prefixes: string[]): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const prefix of prefixes) {
      for (const key of await this.lake.list(prefix)) {
        found[key] = readFileSync(join(this.directory, BUCKET, key)).toString('hex');
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#closeS3();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #definition(): unknown {
    return JSON.parse(readFileSync(DEFINITION, 'utf8').replace(/\$\{(\w+?)(Arn|BucketName)\}/g, '$1'));
  }

  /** Counts a call and, at the chosen one, ends the function; a dead function makes no further calls. */
  async #outgoing<Result>(
    kind: OutgoingCall['kind'],
    what: string,
    make: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#dead) throw new FunctionDied('the function is gone');
    const call = { kind, what: what.replace(/\?.*$/s, '') };
    const index = this.calls.push(call) - 1;
    await this.beforeCall(call);
    const strikes = this.#death?.atCall === index;
    if (strikes && this.#death?.when === 'before') {
      this.#dead = true;
      throw new FunctionDied(`died before call ${index}`);
    }
    const result = await this.#currentInvocation().waitFor(make);
    if (strikes) {
      this.#dead = true;
      throw new FunctionDied(`died after call ${index}`);
    }
    return result;
  }

  #currentInvocation(): InvocationTime {
    const current = this.#invocation.getStore();
    if (current === undefined) throw new Error('only functions call out');
    return current;
  }

  readonly #sendToApple = standInTransport((url) =>
    url.origin === API_ORIGIN ? this.apple.api : this.apple.downloads,
  );

  readonly #transport: Transport = (request) =>
    this.#outgoing(
      request.url.origin === API_ORIGIN ? 'apple' : 'download',
      `${request.method} ${request.url.pathname}`,
      () => this.#sendToApple(request),
    );

  async #invoke(call: TaskCall): Promise<unknown> {
    if (call.resource === 'arn:aws:states:::aws-sdk:s3:putObject') {
      const { Key, Body } = call.arguments as { Key: string; Body: unknown };
      await this.lake.writeText(Key, JSON.stringify(Body));
      return {};
    }
    const { FunctionName, Payload } = call.arguments as { FunctionName: string; Payload: unknown };
    const flow = this.#flows[FunctionName];
    if (flow === undefined) throw new Error(`No such function: ${FunctionName}`);
    if (this.#death?.wholeRun !== true) this.#dead = false;
    try {
      // What travels between functions is JSON, nothing else.
      const result: unknown = JSON.parse(
        JSON.stringify(await this.#invocation.run(new InvocationTime(this.clock), () => flow(Payload))),
      );
      return { ExecutedVersion: '$LATEST', Payload: result, StatusCode: 200 };
    } catch (error) {
      const { name, message } = this.#dead ? new FunctionDied('the function is gone') : (error as Error);
      throw new StepFunctionsTaskError({
        error: name,
        cause: JSON.stringify({ errorType: name, errorMessage: message }),
      });
    }
  }

  #makeFlows(): Flows {
    const { clockSkewMilliseconds = 0, timeouts } = this.#options;
    const clock: Clock = {
      now: () => this.clock.now() + clockSkewMilliseconds,
      sleep: (milliseconds, signal) => this.#currentInvocation().sleep(milliseconds, signal),
    };
    const depsOf = flowDepsFactory(
      {
        baseUrl: API_ORIGIN,
        trustedOrigins: [],
        transport: this.#transport,
        clock,
        readSecret: (arn) => this.#outgoing('secret', arn, async () => this.secrets.get(arn) ?? ''),
        ...(timeouts === undefined ? {} : { timeouts }),
      },
      this.store,
    );
    const deps = (): FlowDeps =>
      depsOf({ deadline: clock.now() + this.invocationMilliseconds, log: this.#log });
    const curation = (): CurateDeps => ({
      clock,
      log: this.#log,
      store: this.store,
      deadline: clock.now() + this.invocationMilliseconds,
      curateDelivery: this.#options.curateDelivery ?? curateDelivery,
    });
    const lease = {
      clock,
      store: this.store,
      leaseSeconds: 39_600,
      isRunning: (arn: string) =>
        this.#outgoing('states', arn, async () => this.#statusOf.get(arn)?.() === 'RUNNING'),
    };
    const metrics = {
      count: (name: string, value: number) => this.metrics.set(name, value),
      flush: () => {},
    };
    return {
      TakeAccountLease: (p) => takeAccountLease(lease, contracts.takeAccountLease.input.parse(p)),
      ListApps: (p) => listApps(deps(), contracts.listApps.input.parse(p)),
      EnsureReportRequests: (p) =>
        ensureReportRequests(deps(), contracts.ensureReportRequests.input.parse(p)),
      ListNewInstances: (p) => listNewInstances(deps(), contracts.listNewInstances.input.parse(p)),
      LandSegments: (p) => landSegments(deps(), contracts.landSegments.input.parse(p)),
      CurateInstances: (p) => curateInstances(curation(), contracts.curateInstances.input.parse(p)),
      ReplaceStoppedRequest: (p) =>
        replaceStoppedRequest(deps(), contracts.replaceStoppedRequest.input.parse(p)),
      SummarizeRun: (p) =>
        summarizeRun({ store: this.store, metrics, log: this.#log }, contracts.summarizeRun.input.parse(p)),
      ReleaseAccountLease: (p) =>
        releaseAccountLease({ store: this.store }, contracts.releaseAccountLease.input.parse(p)),
    };
  }

  readonly #log: Log = {
    info: (message, fields) => this.logLines.push({ level: 'info', message, fields }),
    warn: (message, fields) => this.logLines.push({ level: 'warn', message, fields }),
    error: (message, fields) => this.logLines.push({ level: 'error', message, fields }),
  };
}

/**
 * The SDK takes the distance between virtual and real time for a wrong clock, and repeats every refusal once it has
 * set its own clock by the Date header.
 */
function withoutDate(handle: StandInHandler): StandInHandler {
  return async (request) => {
    const answer = await handle(request);
    const { date: _, ...headers } = answer.headers;
    return { ...answer, headers };
  };
}

/** The text of a secret as an operator puts it there. */
export function secretText(privateKey: string, keyId: string, issuerId: string): string {
  return JSON.stringify({ privateKey, keyId, issuerId });
}
