import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Granularity } from '../../lambdas/lib/analytics/contracts.ts';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import {
  createSimulatedAccountData,
  type SimulatedAccountData,
} from '../../local/apple/account-data/simulated-account-data.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import { createSimulatedApple, type SimulatedApple } from '../../local/apple/simulated-apple.ts';
import { loadAssembly } from '../../local/assembly/load.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import { secretOf } from '../../local/assembly/secrets.ts';
import type { Authorize } from '../../local/aws-json/json-service.ts';
import { VirtualClock } from '../../local/clock.ts';
import { dataSharingSecret, operatorAuthorization } from '../../local/commands/account-data-machine.ts';
import { type RunningServer, type StandInHandler, serve } from '../../local/http.ts';
import { createLocalRuntime, type LocalRuntime } from '../../local/runtime.ts';
import { ACCOUNT_NAME, ORIGINS_TO_FILL_IN, type Origins } from './product-assembly.ts';

/** One small world: its own Apple, lake, clock and processes. */
export interface AssembledWorld {
  readonly apple: SimulatedApple;
  /** Apple's other services, with the people of the options. */
  readonly accountData: SimulatedAccountData;
  readonly clock: VirtualClock;
  readonly runtime: LocalRuntime;
  readonly lakeDirectory: string;
  /** Starts analytics-sync with the input of its schedule and waits for its end. */
  sync(executionName: string): Promise<Awaited<ReturnType<LocalRuntime['startExecution']>['result']>>;
  close(): Promise<void>;
}

export interface AssembledWorldOptions {
  readonly scenario: Scenario;
  readonly accountData?: AccountDataScenario;
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Stands before every server that a function can call: S3, secrets, Step Functions, Apple's hosts. */
  wrap?(handle: StandInHandler): StandInHandler;
  /** Instead of the assembly's own policies, with which an operator may do everything. */
  readonly authorize?: Authorize;
  /** Of machines by name, instead of the assembly's own. */
  readonly definitions?: Readonly<Record<string, unknown>>;
}

/** What of the account a test chooses: it stands in the schedule's input and nowhere else in the assembly. */
export interface ProductAccount {
  readonly reports: readonly string[];
  readonly granularities: readonly Granularity[];
  readonly concurrency: number;
  readonly callsInFlight?: number;
}

/** The product on Apple's hosts at 127.0.0.1, for as many worlds as a test needs. */
export interface AssembledProduct {
  readonly assembly: Assembly;
  world(options: AssembledWorldOptions): Promise<AssembledWorld>;
  close(): Promise<void>;
}

interface ScheduleInput {
  /** Only where the schedule is one of analytics. */
  readonly account?: Readonly<Record<string, unknown>>;
}

const nobody: StandInHandler = async () => ({ status: 500, headers: {}, body: 'no world is open' });

function nobodyAnywhere(): Record<keyof Origins, StandInHandler> {
  return {
    api: nobody,
    downloads: nobody,
    accountDataTransfer: nobody,
    appDataTransfer: nobody,
    oauth: nobody,
    assets: nobody,
  };
}

/** Where an assembly's schedules start analytics-sync. */
function analyticsInput(assembly: Assembly): unknown {
  return assembly.schedules.find(({ input }) => (input as ScheduleInput).account !== undefined)?.input;
}

/** The assembly as it would have been synthesized for these origins and this account. */
export function filledIn(assembly: Assembly, origins: Origins, account: ProductAccount): Assembly {
  const places = Object.keys(ORIGINS_TO_FILL_IN) as (keyof Origins)[];
  const fillIn = (value: string) =>
    places.reduce((text, place) => text.replaceAll(ORIGINS_TO_FILL_IN[place], origins[place]), value);
  return {
    ...assembly,
    functions: assembly.functions.map(({ environment, ...rest }) => ({
      ...rest,
      environment: Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, fillIn(value)]),
      ),
    })),
    schedules: assembly.schedules.map((schedule) => {
      const input = schedule.input as ScheduleInput;
      if (input.account === undefined) return schedule;
      return { ...schedule, input: { ...input, account: { ...input.account, ...account } } };
    }),
  };
}

