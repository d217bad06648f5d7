import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { importPKCS8, SignJWT } from 'jose';
import { afterEach, describe, expect, test } from 'vitest';

interface ReadyLine {
  readonly appStoreConnect: string;
  readonly accountDataTransfer: string;
  readonly appDataTransfer: string;
  readonly oauth: string;
  readonly assets: string;
  readonly teamId: string;
  readonly clientId: string;
  readonly clientKeyId: string;
  readonly clientKeyFile: string;
  readonly grants: readonly Readonly<Record<string, unknown>>[];
}

const COMMAND = new URL('../../local/commands/apple.ts', import.meta.url).pathname;
const START = Date.parse('2026-06-03T00:00:00Z');
const running: ChildProcess[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

function start(...options: string[]): ChildProcess {
  const child = spawn(process.execPath, [COMMAND, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return child;
}

async function ready({ stdout }: ChildProcess): Promise<ReadyLine> {
  if (stdout === null) throw new Error('the command has no standard output');
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line) as ReadyLine;
  throw new Error('the command ended without a line');
}

async function fileWith(scenario: object): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'scenario-'));
  directories.push(directory);
  const file = join(directory, 'scenario.json');
  await writeFile(file, JSON.stringify(scenario));
  return file;
}

async function accessToken(line: ReadyLine, refreshToken: unknown, now: number): Promise<string> {
  const key = await importPKCS8(await readFile(line.clientKeyFile, 'utf8'), 'ES256');
  const seconds = Math.floor(now / 1000);
  const secret = await new SignJWT({
    iss: line.teamId,
    iat: seconds,
    exp: seconds + 300,
    aud: 'https://appleid.apple.com',
    sub: line.clientId,
  })
    .setProtectedHeader({ alg: 'ES256', kid: line.clientKeyId })
    .sign(key);
  const answer = await fetch(`${line.oauth}/auth/oauth2/v2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: line.clientId,
      client_secret: secret,
      grant_type: 'refresh_token',
      refresh_token: String(refreshToken),
    }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function call(url: string, token: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'x-apple-transaction-id': randomUUID(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await answer.json()) as Record<string, unknown>;
}

describe('npm run apple with account data', () => {
  test('prints the client, its key file, and a grant for every region, mode and service', async () => {
    const child = start();
    const line = await ready(child);
    for (const origin of [line.accountDataTransfer, line.appDataTransfer, line.oauth, line.assets])
      expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(statSync(line.clientKeyFile).mode & 0o777).toBe(0o600);
    expect(Object.keys(line.grants[0] ?? {})).toEqual([
      'externalId',
      'refreshToken',
      'region',
      'scopes',
      'mode',
    ]);
    expect(new Set(line.grants.map(({ region }) => region))).toEqual(new Set(['EU', 'UK', 'JP']));
    expect(new Set(line.grants.map(({ mode }) => mode))).toEqual(
      new Set(['ONE_TIME', 'DAILY_30', 'WEEKLY_180']),
    );
    expect(line.grants.some(({ service }) => service === 'app-data')).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(existsSync(line.clientKeyFile)).toBe(false);
  });

  test('over sockets a request goes from submit to its archive, by the clock of the API origin', async () => {
    const people = [{ externalId: 'one', archives: 1 }];
    const line = await ready(
      start('--clock', 'virtual', '--scenario', await fileWith({ accountData: { people } })),
    );
    const api = `${line.accountDataTransfer}/api/transfer/accountdata`;
    const first = await accessToken(line, line.grants[0]?.refreshToken, START);
    const { requestId } = await call(`${api}/submit`, first, { mode: 'ONE_TIME' });
    const body = JSON.stringify({ advanceSeconds: 86_400 });
    await fetch(`${line.appStoreConnect}/-/clock`, { method: 'POST', body });
    const second = await accessToken(line, line.grants[0]?.refreshToken, START + 86_400_000);
    expect(await call(`${api}/${requestId}`, second)).toMatchObject({ jobStatus: 'completed' });
    const { assetInfo } = await call(`${api}/fetch/${requestId}`, second);
    const [url = ''] = assetInfo as string[];
    expect(url.startsWith(`${line.assets}/`)).toBe(true);
    const archive = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(archive.subarray(0, 4).toString('latin1')).toBe('PK\u0003\u0004');
  });

  test('a scenario that cannot be ends with its field named', async () => {
    const child = start('--scenario', await fileWith({ accountData: { people: [{ region: 'US' }] } }));
    const [message, [code]] = await Promise.all([
      text(child.stderr as NodeJS.ReadableStream),
      once(child, 'close') as Promise<[number]>,
    ]);
    expect([code, message]).toEqual([1, expect.stringContaining('accountData.people[0].region')]);
  });

  test('--help names every field and fault of account data', async () => {
    const help = await text(start('--help').stdout as NodeJS.ReadableStream);
    for (const name of ['statusCheckDelaySeconds', 'consentWithdrawnOnDay', 'duplicate', 'token-expires'])
      expect(help).toContain(name);
  });
});
