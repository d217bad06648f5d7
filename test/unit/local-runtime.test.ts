import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadAssembly } from '../../local/assembly/load.ts';
import { secretOf } from '../../local/assembly/secrets.ts';
import { VirtualClock } from '../../local/clock.ts';
import {
  createLocalRuntime,
  type LocalRuntime,
  type LocalRuntimeOptions,
  type ScheduledRun,
} from '../../local/runtime.ts';
import { bundleHandler } from '../support/bundle-handler.ts';
import {
  type HandMadeAssembly,
  type HandMadeOptions,
  handMadeAssembly,
} from '../support/hand-made-assembly.ts';

const START = Date.parse('2026-06-03T00:00:00Z');
const HANDLER = `
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
const s3 = new S3Client({});
export const handler = async ({ account, executionArn, hours }) => {
  const Bucket = process.env.ANALYTICS_BUCKET;
  if (hours) await sleep(hours * 3600 * 1000 / 100);
  const secret = await new SecretsManagerClient({}).send(new GetSecretValueCommand({ SecretId: account.readerSecretArn }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'raw/a.txt', Body: secret.SecretString }));
  const back = await s3.send(new GetObjectCommand({ Bucket, Key: 'raw/a.txt' }));
  const { status } = executionArn
    ? await new SFNClient({}).send(new DescribeExecutionCommand({ executionArn }))
    : { status: null };
  return { text: await back.Body.transformToString(), status, at: Date.now() };
};`;

let bundle: string;
let lakeDirectory: string;
let made: HandMadeAssembly;
let runtime: LocalRuntime;
let clock: VirtualClock;

beforeAll(async () => {
  bundle = await bundleHandler(HANDLER);
});
beforeAll(async () => {
  lakeDirectory = await mkdtemp(join(tmpdir(), 'local-runtime-lake-'));
});
afterEach(async () => {
  await runtime.close();
  await made.remove();
});
afterAll(() => rm(lakeDirectory, { recursive: true, force: true }));

async function start(
  made_: HandMadeOptions,
  options: Partial<LocalRuntimeOptions> = {},
): Promise<LocalRuntime> {
  made = await handMadeAssembly({ bundles: { DoWork: bundle }, ...made_ });
  const assembly = await loadAssembly(made.directory);
  clock = new VirtualClock(START);
  runtime = await createLocalRuntime({
    assembly,
    lakeDirectory,
    clock,
    secrets: { [secretOf(assembly, 'main', 'reader')]: 'the reader key' },
    // Its templates have no policies.
    authorize: () => true,
    ...options,
  });
  return runtime;
}

function accountOf(run: ScheduledRun | undefined): { readonly readerSecretArn: string } {
  const input = run?.execution.input ?? {};
  return (input as { account: { readerSecretArn: string } }).account;
}

function oneTask(resource: string, taskArguments: object): object {
  return {
    QueryLanguage: 'JSONata',
    StartAt: 'Task',
    States: { Task: { Type: 'Task', Resource: resource, Arguments: taskArguments, End: true } },
  };
}

