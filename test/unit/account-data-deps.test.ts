import { generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Grant, grant as grantSchema } from '../../lambdas/lib/account-data/grant.ts';
import type { TransportRequest } from '../../lambdas/lib/apple/transport.ts';
import { WriteConflictError } from '../../lambdas/lib/errors.ts';
import { jsonText, type ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import {
  type AccountDataAccess,
  accountDataDepsFactory,
  cancelDepsFactory,
  productionAccountDataDeps,
  productionCancelDeps,
} from '../../lambdas/lib/runtime/account-data-deps.ts';
import {
  productionStorageDeps,
  promptMetrics,
  storageDepsFactory,
} from '../../lambdas/lib/runtime/storage-deps.ts';
import { VirtualClock } from '../../local/clock.ts';

const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ format: 'pem', type: 'pkcs8' })
  .toString();
const SECRET = JSON.stringify({ privateKey, keyId: 'K', teamId: 'T', clientId: 'C' });
const GRANT: Grant = grantSchema.parse({
  grantId: '0b8f7f6e-6a1c-4d0f-9d7b-2f0c6b1a9e11',
  externalId: 'person-1',
  refreshToken: 'refresh-1',
  region: 'EU',
  scopes: ['appstore-info-account-data-for-EU-users'],
  mode: 'ONE_TIME',
  service: 'account-data',
  status: 'active',
  series: [],
});

/** A store that holds one grant; `conflicts` writes are answered with "changed meanwhile". */
function grantStore(present: Grant, conflicts = 0) {
  let text = jsonText(present);
  let left = conflicts;
  const store: Partial<ObjectStore> = {
    readJson: async (_key, schema) => ({ value: schema.parse(JSON.parse(text)) as never, etag: text }),
    writeText: async (_key, written, condition) => {
      left -= 1;
      if (left >= 0 || condition === undefined || !('ifMatch' in condition) || condition.ifMatch !== text)
        return false;
      text = written;
      return true;
    },
  };
  return { store: store as ObjectStore, grant: () => grantSchema.parse(JSON.parse(text)) };
}

interface WarmOptions {
  readonly present?: Grant;
  readonly conflicts?: number;
  /** Fields of each token answer besides the access token. */
  readonly token?: Record<string, unknown>;
}

/** A warm function: what it keeps between invocations, and what it asked Apple for. */
function warmFunction(options: WarmOptions = {}) {
  const requests: TransportRequest[] = [];
  const secretsRead: string[] = [];
  const answerTo = (url: URL): unknown => {
    if (url.pathname === '/auth/oauth2/v2/token') {
      return { access_token: 'acc3ss', token_type: 'Bearer', expires_in: 3600, ...options.token };
    }
    return { jobStatus: 'in_progress', status: 'success', statusCheckDelay: 60 };
  };
  const clock = new VirtualClock(Date.parse('2026-06-03T12:00:00Z'));
  const grants = grantStore(options.present ?? GRANT, options.conflicts);
  const access: AccountDataAccess = {
    baseUrls: {
      'account-data': 'https://account.example',
      'app-data': 'https://app.example',
      oauth: 'https://oauth.example',
    },
    trustedOrigins: [],
    assetHosts: ['assets.example'],
    dataSharingSecretArn: 'secret-arn',
    renewSeries: true,
    clock,
    metrics: { count: () => undefined },
    lookup: async () => [{ address: '17.1.2.3', family: 4 }],
    transport: async (request) => {
      requests.push(request);
      return {
        status: 200,
        headers: {},
        body: Readable.from([Buffer.from(JSON.stringify(answerTo(request.url)))]),
      };
    },
    newTransactionId: () => '7BBBD45D-1B2C-4D3E-8F40-0123456789AB',
    readSecret: async (arn) => {
      secretsRead.push(arn);
      return SECRET;
    },
  };
  const stores = { store: {} as ObjectStore, grants: grants.store };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const factory = accountDataDepsFactory(access, stores);
  const invoke = () => factory({ deadline: clock.now() + 60_000, log });
  return { invoke, requests, secretsRead, access, stores, log, grant: grants.grant };
}

const status = (deps: ReturnType<ReturnType<typeof warmFunction>['invoke']>, grant: Grant = GRANT) =>
  deps.connect(grant).status({ requestId: 'R' });

