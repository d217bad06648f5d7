import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cancelRequest } from '../../lambdas/lib/account-data/cancel-request.ts';
import { checkStatus } from '../../lambdas/lib/account-data/check-status.ts';
import * as contracts from '../../lambdas/lib/account-data/contracts.ts';
import type { CancelDeps } from '../../lambdas/lib/account-data/deps.ts';
import { fetchArchives } from '../../lambdas/lib/account-data/fetch-archives.ts';
import { type Grant, grant as grantSchema, readGrant } from '../../lambdas/lib/account-data/grant.ts';
import { submitRequest } from '../../lambdas/lib/account-data/submit-request.ts';
import { unpackArchives } from '../../lambdas/lib/account-data/unpack/unpack-archives.ts';
import { DEFAULT_UNPACK_LIMITS } from '../../lambdas/lib/account-data/unpack-limits.ts';
import type { Transport } from '../../lambdas/lib/apple/transport.ts';
import { jsonText, type ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { grantKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { accountDataDepsFactory } from '../../lambdas/lib/runtime/account-data-deps.ts';
import type { Clock } from '../../lambdas/lib/runtime/clock.ts';
import type { Log } from '../../lambdas/lib/runtime/log.ts';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import {
  createSimulatedAccountData,
  type SimulatedAccountData,
} from '../../local/apple/account-data/simulated-account-data.ts';
import { type ExecutionResult, StepFunctionsTaskError, type TaskCall } from '../../local/asl/runner.ts';
import { VirtualClock } from '../../local/clock.ts';
import { InProcessS3 } from './in-process-s3.ts';
import { standInTransport } from './in-process-transport.ts';
import { InvocationTime } from './invocation-time.ts';
import { NamedExecutions } from './named-executions.ts';
import { sentCredentials } from './sent-credentials.ts';

/** Origins as Apple's, so that in-process tests pass the same host rules as production. */
const ORIGINS = {
  accountDataTransfer: 'https://accountdatatransfer.apple.com',
  appDataTransfer: 'https://appdatatransfer.apple.com',
  oauth: 'https://appleid.apple.com',
  assets: 'https://assets.example-cdn.apple.com',
} as const;

const SECRET_ARN = 'data-sharing-secret';
const DEFINITION_FILE = join(
  import.meta.dirname,
  '..',
  '..',
  'statemachines',
  'account-data-transfer.asl.json',
);

/** One call that a function makes to the outside, in the order of their start. */
export interface OutgoingCall {
  readonly kind: 'apple' | 'oauth' | 'asset' | 's3' | 'secret' | 'states';
  readonly what: string;
}

/** Dies at one outgoing call: before it is made, or after it was applied and before its answer is read. */
export interface Death {
  readonly atCall: number;
  readonly when: 'before' | 'after';
  /** Whether every later invocation dies too, until `revive`; else only this one does. */
  readonly wholeRun: boolean;
}

/** The function's process is gone. */
class FunctionDied extends Error {
  override readonly name = 'Runtime.ExitError';
}

interface Invocation {
  readonly time: InvocationTime;
  isDead: boolean;
}

type Flow = (payload: unknown) => Promise<unknown>;

export interface AccountDataWorldOptions {
  readonly scenario: AccountDataScenario;
  readonly startAt?: string;
  readonly renewSeries?: boolean;
  /** Unpacks for real; otherwise unpacking answers at once that it is done. */
  readonly unpacks?: boolean;
}

/** The flows of account data, their machine and the stand-ins of one world, without processes and sockets. */
export class AccountDataWorld {
  readonly clock: VirtualClock;
  readonly apple: SimulatedAccountData;
  /** The personal bucket as the test reads it: its calls are not counted and never die. */
  readonly lake: ObjectStore;
  readonly logLines: { level: string; message: string; fields: unknown }[] = [];
  readonly metrics = new Map<string, number>();
  /** Every answer of a function of the machine, in their order. */
  readonly answers: { readonly step: string; readonly at: number; readonly answer: unknown }[] = [];
  calls: OutgoingCall[] = [];
  /** Called before each outgoing call of a function, to change the world in the middle of a run. */
  beforeCall: (call: OutgoingCall) => Promise<void> | void = () => {};
  /** Length of each invocation. */
  invocationMilliseconds = 900_000;
  secretText: string;
  /** Every credential that a function sent: bearers, fields of token calls, queries of archives' URLs. */
  readonly credentials = new Set<string>();
  /** The bearer of the latest call, for whoever acts at Apple in the middle of a run. */
  latestAuthorization = '';
  readonly #store: ObjectStore;
  readonly #invocation = new AsyncLocalStorage<Invocation>();
  readonly #executions: NamedExecutions;
  readonly #options: AccountDataWorldOptions;
  readonly #s3: InProcessS3;
  #flows: Readonly<Record<string, Flow>>;
  #death: Death | undefined;
  #isCutOff = false;
  /** Functions that run; one whose execution was stopped runs on. */
  readonly #running = new Set<Promise<unknown>>();
  /** Time stands still while the test looks around. */
  #releaseClock: () => void;
  /** Works that let it pass; one may begin inside another. */
  #passings = 0;

  static async create(options: AccountDataWorldOptions): Promise<AccountDataWorld> {
    const clock = new VirtualClock(Date.parse(options.startAt ?? '2026-06-01T06:00:00Z'));
    const apple = await createSimulatedAccountData({ clock, scenario: options.scenario });
    apple.setOrigins({ assets: ORIGINS.assets });
    return new AccountDataWorld(clock, apple, options);
  }

  private constructor(clock: VirtualClock, apple: SimulatedAccountData, options: AccountDataWorldOptions) {
    this.clock = clock;
    this.apple = apple;
    this.#options = options;
    this.#s3 = new InProcessS3(clock, 'personal');
    this.lake = this.#s3.store();
    this.#store = this.#s3.store((request) =>
      this.#outgoing('s3', `${request.method} ${request.target}`, () => this.#s3.handle(request)),
    );
    const { clientPrivateKeyPem, clientKeyId, teamId, clientId } = apple.credentials;
    this.secretText = JSON.stringify({
      privateKey: clientPrivateKeyPem,
      keyId: clientKeyId,
      teamId,
      clientId,
    });
    const definition = readFileSync(DEFINITION_FILE, 'utf8').replace(/\$\{(\w+?)Arn\}/g, '$1');
    this.#executions = new NamedExecutions(clock, JSON.parse(definition), (call) => this.#invoke(call));
    this.#flows = this.#makeFlows();
    this.#releaseClock = clock.hold();
  }

  /** Puts in the grant of a person of the scenario, as an import would; its id is made of the person's number. */
  async importGrant(person = 1, changes: Partial<Grant> = {}): Promise<string> {
    const consented = this.apple.grants[person - 1];
    if (consented === undefined) throw new Error(`The scenario has no person ${person}`);
    const grantId = grantIdOf(person);
    const value = grantSchema.parse({ grantId, ...consented, status: 'active', series: [], ...changes });
    await this.lake.writeText(grantKey(grantId), jsonText(value));
    return grantId;
  }

  grantOf(grantId: string): Promise<Grant> {
    return readGrant(this.lake, grantId);
  }

  /** Starts the machine for an instance, under its own name unless told. */
  start(grantId: string, { series = 1, instance = 1, name = '' } = {}): void {
    const input = { grantId, series, instance };
    this.#executions.start(name === '' ? contracts.executionName(input) : name, input);
  }

  /** Waits until no execution and no function runs any more and returns the results by name. */
  async settled(): Promise<ReadonlyMap<string, ExecutionResult>> {
    await this.#whileTimePasses(async () => {
      for (;;) {
        const { running } = this.#executions;
        if (running.length === 0 && this.#running.size === 0) return;
        await Promise.all(running);
        await Promise.allSettled(this.#running);
      }
    });
    return this.results;
  }

  /** Results of the executions that have ended, by name, in the order of their start. */
  get results(): ReadonlyMap<string, ExecutionResult> {
    return this.#executions.results;
  }

  /** Names of the executions that were started. */
  get executionNames(): readonly string[] {
    return this.#executions.names;
  }

  /** Lets executions run, and time with them, until `time`. */
  async advanceTo(time: number | string): Promise<void> {
    const milliseconds = typeof time === 'string' ? Date.parse(time) : time;
    await this.#whileTimePasses(() => this.clock.sleep(milliseconds - this.clock.now()));
  }

  /** Lets executions run for so many days. */
  async advanceDays(days: number): Promise<void> {
    await this.advanceTo(this.clock.now() + days * 86_400_000);
  }

  /** Runs one function outside any execution and returns what it returns. */
  callFunction(name: string, payload: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.clock.whileHeld(() => this.#whileTimePasses(() => this.#run(name, payload)));
  }

  /** Plans a death; outgoing calls count from now on. */
  plan(death: Death | undefined): void {
    this.calls = [];
    this.#death = death;
    this.#isCutOff = false;
  }

  /** What died lives again; what functions keep in memory is forgotten. */
  revive(): void {
    this.#death = undefined;
    this.#isCutOff = false;
    this.#flows = this.#makeFlows();
  }

  /** Every object under the prefixes, as text of its bytes in hex, by key. */
  async contents(...prefixes: string[]): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const prefix of prefixes) {
      for (const key of await this.lake.list(prefix)) {
        found[key] = this.#s3.bytes(key).toString('hex');
      }
    }
    return found;
  }

  async close(): Promise<void> {
    this.#executions.stopAll();
    await this.settled();
    await this.#s3.close();
  }

  async #whileTimePasses<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#passings === 0) this.#releaseClock();
    this.#passings += 1;
    try {
      return await work();
    } finally {
      this.#passings -= 1;
      if (this.#passings === 0) this.#releaseClock = this.clock.hold();
    }
  }

  /** Counts a call and, at the chosen one, ends the function; a dead function makes no further calls. */
  async #outgoing<Result>(
    kind: OutgoingCall['kind'],
    what: string,
    make: () => Promise<Result>,
  ): Promise<Result> {
    const invocation = this.#currentInvocation();
    if (invocation.isDead || this.#isCutOff) throw new FunctionDied('the function is gone');
    const call = { kind, what: what.replace(/\?.*$/s, '') };
    const index = this.calls.push(call) - 1;
    await this.beforeCall(call);
    const strikes = this.#death?.atCall === index;
    const die = (when: Death['when']) => {
      if (!strikes || this.#death?.when !== when) return;
      invocation.isDead = true;
      this.#isCutOff = this.#death.wholeRun;
      throw new FunctionDied(`died ${when} call ${index}`);
    };
    die('before');
    const result = await invocation.time.waitFor(make);
    die('after');
    return result;
  }

  #currentInvocation(): Invocation {
    const current = this.#invocation.getStore();
    if (current === undefined) throw new Error('only functions call out');
    return current;
  }

  readonly #sendToApple = standInTransport((url) => {
    const host = Object.entries(ORIGINS).find(([, origin]) => origin === url.origin)?.[0];
    if (host === undefined) throw new Error(`Nobody answers at ${url.origin}`);
    return this.apple[host as keyof typeof ORIGINS];
  });

  readonly #transport: Transport = (request) => {
    const { origin, pathname } = request.url;
    this.latestAuthorization = request.headers.authorization ?? this.latestAuthorization;
    for (const credential of sentCredentials(request)) this.credentials.add(credential);
    const kind = origin === ORIGINS.oauth ? 'oauth' : origin === ORIGINS.assets ? 'asset' : 'apple';
    return this.#outgoing(kind, `${request.method} ${pathname}`, () => this.#sendToApple(request));
  };

  async #run(name: string, payload: unknown): Promise<unknown> {
    const running = this.#runToItsEnd(name, payload);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #runToItsEnd(name: string, payload: unknown): Promise<unknown> {
    const flow = this.#flows[name];
    if (flow === undefined) throw new Error(`No such function: ${name}`);
    const invocation: Invocation = { time: new InvocationTime(this.clock), isDead: false };
    try {
      // What travels between functions is JSON, nothing else.
      const answer: unknown = JSON.parse(
        JSON.stringify(await this.#invocation.run(invocation, () => flow(payload))),
      );
      this.answers.push({ step: name, at: this.clock.now(), answer });
      return answer;
    } catch (error) {
      throw invocation.isDead || this.#isCutOff ? new FunctionDied('the function is gone') : error;
    }
  }

  async #invoke(call: TaskCall): Promise<unknown> {
    const { FunctionName, Payload } = call.arguments as { FunctionName: string; Payload: unknown };
    try {
      return {
        ExecutedVersion: '$LATEST',
        Payload: await this.#run(FunctionName, Payload),
        StatusCode: 200,
      };
    } catch (error) {
      const { name, message } = error as Error;
      throw new StepFunctionsTaskError({
        error: name,
        cause: JSON.stringify({ errorType: name, errorMessage: message }),
      });
    }
  }

  #makeFlows(): Readonly<Record<string, Flow>> {
    const clock: Clock = {
      now: () => this.clock.now(),
      sleep: (milliseconds, signal) => this.#currentInvocation().time.sleep(milliseconds, signal),
    };
    const metrics = {
      count: (name: string, value: number) => {
        this.metrics.set(name, (this.metrics.get(name) ?? 0) + value);
      },
    };
    const depsOf = accountDataDepsFactory(
      {
        baseUrls: {
          'account-data': ORIGINS.accountDataTransfer,
          'app-data': ORIGINS.appDataTransfer,
          oauth: ORIGINS.oauth,
        },
        trustedOrigins: [],
        assetHosts: [],
        dataSharingSecretArn: SECRET_ARN,
        renewSeries: this.#options.renewSeries ?? false,
        transport: this.#transport,
        lookup: async () => [{ address: '17.253.144.10', family: 4 }],
        clock,
        metrics,
        random: () => 0,
        readSecret: (arn) => this.#outgoing('secret', arn, async () => this.secretText),
      },
      { store: this.#store, grants: this.#store },
    );
    const deps = () => depsOf({ deadline: clock.now() + this.invocationMilliseconds, log: this.#log });
    const cancelDeps = (): CancelDeps => ({
      ...deps(),
      stopExecution: (name) =>
        this.#outgoing('states', `stop ${name}`, async () => this.#executions.stop(name)),
      startExecution: (name, input) =>
        this.#outgoing('states', `start ${name}`, async () => {
          if (!this.#executions.names.includes(name)) this.#executions.start(name, input);
        }),
    });
    return {
      SubmitRequest: (p) => submitRequest(deps(), contracts.submitRequest.input.parse(p)),
      CheckStatus: (p) => checkStatus(deps(), contracts.checkStatus.input.parse(p)),
      FetchArchives: (p) => fetchArchives(deps(), contracts.fetchArchives.input.parse(p)),
      UnpackArchives: async (p) =>
        this.#options.unpacks === true
          ? unpackArchives(
              { ...deps(), limits: DEFAULT_UNPACK_LIMITS },
              contracts.unpackArchives.input.parse(p),
            )
          : { phase: 'unpacked', cursor: null, outcome: 'unpacked' },
      CancelRequest: (p) => cancelRequest(cancelDeps(), contracts.cancelRequest.input.parse(p)),
    };
  }

  readonly #log: Log = {
    info: (message, fields) => this.logLines.push({ level: 'info', message, fields }),
    warn: (message, fields) => this.logLines.push({ level: 'warn', message, fields }),
    error: (message, fields) => this.logLines.push({ level: 'error', message, fields }),
  };
}

/** The id that a world gives to the grant of a person, by the person's number. */
export function grantIdOf(person: number): string {
  return `00000000-0000-4000-8000-${String(person).padStart(12, '0')}`;
}
