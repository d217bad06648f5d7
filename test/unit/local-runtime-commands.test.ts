import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResult } from '../../local/asl/runner.ts';
import { appTotals, type FinishedRun, runMessages } from '../../local/commands/finished-run.ts';
import { appTable, outcomeTable, runTable } from '../../local/commands/outcome-tables.ts';
import { createProgress } from '../../local/commands/progress.ts';
import { createRunReport, writeRunReport } from '../../local/commands/run-report.ts';
import type { RunSummary } from '../../local/commands/run-summary.ts';
import { type SyncOptions, syncCommand } from '../../local/commands/sync-options.ts';
import { readableBytes } from '../../local/commands/text-table.ts';

let directory: string;
let keyFile: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-commands-'));
  keyFile = await writeKey('P-256');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function writeKey(namedCurve: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  const file = join(directory, `${namedCurve}.p8`);
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return file;
}

function result(overrides: Partial<ExecutionResult>): ExecutionResult {
  return { status: 'SUCCEEDED', transitions: 9, path: [], history: [], children: [], ...overrides };
}

interface Counted {
  readonly landed?: number;
  readonly pending?: number;
  readonly failed?: number;
  readonly bytes?: number;
}

/** A run of one app, 1, with these counts in one report. */
function run(counted: Counted, overrides: Partial<ExecutionResult> = {}): FinishedRun {
  const counts = { landed: 0, pending: 0, expired: 0, failed: 0, bytes: 0, ...counted };
  const { bytes, ...instances } = counts;
  const note = { outcome: 'admin-key-needed', message: 'Put an Admin key into the secret.' };
  const summary: RunSummary = {
    totals: {
      apps: 1,
      instances,
      bytes,
      calls: 7,
      lowestBudget: 3500,
      outcomes: { 'admin-key-needed': 1 },
      failedApps: 0,
    },
    notes: [],
    apps: [{ appId: '1', state: 'synced', notes: [note], reports: { 'app-downloads-standard': counts } }],
  };
  const child = {
    executionArn: 'arn:child',
    mapRunArn: 'arn:map',
    name: 'child',
    input: { appId: '1' },
    result: result({ transitions: 7 }),
  };
  return {
    accountName: 'main',
    executionName: 'run',
    startedAt: Date.parse('2026-06-03T12:00:00Z'),
    result: result({ children: [child], ...overrides }),
    summary,
  };
}