describe('dependencies of a function that calls Apple', () => {
  test('keep the access token of a grant between invocations, and read the secret once', async () => {
    const { invoke, requests, secretsRead } = warmFunction();

    await status(invoke());
    await status(invoke());

    expect(requests.map(({ url }) => url.href)).toEqual([
      'https://oauth.example/auth/oauth2/v2/token',
      'https://account.example/api/transfer/accountdata/R',
      'https://account.example/api/transfer/accountdata/R',
    ]);
    expect(secretsRead).toEqual(['secret-arn']);
  });

  test('call the service that the grant is for', async () => {
    const { invoke, requests } = warmFunction();

    await status(invoke(), { ...GRANT, service: 'app-data' });

    expect(requests.at(-1)?.url.href).toBe('https://app.example/api/transfer/appdata/R');
  });

  test('send the bearer to the API only, not to token endpoint and asset host', async () => {
    const { invoke, requests } = warmFunction();
    const deps = invoke();

    await status(deps);
    await deps.openAsset('https://assets.example/1.zip', { signal: new AbortController().signal });

    expect(requests.map(({ url, headers }) => [url.hostname, headers.authorization])).toEqual([
      ['oauth.example', undefined],
      ['account.example', 'Bearer acc3ss'],
      ['assets.example', undefined],
    ]);
  });

  test('write a new refresh token to the grant, past other writers, before the call goes on', async () => {
    const { invoke, grant, requests } = warmFunction({ token: { refresh_token: 'refresh-2' }, conflicts: 2 });

    await status(invoke());

    expect(grant()).toEqual({ ...GRANT, refreshToken: 'refresh-2' });
    expect(requests).toHaveLength(2);
  });

  test('make no call when a new refresh token cannot be written', async () => {
    const { invoke, requests } = warmFunction({ token: { refresh_token: 'refresh-2' }, conflicts: 99 });

    await expect(status(invoke())).rejects.toThrow(WriteConflictError);

    expect(requests).toHaveLength(1);
  });

  test('leave a refresh token alone that was imported meanwhile', async () => {
    const present = { ...GRANT, refreshToken: 'imported' };
    const { invoke, grant } = warmFunction({ token: { refresh_token: 'refresh-2' }, present });

    await status(invoke());

    expect(grant()).toEqual(present);
  });

  test('for cancelling stop and start executions besides', async () => {
    const { access, stores, log } = warmFunction();
    const asked: unknown[] = [];
    const deps = cancelDepsFactory(access, stores, {
      stopExecution: async (name) => asked.push(name) > 0,
      startExecution: async (name, input) => {
        asked.push([name, input]);
      },
    })({ deadline: 1, log });

    expect(await deps.stopExecution('one')).toBe(true);
    await deps.startExecution('two', { a: 1 });

    expect(asked).toEqual(['one', ['two', { a: 1 }]]);
    expect(deps).toMatchObject({ renewSeries: true, deadline: 1, grants: stores.grants });
  });
});

describe('production wiring', () => {
  beforeEach(() => {
    const environment = {
      PERSONAL_BUCKET: 'personal',
      GRANTS_KEY_ARN: 'key-arn',
      DATA_SHARING_SECRET_ARN: 'secret-arn',
      ACCOUNT_DATA_TRANSFER_BASE_URL: 'https://accountdatatransfer.apple.com',
      APP_DATA_TRANSFER_BASE_URL: 'https://appdatatransfer.apple.com',
      OAUTH_BASE_URL: 'https://appleid.apple.com',
      TRUSTED_ORIGINS: '[]',
      ASSET_HOSTS: '[]',
      RENEW_SERIES: 'false',
      MACHINE_ARN: 'arn:aws:states:us-east-1:111111111111:stateMachine:account-data-transfer',
      AWS_REGION: 'us-east-1',
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  });
  afterEach(() => vi.unstubAllEnvs());
  const invocation = { deadline: 1, log: { info() {}, warn() {}, error() {} } };

  test('reads the environment', () => {
    const deps = productionAccountDataDeps()(invocation);

    expect(deps).toMatchObject({ renewSeries: false, deadline: 1 });
    expect([deps.store.bucket, deps.grants.bucket]).toEqual(['personal', 'personal']);
    expect(productionCancelDeps()(invocation)).toHaveProperty('stopExecution');
    expect(productionStorageDeps()(invocation).store.bucket).toBe('personal');
  });

  test.each([
    'PERSONAL_BUCKET',
    'GRANTS_KEY_ARN',
    'DATA_SHARING_SECRET_ARN',
    'OAUTH_BASE_URL',
    'RENEW_SERIES',
  ])('without %s is EnvironmentError that names it', (name) => {
    vi.stubEnv(name, '');

    expect(productionAccountDataDeps).toThrow(name);
  });

  test('of cancelling needs the machine', () => {
    vi.stubEnv('MACHINE_ARN', '');

    expect(productionCancelDeps).toThrow('MACHINE_ARN');
  });

  test('of functions without Apple needs the bucket only', () => {
    vi.unstubAllEnvs();
    vi.stubEnv('PERSONAL_BUCKET', 'personal');
    vi.stubEnv('AWS_REGION', 'us-east-1');

    expect(productionStorageDeps()(invocation).store.bucket).toBe('personal');
  });
});

describe('metrics', () => {
  test('are written out one by one as they are counted', () => {
    vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', 'AppleDataPipeline');
    vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'apple-data-pipeline');
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    const written: string[] = [];
    const write = vi.spyOn(console, 'log').mockImplementation((line: string) => void written.push(line));
    const { metrics } = storageDepsFactory({} as ObjectStore, {
      clock: new VirtualClock(0),
      metrics: promptMetrics(),
    })({ deadline: 1, log: { info() {}, warn() {}, error() {} } });

    metrics.count('GrantsRefused', 1);
    metrics.count('RequestsExpired', 2);

    expect(written.map((line) => JSON.parse(line) as object)).toMatchObject([
      { GrantsRefused: 1 },
      { RequestsExpired: 2 },
    ]);
    write.mockRestore();
    vi.unstubAllEnvs();
  });
});
