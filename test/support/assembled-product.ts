import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Granularity } from '../../lambdas/lib/analytics/contracts.ts';
import type { Scenario } from '../../local/apple/scenario.ts';
import { createSimulatedApple, type SimulatedApple } from '../../local/apple/simulated-apple.ts';
import { loadAssembly } from '../../local/assembly/load.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import { secretOf } from '../../local/assembly/secrets.ts';
import type { Authorize } from '../../local/aws-json/json-service.ts';
import { VirtualClock } from '../../local/clock.ts';
import { type StandInHandler, serve } from '../../local/http.ts';
import { createLocalRuntime, type LocalRuntime } from '../../local/runtime.ts';
import { ACCOUNT_NAME, ORIGINS_TO_FILL_IN } from './product-assembly.ts';

/** One small world: its own Apple, lake, clock and processes. */
export interface AssembledWorld {
  readonly apple: SimulatedApple;
  readonly clock: VirtualClock;
  readonly runtime: LocalRuntime;
  readonly lakeDirectory: string;
  /** Starts analytics-sync with the input of its schedule and waits for its end. */
  sync(executionName: string): Promise<Awaited<ReturnType<LocalRuntime['startExecution']>['result']>>;
  close(): Promise<void>;
}

export interface AssembledWorldOptions {
  readonly scenario: Scenario;
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Stands before every server that a function can call: S3, secrets, Step Functions, Apple's two hosts. */
  wrap?(handle: StandInHandler): StandInHandler;
  /** Instead of the assembly's own policies. */
  readonly authorize?: Authorize;
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

interface Origins {
  readonly api: string;
  readonly downloads: string;
}

interface ScheduleInput {
  readonly account: Readonly<Record<string, unknown>>;
}

const nobody: StandInHandler = async () => ({ status: 500, headers: {}, body: 'no world is open' });

/** The assembly as it would have been synthesized for these origins and this account. */
export function filledIn(assembly: Assembly, origins: Origins, account: ProductAccount): Assembly {
  const fillIn = (value: string) =>
    value
      .replaceAll(ORIGINS_TO_FILL_IN.api, origins.api)
      .replaceAll(ORIGINS_TO_FILL_IN.downloads, origins.downloads);
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
      return { ...schedule, input: { ...input, account: { ...input.account, ...account } } };
    }),
  };
}

/** `assemblyDirectory` holds what `synthesizeProduct` made; it is only read. One world is open at a time. */
export async function assembledProduct(
  assemblyDirectory: string,
  account: ProductAccount,
): Promise<AssembledProduct> {
  let handlers = { api: nobody, downloads: nobody };
  const synthesized = await loadAssembly(assemblyDirectory);
  const api = await serve((request) => handlers.api(request));
  const downloads = await serve((request) => handlers.downloads(request));
  const origins = { api: api.origin, downloads: downloads.origin };
  const assembly = filledIn(synthesized, origins, account);
  const directory = await mkdtemp(join(tmpdir(), 'assembled-product-'));

  function secrets({ credentials }: SimulatedApple): Record<string, string> {
    const { issuerId } = credentials;
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
    };
  }

  return {
    assembly,
    async world({ scenario, start, wrap = (handle) => handle, authorize }) {
      const clock = new VirtualClock(start);
      const apple = await createSimulatedApple({ clock, scenario });
      apple.setOrigins(origins);
      handlers = { api: wrap(apple.api), downloads: wrap(apple.downloads) };
      const lakeDirectory = await mkdtemp(join(directory, 'lake-'));
      const runtime = await createLocalRuntime({
        assembly,
        lakeDirectory,
        clock,
        secrets: secrets(apple),
        wrapService: (_, handle) => wrap(handle),
        ...(authorize === undefined ? {} : { authorize }),
      });
      return {
        apple,
        clock,
        runtime,
        lakeDirectory,
        sync: (name) => runtime.startExecution('analytics-sync', assembly.schedules[0]?.input, name).result,
        async close() {
          handlers = { api: nobody, downloads: nobody };
          await runtime.close();
        },
      };
    },
    async close() {
      await Promise.all([api.close(), downloads.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