describe('the report of several runs', () => {
  it('adds up what landed, and takes what is pending or failed from the last run', () => {
    const runs = [
      run({ landed: 5, pending: 2, failed: 1, bytes: 100 }),
      run({ landed: 2, pending: 1, bytes: 50 }),
    ];
    const report = createRunReport({ lakeDirectory: 'lake', seconds: 12.345, runs, mustLand: true });
    expect(report).toEqual({
      ok: true,
      lake: 'lake',
      seconds: 12.3,
      analytics: {
        apps: 1,
        instances: { landed: 7, pending: 1, expired: 0, failed: 0 },
        bytes: 150,
        calls: 14,
      },
    });
    expect(appTotals(runs)).toEqual([
      { appId: '1', landed: 7, pending: 1, expired: 0, failed: 0, bytes: 150, mostTransitions: 8 },
    ]);
  });

  it.each<[string, FinishedRun[], boolean]>([
    ['there was no run', [], false],
    ['a run failed', [run({ landed: 1 }), run({ landed: 1 }, { status: 'FAILED' })], false],
    ['nothing landed although something must', [run({})], false],
    ['everything went well', [run({ landed: 1 })], true],
  ])('is ok or not when %s', (_, runs, ok) => {
    expect(createRunReport({ lakeDirectory: 'lake', seconds: 1, runs, mustLand: true }).ok).toBe(ok);
  });

  it('is written whole, beside nothing else', async () => {
    const folder = join(directory, 'report');
    const report = createRunReport({ lakeDirectory: 'lake', seconds: 1, runs: [], mustLand: true });
    await writeRunReport(join(folder, 'run.json'), report);
    expect(await readdir(folder)).toEqual(['run.json']);
    expect(JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'))).toEqual(report);
  });

  it('tells the operator how a run failed and which outcomes ask for a person', () => {
    const report = JSON.stringify({ errorType: 'ApiAuthError', errorMessage: 'Apple refused the key.' });
    const failed = run(
      {},
      {
        status: 'FAILED',
        error: 'AnalyticsSyncFailedError',
        cause: 'ended by ApiAuthError',
        history: [
          {
            id: 2,
            previousEventId: 1,
            timestamp: '2026-06-03T12:00:00.000Z',
            type: 'TaskFailed',
            taskFailedEventDetails: { error: 'ApiAuthError', cause: report },
          },
        ],
      },
    );
    expect(runMessages(failed)).toEqual([
      'run FAILED: AnalyticsSyncFailedError: ended by ApiAuthError',
      'ApiAuthError: Apple refused the key.',
      'app 1: admin-key-needed: Put an Admin key into the secret.',
    ]);
  });

  it('shows runs, apps and outcomes in tables', () => {
    const runs = [run({ landed: 5, bytes: 1_234_567 })];
    expect(runTable(runs)).toMatch(
      /2026-06-03 12:00 │ SUCCEEDED │ +5 │ +0 │ +0 │ +0 │ +1\.2 MB │ +7 │ +3500/,
    );
    expect(appTable(runs, new Map([['1', 'Field Notes']]))).toMatch(/1 +│ Field Notes │ +5 .* 8 │/);
    expect(outcomeTable(runs)).toMatch(/admin-key-needed │ +1/);
    expect([appTable([], new Map()), outcomeTable([])]).toEqual(['', '']);
    expect([0, 999, 1000, 2.5e12].map(readableBytes)).toEqual(['0 B', '999 B', '1.0 kB', '2.5 TB']);
  });

  it('writes progress as plain lines where there is no terminal', () => {
    const lines: string[] = [];
    const stream = {
      isTTY: false,
      write: (text: string) => lines.push(text),
    } as unknown as NodeJS.WriteStream;
    const progress = createProgress(stream);
    progress.step('one');
    progress.note('two');
    progress.succeed('three');
    progress.fail('four');
    expect(lines).toEqual(['one\n', 'two\n', 'three\n', 'four\n']);
  });
});

describe('the command line of sync', () => {
  async function parse(...given: string[]): Promise<SyncOptions> {
    let options: SyncOptions | undefined;
    const command = syncCommand(async (checked) => {
      options = checked;
    });
    await command.parseAsync(['node', 'sync', ...given]);
    if (options === undefined) throw new Error('the command did not run');
    return options;
  }
  const key = () => ['--key-file', keyFile, '--key-id', 'KEY'];

  it('makes secrets of the key files, and admits the named hosts only', async () => {
    const options = await parse(
      ...key(),
      ...['--issuer-id', 'ISSUER', '--admin-key-file', keyFile, '--admin-key-id', 'ADMIN'],
      ...[
        '--base-url',
        'http://127.0.0.1:8080',
        '--download-host',
        'cdn.example.com',
        '--download-host',
        'https://b:8443/',
      ],
      ...['--apps', '1, 2', '--reports', 'COMMERCE,App Crashes', '--lake', 'there', '--once'],
    );
    const privateKey = await readFile(keyFile, 'utf8');
    expect(JSON.parse(options.readerSecret)).toEqual({ privateKey, keyId: 'KEY', issuerId: 'ISSUER' });
    expect(JSON.parse(options.adminSecret ?? '')).toEqual({ privateKey, keyId: 'ADMIN', issuerId: 'ISSUER' });
    expect(options).toMatchObject({
      keyType: 'team',
      baseUrl: 'http://127.0.0.1:8080',
      trustedOrigins: ['http://127.0.0.1:8080', 'https://cdn.example.com', 'https://b:8443'],
      apps: ['1', '2'],
      reports: ['COMMERCE', 'App Crashes'],
      lakeDirectory: 'there',
      once: true,
    });
  });

  it('takes a key without issuer as an individual one, and Apple’s own origin as nothing special', async () => {
    const options = await parse(...key());
    expect(JSON.parse(options.readerSecret)).not.toHaveProperty('issuerId');
    expect(options).toMatchObject({
      keyType: 'individual',
      trustedOrigins: [],
      adminSecret: undefined,
      once: false,
    });
  });

  it.each<[string, () => Promise<string[]>, string]>([
    [
      'a key file that is not there',
      async () => ['--key-file', 'absent.p8', '--key-id', 'K'],
      'absent.p8 cannot be read (ENOENT)',
    ],
    [
      'a key on another curve',
      async () => ['--key-file', await writeKey('P-384'), '--key-id', 'K'],
      'is no key on P-256',
    ],
    [
      'a file that is no key',
      async () => {
        const file = join(directory, 'text.p8');
        await writeFile(file, 'hello');
        return ['--key-file', file, '--key-id', 'K'];
      },
      'is no private key in PKCS#8 form',
    ],
    [
      'a damaged key',
      async () => {
        const file = join(directory, 'damaged.p8');
        await writeFile(file, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
        return ['--key-file', file, '--key-id', 'K'];
      },
      'holds a damaged private key',
    ],
    ['half an Admin key', async () => [...key(), '--admin-key-id', 'A'], 'belong together'],
    [
      'an Admin key without issuer',
      async () => [...key(), '--admin-key-id', 'A', '--admin-key-file', keyFile],
      'give its --issuer-id',
    ],
    [
      'a base URL with a path',
      async () => [...key(), '--base-url', 'https://host/v1'],
      '--base-url takes scheme, host and port only',
    ],
    [
      'a host with a password',
      async () => [...key(), '--download-host', 'https://a:b@host'],
      '--download-host takes scheme',
    ],
    [
      'another scheme',
      async () => [...key(), '--download-host', 'ftp://host'],
      '--download-host needs a host',
    ],
    ['an empty list', async () => [...key(), '--apps', ' , '], '--apps names nothing'],
  ])('refuses %s before anything starts', async (_, given, message) => {
    const error: unknown = await parse(...(await given())).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: expect.stringMatching(/^(KeyFileError|CommandLineError)$/),
      message: expect.stringContaining(message),
    });
    expect(String(error)).not.toMatch(/MIG|a:b@/);
  });
});
