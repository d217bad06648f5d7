import { Command } from 'commander';
import { CommandLineError, collect, toOrigin } from './command-line.ts';
import { readKeyFile } from './key-file.ts';

const APPLE_ORIGIN = 'https://api.appstoreconnect.apple.com';

/** What the command line said, checked. */
export interface SyncOptions {
  /** Contents of the account's secrets, as Secrets Manager would hold them. */
  readonly readerSecret: string;
  readonly adminSecret: string | undefined;
  readonly keyType: 'team' | 'individual';
  readonly baseUrl: string;
  /** Exact origins admitted beside Apple's own. */
  readonly trustedOrigins: readonly string[];
  readonly apps: readonly string[] | undefined;
  readonly reports: readonly string[] | undefined;
  readonly lakeDirectory: string;
  readonly once: boolean;
}

interface GivenOptions {
  readonly keyFile: string;
  readonly keyId: string;
  readonly issuerId?: string;
  readonly adminKeyFile?: string;
  readonly adminKeyId?: string;
  readonly baseUrl: string;
  readonly downloadHost: readonly string[];
  readonly apps?: string;
  readonly reports?: string;
  readonly lake: string;
  readonly once?: true;
}

function toList(text: string | undefined, option: string): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const values = text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
  if (values.length === 0) throw new CommandLineError(`${option} names nothing`);
  return values;
}

async function readAdminSecret(given: GivenOptions): Promise<string | undefined> {
  const { adminKeyFile, adminKeyId, issuerId } = given;
  if (adminKeyFile === undefined && adminKeyId === undefined) return undefined;
  if (adminKeyFile === undefined || adminKeyId === undefined) {
    throw new CommandLineError('--admin-key-file and --admin-key-id belong together: give both or neither');
  }
  if (issuerId === undefined) {
    throw new CommandLineError('an Admin key is a team key: give its --issuer-id');
  }
  return JSON.stringify({ privateKey: await readKeyFile(adminKeyFile), keyId: adminKeyId, issuerId });
}

async function checkOptions(given: GivenOptions): Promise<SyncOptions> {
  const { issuerId } = given;
  const privateKey = await readKeyFile(given.keyFile);
  const baseUrl = toOrigin(given.baseUrl, '--base-url');
  const downloads = given.downloadHost.map((host) => toOrigin(host, '--download-host'));
  return {
    readerSecret: JSON.stringify({
      privateKey,
      keyId: given.keyId,
      ...(issuerId === undefined ? {} : { issuerId }),
    }),
    adminSecret: await readAdminSecret(given),
    keyType: issuerId === undefined ? 'individual' : 'team',
    baseUrl,
    trustedOrigins: [...new Set([...(baseUrl === APPLE_ORIGIN ? [] : [baseUrl]), ...downloads])],
    apps: toList(given.apps, '--apps'),
    reports: toList(given.reports, '--reports'),
    lakeDirectory: given.lake,
    once: given.once === true,
  };
}

/**
 * The options of `npm run sync`. `run` is called with checked options; `KeyFileError` and `CommandLineError` come
 * before anything is started.
 */
export function syncCommand(run: (options: SyncOptions) => Promise<void>): Command {
  return new Command('npm run sync --')
    .description(
      'Lands analytics reports in a folder: the deployed state machine and bundles, in real time, without an AWS ' +
        'account. Writes <lake>/run.json.',
    )
    .requiredOption('--key-file <file>', 'the .p8 file of a key that may read reports')
    .requiredOption('--key-id <id>', 'its key id')
    .option('--issuer-id <id>', 'issuer id of the team; without it the key is an individual key')
    .option('--admin-key-file <file>', 'the .p8 file of an Admin key, which creates missing report requests')
    .option('--admin-key-id <id>', 'its key id')
    .option('--base-url <origin>', 'another App Store Connect', APPLE_ORIGIN)
    .option(
      '--download-host <host>',
      'admits segments from this host, or exact origin, too (repeatable)',
      collect,
      [],
    )
    .option('--apps <ids>', 'Apple ids, comma-separated (default: every app)')
    .option('--reports <names>', 'report names or categories, comma-separated (default: as when deployed)')
    .option('--lake <folder>', 'folder of the lake', '.local/sync')
    .option('--once', 'one run; otherwise every 12 hours until interrupted')
    .allowExcessArguments(false)
    .action(async (given: GivenOptions) => run(await checkOptions(given)));
}
