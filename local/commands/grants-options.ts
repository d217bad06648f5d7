import { Command, Option } from 'commander';
import { CommandLineError, collect, toOrigin } from './command-line.ts';
import { readKeyFile } from './key-file.ts';

const KEY_SOURCE = 'Account & Organizational Data Sharing';

/** How a local lake's machine reaches Apple. */
export interface AppleAccountDataOptions {
  /** Contents of the secret for client secrets, as Secrets Manager would hold them. */
  readonly dataSharingSecret: string;
  /** Only those that are not Apple's own. */
  readonly baseUrls: {
    readonly accountDataTransferBaseUrl?: string;
    readonly appDataTransferBaseUrl?: string;
    readonly oauthBaseUrl?: string;
  };
  /** Exact origins admitted beside Apple's own. */
  readonly trustedOrigins: readonly string[];
}

interface AppleGiven {
  readonly baseUrl?: string;
  readonly appDataBaseUrl?: string;
  readonly oauthBaseUrl?: string;
  readonly assetHost: readonly string[];
  readonly keyFile?: string;
  readonly keyId?: string;
  readonly teamId?: string;
  readonly clientId?: string;
}

interface LakeGiven {
  readonly lake?: string;
}

/** Where a command works: a folder, or the deployed stacks. */
type Place = { readonly lakeDirectory: string | undefined };

/** A lake whose machine this process runs, and how it reaches Apple. */
export interface LakeMachinePlace {
  readonly lakeDirectory: string;
  readonly apple: AppleAccountDataOptions;
}

type MachinePlace = { readonly lakeDirectory: undefined } | LakeMachinePlace;

/** What the command line asks for; names of grants are their ids or the importer's own names. */
export interface GrantsCommands {
  importLines(place: Place): Promise<void>;
  list(place: Place): Promise<void>;
  show(place: Place, name: string): Promise<void>;
  start(place: MachinePlace, names: readonly string[]): Promise<void>;
  cancel(place: MachinePlace, name: string, scope: 'instance' | 'series'): Promise<void>;
}

function needed(value: string | undefined, option: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CommandLineError(`with --lake this process calls Apple itself: give ${option}`);
}

async function appleOptions(given: AppleGiven): Promise<AppleAccountDataOptions> {
  const dataSharingSecret = JSON.stringify({
    privateKey: await readKeyFile(needed(given.keyFile, '--key-file'), KEY_SOURCE),
    keyId: needed(given.keyId, '--key-id'),
    teamId: needed(given.teamId, '--team-id'),
    clientId: needed(given.clientId, '--client-id'),
  });
  const origin = (value: string | undefined, option: string) =>
    value === undefined ? undefined : toOrigin(value, option);
  const transfer = origin(given.baseUrl, '--base-url');
  const appData = origin(given.appDataBaseUrl, '--app-data-base-url') ?? transfer;
  const oauth = origin(given.oauthBaseUrl, '--oauth-base-url') ?? transfer;
  const assets = given.assetHost.map((host) => toOrigin(host, '--asset-host'));
  const origins = [transfer, appData, oauth].filter((each) => each !== undefined);
  return {
    dataSharingSecret,
    baseUrls: {
      ...(transfer === undefined ? {} : { accountDataTransferBaseUrl: transfer }),
      ...(appData === undefined ? {} : { appDataTransferBaseUrl: appData }),
      ...(oauth === undefined ? {} : { oauthBaseUrl: oauth }),
    },
    trustedOrigins: [...new Set([...origins, ...assets])],
  };
}

async function machinePlace(given: LakeGiven & AppleGiven): Promise<MachinePlace> {
  const { lake } = given;
  return lake === undefined
    ? { lakeDirectory: undefined }
    : { lakeDirectory: lake, apple: await appleOptions(given) };
}

const LAKE_HELP = 'folder of a local lake (default: the deployed stacks, with the usual AWS credentials)';

/** For commands that read and write grants alone; those of Apple are admitted so that one set serves all. */
function withPlace(command: Command): Command {
  return command
    .option('--lake <folder>', LAKE_HELP)
    .addOption(new Option('--base-url <origin>').hideHelp())
    .allowExcessArguments(false);
}

function withMachine(command: Command): Command {
  return command
    .option('--lake <folder>', LAKE_HELP)
    .option('--base-url <origin>', "with --lake: another Account Data Transfer (default: Apple's)")
    .option(
      '--app-data-base-url <origin>',
      "with --lake: another App Data Transfer (default: --base-url, or Apple's)",
    )
    .option(
      '--oauth-base-url <origin>',
      "with --lake: another OAuth service (default: --base-url, or Apple's)",
    )
    .option(
      '--asset-host <host>',
      'with --lake: admits archives from this exact origin, too (repeatable)',
      collect,
      [],
    )
    .option('--key-file <file>', `with --lake: the .p8 file of the ${KEY_SOURCE} key`)
    .option('--key-id <id>', 'with --lake: its key id')
    .option('--team-id <id>', 'with --lake: the team id')
    .option('--client-id <id>', 'with --lake: the App ID or Services ID that people authorised')
    .allowExcessArguments(false);
}

function addMachineCommands(program: Command, commands: GrantsCommands): void {
  withMachine(program.command('start'))
    .description(
      'Starts the transfers of grants: those named, or every active one that is not at its end. With --lake the ' +
        'machine runs here, in real time, to the end of every series; interrupt it and start again to go on.',
    )
    .argument('[grant...]', 'ids or external ids')
    .action(async (names: string[], given: LakeGiven & AppleGiven) =>
      commands.start(await machinePlace(given), names),
    );
  withMachine(program.command('cancel'))
    .description('Cancels at Apple what a grant has in progress, and marks it so.')
    .argument('<grant>', 'id or external id')
    .addOption(
      new Option(
        '--instance',
        'only the instance under way; one resubmission decides if the series lives',
      ).conflicts('series'),
    )
    .option('--series', 'the whole series (default)')
    .action(async (name: string, given: LakeGiven & AppleGiven & { readonly instance?: true }) =>
      commands.cancel(await machinePlace(given), name, given.instance === true ? 'instance' : 'series'),
    );
}

/**
 * The options of `npm run grants`. The functions of `commands` are called with checked options; `KeyFileError` and
 * `CommandLineError` come before anything is started.
 */
export function grantsCommand(commands: GrantsCommands): Command {
  const program = new Command('npm run grants --').description(
    "People's grants of account data: on the deployed stacks, or in a local lake (one command at a time).",
  );
  withPlace(program.command('import'))
    .description(
      'Writes a grant for each line of standard input: {"externalId", "refreshToken", "region", "scopes", "mode", ' +
        '"service"?}. An external id that is known keeps its grant and gets the new token.',
    )
    .action((given: LakeGiven) => commands.importLines({ lakeDirectory: given.lake }));
  withPlace(program.command('list'))
    .description('Shows every grant and where it stands.')
    .action((given: LakeGiven) => commands.list({ lakeDirectory: given.lake }));
  withPlace(program.command('show'))
    .description("Shows one grant with its series, instances, Apple's ids and transaction ids.")
    .argument('<grant>', 'id or external id')
    .action((name: string, given: LakeGiven) => commands.show({ lakeDirectory: given.lake }, name));
  addMachineCommands(program, commands);
  return program;
}