/** The assembly with other definitions of the machines that are named. */
function withDefinitions(assembly: Assembly, definitions: Readonly<Record<string, unknown>>): Assembly {
  const machines = assembly.machines.map((machine) => ({
    ...machine,
    definition: definitions[machine.name] ?? machine.definition,
  }));
  return { ...assembly, machines };
}

/** `assemblyDirectory` holds what `synthesizeProduct` made; it is only read. One world is open at a time. */
export async function assembledProduct(
  assemblyDirectory: string,
  account: ProductAccount,
): Promise<AssembledProduct> {
  let handlers = nobodyAnywhere();
  const synthesized = await loadAssembly(assemblyDirectory);
  const servers: RunningServer[] = [];
  const listen = async (host: keyof Origins): Promise<string> => {
    const server = await serve((request) => handlers[host](request));
    servers.push(server);
    return server.origin;
  };
  const origins: Origins = {
    api: await listen('api'),
    downloads: await listen('downloads'),
    accountDataTransfer: await listen('accountDataTransfer'),
    appDataTransfer: await listen('appDataTransfer'),
    oauth: await listen('oauth'),
    assets: await listen('assets'),
  };
  const assembly = filledIn(synthesized, origins, account);
  const directory = await mkdtemp(join(tmpdir(), 'assembled-product-'));

  function secrets({ credentials }: SimulatedApple, accountData: SimulatedAccountData) {
    const { issuerId } = credentials;
    const { clientPrivateKeyPem, clientKeyId, teamId, clientId } = accountData.credentials;
    const dataSharing = { privateKey: clientPrivateKeyPem, keyId: clientKeyId, teamId, clientId };
    return {
      [secretOf(assembly, ACCOUNT_NAME, 'reader')]: JSON.stringify({
        privateKey: credentials.readerPrivateKeyPem,
        keyId: credentials.readerKeyId,
        issuerId,
      }),
      [secretOf(assembly, ACCOUNT_NAME, 'admin')]: JSON.stringify({
        privateKey: credentials.adminPrivateKeyPem,
        keyId: credentials.adminKeyId,
        issuerId,
      }),
      ...dataSharingSecret(assembly, JSON.stringify(dataSharing)),
    };
  }

  return {
    assembly,
    async world({
      scenario,
      accountData: people,
      start,
      wrap = (handle) => handle,
      authorize,
      definitions = {},
    }) {
      const clock = new VirtualClock(start);
      const apple = await createSimulatedApple({ clock, scenario });
      const accountData = await createSimulatedAccountData({
        clock,
        ...(people === undefined ? {} : { scenario: people }),
      });
      apple.setOrigins(origins);
      accountData.setOrigins(origins);
      handlers = {
        api: wrap(apple.api),
        downloads: wrap(apple.downloads),
        accountDataTransfer: wrap(accountData.accountDataTransfer),
        appDataTransfer: wrap(accountData.appDataTransfer),
        oauth: wrap(accountData.oauth),
        assets: wrap(accountData.assets),
      };
      const lakeDirectory = await mkdtemp(join(directory, 'lake-'));
      const runtime = await createLocalRuntime({
        assembly: withDefinitions(assembly, definitions),
        lakeDirectory,
        clock,
        secrets: secrets(apple, accountData),
        wrapService: (_, handle) => wrap(handle),
        authorize: authorize ?? operatorAuthorization(assembly),
      });
      return {
        apple,
        accountData,
        clock,
        runtime,
        lakeDirectory,
        sync: (name) => runtime.startExecution('analytics-sync', analyticsInput(assembly), name).result,
        async close() {
          handlers = nobodyAnywhere();
          await runtime.close();
        },
      };
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
