import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { type AccountDataScenario, accountDataScenarioSchema } from '../apple/account-data/scenario.ts';
import {
  type ConsentedGrant,
  createSimulatedAccountData,
  type SimulatedAccountData,
} from '../apple/account-data/simulated-account-data.ts';
import { withClockControl } from '../apple/clock-control.ts';
import {
  DEMONSTRATION_START,
  demonstrationScenario,
  withDataOfLastDays,
} from '../apple/demonstration-scenario.ts';
import { type Scenario, ScenarioError, scenarioSchema } from '../apple/scenario.ts';
import { SettableClock } from '../apple/settable-clock.ts';
import { createSimulatedApple, type SimulatedApple } from '../apple/simulated-apple.ts';
import { realClock } from '../clock.ts';
import { type RunningServer, type ServeOptions, type StandInHandler, serve } from '../http.ts';
import { scenarioHelp } from './scenario-help.ts';

interface AppleOptions {
  readonly port: number;
  readonly clock: 'real' | 'virtual';
  readonly scenario?: string;
  readonly dataDays?: number;
  readonly tls?: readonly string[];
}

interface ServeAllOptions {
  /** Of App Store Connect; the other hosts take any free one. */
  readonly port: number;
  readonly tls: Pick<ServeOptions, 'tls'>;
  /** In virtual time: what `/-/clock` sets. */
  readonly clock: SettableClock | undefined;
}

/** What was asked for on the command line cannot be done; printed without a stack. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
    return value;
  };
}

/** What a scenario file describes: App Store Connect, and the people of account data. */
interface Scenarios {
  readonly analytics?: Scenario;
  readonly accountData?: AccountDataScenario;
}

async function readScenarios(file: string | undefined): Promise<Scenarios> {
  if (file === undefined) return {};
  try {
    const document: unknown = JSON.parse(await readFile(file, 'utf8'));
    scenarioSchema.extend({ accountData: accountDataScenarioSchema.optional() }).parse(document);
    const { accountData, ...analytics } = document as Scenario & { accountData?: AccountDataScenario };
    return { analytics, ...(accountData === undefined ? {} : { accountData }) };
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new UsageError(`scenario ${file}: ${z.prettifyError(error)}\nThe fields stand in --help.`);
    throw new UsageError(`scenario ${file} cannot be read as JSON: ${(error as Error).message}`);
  }
}

/** Without a scenario and data days: the demonstration's apps, none of which has a request yet. */
function scenarioFor(given: Scenario | undefined, dataDays: number | undefined, now: number): Scenario {
  if (dataDays !== undefined) return withDataOfLastDays(given ?? {}, dataDays, now);
  if (given !== undefined) return given;
  const { apps } = demonstrationScenario();
  return { apps: apps.map((app) => ({ ...app, requests: [] })) };
}

async function readTls(files: readonly string[] | undefined): Promise<Pick<ServeOptions, 'tls'>> {
  if (files === undefined) return {};
  const [cert, key, ...more] = files;
  if (cert === undefined || key === undefined || more.length > 0)
    throw new UsageError('--tls needs two files: the certificate and its key');
  try {
    return { tls: { cert: await readFile(cert), key: await readFile(key) } };
  } catch (error) {
    throw new UsageError(`--tls: ${(error as Error).message}`);
  }
}

async function writeKeys(directory: string, { credentials }: SimulatedApple) {
  const privateKeyFile = join(directory, `AuthKey_${credentials.readerKeyId}.p8`);
  const adminPrivateKeyFile = join(directory, `AuthKey_${credentials.adminKeyId}.p8`);
  await writeFile(privateKeyFile, credentials.readerPrivateKeyPem, { mode: 0o600 });
  await writeFile(adminPrivateKeyFile, credentials.adminPrivateKeyPem, { mode: 0o600 });
  return {
    issuerId: credentials.issuerId,
    keyId: credentials.readerKeyId,
    privateKeyFile,
    adminKeyId: credentials.adminKeyId,
    adminPrivateKeyFile,
  };
}