describe('the local runtime', () => {
  it('runs the schedule through machine, function, secret, S3 and back, in virtual time', async () => {
    const runs = await (await start({})).runSchedules(START + 86_400_000);
    expect(runs.map(({ result }) => result.status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(runs.map(({ execution }) => execution.name)).toEqual([
      'sync-main-20260603T000000Z',
      'sync-main-20260603T120000Z',
    ]);
    expect(runs[1]?.result.output).toEqual({
      text: 'the reader key',
      status: null,
      at: START + 12 * 3_600_000,
    });
    expect(await readFile(join(lakeDirectory, 'analytics/raw/a.txt'), 'utf8')).toBe('the reader key');
    expect(runtime.functions.processesStarted).toBe(1);
  });

  it('lets a function ask how another execution stands', async () => {
    await start({});
    const [first] = await runtime.runSchedules(START + 1);
    const { result } = runtime.startExecution('analytics-sync', {
      account: accountOf(first),
      executionArn: first?.execution.executionArn,
    });
    expect((await result).output).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('gives a function the new value of a secret that was replaced', async () => {
    await start({});
    const [first] = await runtime.runSchedules(START + 1);
    const account = accountOf(first);
    runtime.setSecret(account.readerSecretArn, 'another key');
    const { result } = runtime.startExecution('analytics-sync', { account });
    expect((await result).output).toMatchObject({ text: 'another key' });
  });

  it('writes an object for a machine, as JSON text', async () => {
    const Key = 'runs/failure.json';
    const definition = oneTask('arn:aws:states:::aws-sdk:s3:putObject', {
      Bucket: 'analytics',
      Key,
      Body: { appId: '1' },
      ContentType: 'application/json',
    });
    await start({ definition });
    const { result } = runtime.startExecution('analytics-sync', {});
    expect(await result).toMatchObject({ status: 'SUCCEEDED', output: { ETag: expect.any(String) } });
    expect(await readFile(join(lakeDirectory, 'analytics', Key), 'utf8')).toBe('{"appId":"1"}');
  });

  it('names S3’s errors to a machine as Step Functions does', async () => {
    const definition = oneTask('arn:aws:states:::aws-sdk:s3:getObject', {
      Bucket: 'analytics',
      Key: 'absent',
    });
    await start({ definition });
    expect(await runtime.startExecution('analytics-sync', {}).result).toMatchObject({
      status: 'FAILED',
      error: 'S3.NoSuchKeyException',
      cause: expect.stringContaining('Status Code: 404'),
    });
  });

  /** Reads items from one bucket as a machine, and leaves its results in the same. */
  const overObjects = {
    QueryLanguage: 'JSONata',
    StartAt: 'Each',
    States: {
      Each: {
        Type: 'Map',
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Arguments: { Bucket: 'analytics', Key: 'plans/items.json' },
          ReaderConfig: { InputType: 'JSON' },
        },
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Double',
          States: { Double: { Type: 'Pass', Output: '{% $states.input * 2 %}', End: true } },
        },
        ResultWriter: {
          Resource: 'arn:aws:states:::s3:putObject',
          Arguments: { Bucket: 'analytics', Prefix: 'results' },
          WriterConfig: { OutputType: 'JSON', Transformation: 'COMPACT' },
        },
        End: true,
      },
    },
  };

  async function withItems(text: string, asked: string[], refused?: string): Promise<void> {
    await mkdir(join(lakeDirectory, 'analytics/plans'), { recursive: true });
    await writeFile(join(lakeDirectory, 'analytics/plans/items.json'), text);
    await start(
      { definition: overObjects },
      {
        authorize({ principal, action, resource }) {
          asked.push(`${principal.name.split('/').at(-1)} ${action} ${resource.split(':').at(-1)}`);
          return action !== refused;
        },
      },
    );
  }

  it('reads the items of a Map from S3 and writes its results there, as the machine’s role', async () => {
    const asked: string[] = [];
    await withItems('[1,2]', asked);
    const { status, output } = await runtime.startExecution('analytics-sync', {}).result;
    expect(status).toBe('SUCCEEDED');
    const { Bucket, Key } = (output as { ResultWriterDetails: { Bucket: string; Key: string } })
      .ResultWriterDetails;
    const folder = join(lakeDirectory, Bucket, dirname(Key));
    expect(await readFile(join(folder, 'SUCCEEDED_0.json'), 'utf8')).toBe('[2,4]');
    expect(asked).toContain('Pipeline-MachineRole2 s3:GetObject analytics/plans/items.json');
    expect(asked).toContain(`Pipeline-MachineRole2 s3:PutObject analytics/${Key}`);
  });

  it.each([
    ['s3:GetObject', 'States.ItemReaderFailed'],
    ['s3:PutObject', 'States.ResultWriterFailed'],
  ])('fails a Map over S3 without %s by %s', async (action, error) => {
    await withItems('[1]', [], action);
    expect(await runtime.startExecution('analytics-sync', {}).result).toMatchObject({
      status: 'FAILED',
      error,
      cause: expect.stringMatching(/Access Denied|not authorized.*Status Code: 403/),
    });
  });

  it.each(['arn:aws:states:::sns:publish', 'arn:aws:states:::aws-sdk:s3:putBucketPolicy'])(
    'refuses the integration %s by name',
    async (resource) => {
      await start({ definition: oneTask(resource, {}) });
      const name = resource.split(':').at(-1) ?? '';
      await expect(runtime.startExecution('analytics-sync', {}).result).rejects.toThrow(name);
    },
  );

  it('signs as the function’s own role, and denies what the role may not do', async () => {
    const asked = new Set<string>();
    await start(
      {},
      {
        authorize({ principal, action, resource }) {
          asked.add(`${principal.name.split('/').at(-1)} ${action} ${resource.split(':').at(-1)}`);
          return action !== 's3:PutObject';
        },
      },
    );
    const [run] = await runtime.runSchedules(START + 1);
    expect(run?.result).toMatchObject({ status: 'FAILED', error: 'AccessDenied' });
    expect([...asked]).toEqual([
      'Pipeline-ScheduleRole6 states:StartExecution analytics-sync',
      'Pipeline-MachineRole2 lambda:InvokeFunction do-work',
      expect.stringMatching(/^Pipeline-Role1 secretsmanager:GetSecretValue reader-main-/),
      'Pipeline-Role1 s3:PutObject analytics/raw/a.txt',
    ]);
  });

  it('ends the run loudly when a function neither works nor sleeps', async () => {
    const stuck = { DoWork: 'export const handler = () => new Promise(() => {});' };
    await start({ bundles: stuck }, { stallMilliseconds: 300 });
    await expect(runtime.runSchedules(START + 1)).rejects.toMatchObject({ name: 'FunctionStalledError' });
  });

  it('lets calls to a service be counted and broken off', async () => {
    const calls: string[] = [];
    await start(
      {},
      {
        wrapService: (service, handle) => (request) => {
          calls.push(`${service} ${request.method}`);
          if (calls.length === 2) runtime.functions.killRunning();
          return handle(request);
        },
      },
    );
    const [run] = await runtime.runSchedules(START + 1);
    expect(run?.result).toMatchObject({ status: 'FAILED', error: 'Runtime.ExitError' });
    expect(calls).toEqual(['secretsManager POST', 's3 PUT']);
  });

  it('refuses an input that is too large for every caller, and leaves the name free', async () => {
    await start({ definition: oneTask('arn:aws:states:::lambda:invoke', { FunctionName: 'do-work' }) });
    const begin = (input: unknown) => runtime.startExecution('analytics-sync', input, 'large');
    expect(() => begin('x'.repeat(262_143))).toThrow(
      expect.objectContaining({
        code: 'ValidationException',
        message: expect.stringContaining("at 'input'"),
      }),
    );
    const { record, result } = begin('x'.repeat(262_142));
    expect(record.status).toBe('RUNNING');
    await result;
  });

  it('stops firing when it is told to, after the run at work', async () => {
    await start({});
    const ending = new AbortController();
    const runs = await runtime.runSchedules(Number.POSITIVE_INFINITY, {
      signal: ending.signal,
      onEnd: () => ending.abort(),
    });
    expect(runs).toHaveLength(1);
    expect(clock.now()).toBe(START);
  });
});
