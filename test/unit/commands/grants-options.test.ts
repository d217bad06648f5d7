import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GrantsCommands, grantsCommand } from '../../../local/commands/grants-options.ts';

let directory: string;
let keyFile: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'grants-options-'));
  keyFile = join(directory, 'AuthKey.p8');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What the command line made of its arguments: the name of the command and what it is called with. */
async function parsed(...given: readonly string[]): Promise<readonly unknown[]> {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    async (...called: unknown[]): Promise<void> =>
      void calls.push([name, ...called]);
  const commands: GrantsCommands = {
    importLines: record('import'),
    list: record('list'),
    show: record('show'),
    start: record('start'),
    cancel: record('cancel'),
  };
  const command = grantsCommand(commands)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const each of command.commands) each.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync([...given], { from: 'user' });
  return calls[0] ?? [];
}

function key(): string[] {
  return ['--key-file', keyFile, '--key-id', 'KEY', '--team-id', 'TEAM', '--client-id', 'client'];
}

describe('the options of npm run grants', () => {
  it('take the deployed stacks unless a lake is named', async () => {
    expect(await parsed('list')).toEqual(['list', { lakeDirectory: undefined }]);
    expect(await parsed('import', '--lake', 'here')).toEqual(['import', { lakeDirectory: 'here' }]);
    expect(await parsed('show', 'anna')).toEqual(['show', { lakeDirectory: undefined }, 'anna']);
    expect(await parsed('start', 'anna', 'ben')).toEqual([
      'start',
      { lakeDirectory: undefined },
      ['anna', 'ben'],
    ]);
    expect(await parsed('cancel', 'anna')).toEqual([
      'cancel',
      { lakeDirectory: undefined },
      'anna',
      'series',
    ]);
  });

  it('cancel the instance alone when asked to, and never both', async () => {
    expect((await parsed('cancel', 'anna', '--instance')).at(-1)).toBe('instance');
    expect((await parsed('cancel', 'anna', '--series')).at(-1)).toBe('series');
    await expect(parsed('cancel', 'anna', '--instance', '--series')).rejects.toThrow('cannot be used with');
  });

  it("reach Apple's own hosts with a lake, unless others are named", async () => {
    const [, place] = await parsed('start', '--lake', 'here', ...key());
    expect(place).toMatchObject({ lakeDirectory: 'here', apple: { baseUrls: {}, trustedOrigins: [] } });
    const { apple } = place as { readonly apple: { readonly dataSharingSecret: string } };
    expect(JSON.parse(apple.dataSharingSecret)).toEqual({
      privateKey: expect.stringContaining('PRIVATE KEY'),
      keyId: 'KEY',
      teamId: 'TEAM',
      clientId: 'client',
    });
  });

  it('send every call to the base URL that is named, except where a host of its own is', async () => {
    const hosts = ['--base-url', 'http://127.0.0.1:1', '--oauth-base-url', 'http://127.0.0.1:2'];
    const assets = ['--asset-host', 'http://127.0.0.1:3', '--asset-host', 'http://127.0.0.1:4'];
    const [, place] = await parsed('start', '--lake', 'here', ...key(), ...hosts, ...assets);
    expect(place).toMatchObject({
      apple: {
        baseUrls: {
          accountDataTransferBaseUrl: 'http://127.0.0.1:1',
          appDataTransferBaseUrl: 'http://127.0.0.1:1',
          oauthBaseUrl: 'http://127.0.0.1:2',
        },
        trustedOrigins: [1, 2, 3, 4].map((port) => `http://127.0.0.1:${port}`),
      },
    });
  });

  it.each(['--key-file', '--key-id', '--team-id', '--client-id'])(
    'ask for %s where this process calls Apple',
    async (option) => {
      const all = key();
      const at = all.indexOf(option);
      const without = all.filter((_, index) => index !== at && index !== at + 1);
      await expect(parsed('cancel', 'anna', '--lake', 'here', ...without)).rejects.toMatchObject({
        name: 'CommandLineError',
        message: expect.stringContaining(option),
      });
    },
  );

  it('refuse a base URL with more than an origin', async () => {
    const hosts = ['--base-url', 'https://accountdatatransfer.apple.com/api'];
    await expect(parsed('start', '--lake', 'here', ...key(), ...hosts)).rejects.toMatchObject({
      name: 'CommandLineError',
      message: expect.stringContaining('--base-url'),
    });
  });

  it('know no other command', async () => {
    await expect(parsed('delete')).rejects.toThrow('unknown command');
    await expect(parsed('list', 'anna')).rejects.toThrow('too many arguments');
  });
});