async function writeClientKey(directory: string, { credentials }: SimulatedAccountData) {
  const { teamId, clientId, clientKeyId, clientPrivateKeyPem } = credentials;
  const clientKeyFile = join(directory, `AuthKey_${clientKeyId}.p8`);
  await writeFile(clientKeyFile, clientPrivateKeyPem, { mode: 0o600 });
  return { teamId, clientId, clientKeyId, clientKeyFile };
}

/** A line for `npm run grants -- import`; the service is named only where it is not the usual one. */
function grantLine({ service, ...grant }: ConsentedGrant) {
  return service === 'account-data' ? grant : { ...grant, service };
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

/** All hosts of both simulations while they run. */
async function serveAll(apple: SimulatedApple, accountData: SimulatedAccountData, options: ServeAllOptions) {
  const { port, tls, clock } = options;
  const servers: RunningServer[] = [];
  const start = async (handler: StandInHandler, own: ServeOptions = {}): Promise<string> => {
    const server = await serve(handler, { ...own, ...tls });
    servers.push(server);
    return server.origin;
  };
  const origins = {
    appStoreConnect: await start(clock === undefined ? apple.api : withClockControl(apple.api, clock), {
      port,
    }),
    downloads: await start(apple.downloads),
    accountDataTransfer: await start(accountData.accountDataTransfer),
    appDataTransfer: await start(accountData.appDataTransfer),
    oauth: await start(accountData.oauth),
    assets: await start(accountData.assets),
  };
  apple.setOrigins({ api: origins.appStoreConnect, downloads: origins.downloads });
  accountData.setOrigins({ assets: origins.assets });
  return { origins, close: () => Promise.all(servers.map((server) => server.close())) };
}

async function run(options: AppleOptions): Promise<void> {
  const settable = new SettableClock(Date.parse(DEMONSTRATION_START));
  const isVirtual = options.clock === 'virtual';
  const clock = isVirtual ? settable : realClock;
  const given = await readScenarios(options.scenario);
  const scenario = scenarioFor(given.analytics, options.dataDays, clock.now());
  const apple = await createSimulatedApple({ clock, scenario });
  const accountData = await createSimulatedAccountData({
    clock,
    ...(given.accountData === undefined ? {} : { scenario: given.accountData }),
  });
  const tls = await readTls(options.tls);
  const stopped = untilStopped();
  const { origins, close } = await serveAll(apple, accountData, {
    port: options.port,
    tls,
    clock: isVirtual ? settable : undefined,
  });
  const keyDirectory = await mkdtemp(join(tmpdir(), 'simulated-apple-'));
  try {
    const line = {
      ...origins,
      ...(await writeKeys(keyDirectory, apple)),
      ...(await writeClientKey(keyDirectory, accountData)),
      apps: apple.apps.map(({ id }) => id),
      grants: accountData.grants.map(grantLine),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    await stopped;
  } finally {
    await rm(keyDirectory, { recursive: true, force: true });
    await close();
  }
}

const program = new Command('apple')
  .description('Simulated App Store Connect and account data alone, on 127.0.0.1, until SIGTERM or SIGINT.')
  .option('--port <n>', 'port of App Store Connect, 0 = any free one', wholeNumber(0, 65_535), 0)
  .addOption(
    new Option('--clock <kind>', `virtual starts at ${DEMONSTRATION_START} and offers POST /-/clock`)
      .choices(['real', 'virtual'])
      .default('real'),
  )
  .option('--scenario <file>', 'a world as JSON, see below')
  .option(
    '--data-days <n>',
    'every app but the last already has an ONGOING request with instances of the last n days',
    wholeNumber(1, 1000),
  )
  .option('--tls <files...>', 'certificate and key (PEM): serve https')
  .addHelpText('after', scenarioHelp);

try {
  await program.parseAsync();
  await run(program.opts<AppleOptions>());
} catch (error) {
  if (!(error instanceof UsageError || error instanceof ScenarioError)) throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
