import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Grant, grant as grantSchema } from '../../lambdas/lib/account-data/grant.ts';
import type { Transport } from '../../lambdas/lib/apple/transport.ts';
import {
  DownloadExpiredError,
  GrantRefusedError,
  HostNotAllowedError,
  OAuthClientRefusedError,
} from '../../lambdas/lib/errors.ts';
import { jsonText, type ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { accountDataDepsFactory } from '../../lambdas/lib/runtime/account-data-deps.ts';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { createSimulatedAccountData } from '../../local/apple/account-data/simulated-account-data.ts';
import { VirtualClock } from '../../local/clock.ts';
import type { StandInHandler } from '../../local/http.ts';
import { standInTransport } from '../support/in-process-transport.ts';
import { rejection } from './app-store-connect-scripted-server.ts';

const DAY = 86_400_000;
const GRANT_ID = '0b8f7f6e-6a1c-4d0f-9d7b-2f0c6b1a9e11';
const ASSETS = 'https://assets.example-cdn.apple.com';
const never = new AbortController().signal;

/** The production wiring over simulated Apple, with one person's grant. */
async function world(scenario: AccountDataScenario) {
  const clock = new VirtualClock(Date.parse('2026-06-03T12:00:00Z'));
  const apple = await createSimulatedAccountData({ clock, scenario });
  const hosts: Record<string, StandInHandler> = {
    'https://accountdatatransfer.apple.com': apple.accountDataTransfer,
    'https://appdatatransfer.apple.com': apple.appDataTransfer,
    'https://appleid.apple.com': apple.oauth,
    [ASSETS]: apple.assets,
  };
  const transport: Transport = standInTransport((url) => {
    const handler = hosts[url.origin];
    if (handler === undefined) throw new Error(`nobody is at ${url.origin}`);
    return handler;
  });
  const { clientPrivateKeyPem, clientKeyId, teamId, clientId } = apple.credentials;
  const [consented] = apple.grants;
  let text = jsonText({ ...consented, grantId: GRANT_ID, status: 'active', series: [] });
  const grants: Partial<ObjectStore> = {
    readJson: async (_key, schema) => ({ value: schema.parse(JSON.parse(text)) as never, etag: text }),
    writeText: async (_key, written) => {
      text = written;
      return true;
    },
  };
  const lines: unknown[] = [];
  const write = (message: string, fields?: unknown) => void lines.push([message, fields]);
  const factory = accountDataDepsFactory(
    {
      baseUrls: {
        'account-data': 'https://accountdatatransfer.apple.com',
        'app-data': 'https://appdatatransfer.apple.com',
        oauth: 'https://appleid.apple.com',
      },
      trustedOrigins: [],
      assetHosts: [],
      dataSharingSecretArn: 'secret-arn',
      renewSeries: false,
      transport,
      clock,
      lookup: async () => [{ address: '17.1.2.3', family: 4 }],
      metrics: { count: () => undefined },
      readSecret: async () =>
        JSON.stringify({ privateKey: clientPrivateKeyPem, keyId: clientKeyId, teamId, clientId }),
    },
    { store: {} as ObjectStore, grants: grants as ObjectStore },
  );
  const grant = (): Grant => grantSchema.parse(JSON.parse(text));
  const deps = factory({
    deadline: Number.MAX_SAFE_INTEGER,
    log: { info: write, warn: write, error: write },
  });
  return { apple, clock, deps, lines, grant, client: () => deps.connect(grant()) };
}
type World = Awaited<ReturnType<typeof world>>;

/** Submits and waits as long as Apple says. */
async function completed({ client, clock }: World, mode: 'ONE_TIME' | 'DAILY_30') {
  const created = await client().submit(mode);
  if (created.result !== 'created') throw new Error(created.result);
  const { parentRequestId, requestId } = created;
  await clock.sleep(DAY);
  return { parentRequestId, requestId };
}

const urlsOf = async ({ client }: World, ids: Awaited<ReturnType<typeof completed>>) => {
  const answer = await client().downloadUrls(ids);
  if (answer.result !== 'urls') throw new Error(answer.result);
  return answer.urls;
};

describe('the clients against simulated Apple', () => {
  test.each(['account-data', 'app-data'] as const)(
    'carry a one-time request of %s from submit to its archives, byte for byte',
    async (service) => {
      const made = await world({ people: [{ service, archives: 2 }] });
      const ids = await completed(made, 'ONE_TIME');

      expect(await made.client().status(ids)).toMatchObject({ jobStatus: 'completed' });
      const sums: string[] = [];
      for (const url of await urlsOf(made, ids)) {
        const download = await made.deps.openAsset(url, { signal: never });
        const hash = createHash('sha256');
        for await (const chunk of download.body) hash.update(chunk as Buffer);
        sums.push(hash.digest('hex'));
      }

      const archives = await made.apple.archivesOf(ids.requestId);
      expect(sums).toEqual(archives.map(({ sha256 }) => sha256));
      expect(sums).toHaveLength(2);
      expect(made.apple.violations).toEqual([]);
    },
  );

  test('carry a series on to its next instance, with a fresh access token each day', async () => {
    const made = await world({ people: [{ mode: 'DAILY_30' }] });
    const { parentRequestId = '', requestId } = await completed(made, 'DAILY_30');
    expect(await made.client().status({ parentRequestId, requestId })).toMatchObject({
      jobStatus: 'completed',
    });

    const next = await made.client().resubmit({ parentRequestId, requestId });

    expect(next).toMatchObject({ result: 'created' });
    expect(next).not.toMatchObject({ requestId });
    expect(await made.client().resubmit({ parentRequestId, requestId })).toMatchObject({ result: 'refused' });
    expect(made.apple.calls.oauth).toHaveLength(2);
  });

  test.each([
    ['both-400', { parentRequestId: true, requestId: true, ids: 0 }],
    ['parent-400', { parentRequestId: true, requestId: false, ids: 0 }],
    ['request-400', { parentRequestId: false, requestId: true, ids: 0 }],
    ['both-200', { parentRequestId: true, requestId: true, ids: 0 }],
    ['uuid-in-text-400', { parentRequestId: false, requestId: false, ids: 1 }],
  ] as const)('read the duplicate answer %s', async (duplicate, named) => {
    const made = await world({ people: [{ mode: 'DAILY_30' }], variants: { duplicate } });
    const first = await made.client().submit('DAILY_30');
    if (first.result !== 'created') throw new Error(first.result);

    const second = await made.client().submit('DAILY_30');

    if (second.result !== 'exists') throw new Error(second.result);
    expect(second.parentRequestId).toBe(named.parentRequestId ? first.parentRequestId : undefined);
    expect(second.requestId).toBe(named.requestId ? first.requestId : undefined);
    expect(second.ids).toHaveLength(named.ids);
    const ofTheSeries = [first.parentRequestId, first.requestId];
    expect(ofTheSeries).toEqual(expect.arrayContaining([...second.ids]));
  });

  test.each(['400', '403'] as const)(
    'read a recurring submit refused with %s',
    async (appStoreInfoRecurring) => {
      const scopes = ['data-transfer-user-profile', 'appstore-info-account-data-for-EU-users'];
      const made = await world({ people: [{ scopes }], variants: { appStoreInfoRecurring } });

      expect(await made.client().submit('WEEKLY_180')).toMatchObject({
        result: 'refused',
        status: Number(appStoreInfoRecurring),
      });
    },
  );

  test.each(['400', '200-error'] as const)(
    'read a cancel that comes too late as %s',
    async (cancelTerminal) => {
      const made = await world({ people: [{}], variants: { cancelTerminal } });
      const { requestId } = await completed(made, 'ONE_TIME');

      expect(await made.client().cancel(requestId)).toMatchObject({ result: 'refused' });
    },
  );

  test('cancel what is in progress', async () => {
    const made = await world({ people: [{}] });
    const created = await made.client().submit('ONE_TIME');
    if (created.result !== 'created') throw new Error(created.result);

    expect(await made.client().cancel(created.requestId)).toMatchObject({ result: 'cancelled' });
    await made.clock.sleep(DAY);

    expect(await made.client().status(created)).toMatchObject({ jobStatus: 'cancelled' });
  });

  test.each(['invalid_request_status', 'in_progress'] as const)(
    'wait when URLs are not ready: %s',
    async (fetchNotComplete) => {
      const made = await world({ people: [{}], variants: { fetchNotComplete } });
      const created = await made.client().submit('ONE_TIME');
      if (created.result !== 'created') throw new Error(created.result);

      expect(await made.client().downloadUrls(created)).toMatchObject({ result: 'not-complete' });
    },
  );

  test.each([
    ['request_not_found', { result: 'not-found' }],
    ['empty', { result: 'urls', urls: [] }],
    ['job-status-error', { result: 'urls', urls: [], jobStatus: 'error' }],
  ] as const)('read the end of the three days: %s', async (fetchAfterWindow, expected) => {
    const made = await world({ people: [{}], variants: { fetchAfterWindow } });
    const ids = await completed(made, 'ONE_TIME');
    await made.clock.sleep(4 * DAY);

    expect(await made.client().downloadUrls(ids)).toMatchObject(expected);
  });

  test.each(['ok', '400'] as const)('read an unknown request: %s', async (unknownStatusId) => {
    const made = await world({ people: [{}], variants: { unknownStatusId } });

    expect(await made.client().status({ requestId: GRANT_ID })).toMatchObject({
      jobStatus: 'request_not_found',
    });
  });

  test('find a URL expired after its fifteen minutes', async () => {
    const made = await world({ people: [{}] });
    const [url = ''] = await urlsOf(made, await completed(made, 'ONE_TIME'));
    await made.clock.sleep(901_000);

    await rejection(made.deps.openAsset(url, { signal: never }), DownloadExpiredError);
  });

  test.each(['url-http', 'url-loopback', 'url-private-address', 'url-other-port', 'url-userinfo'] as const)(
    'refuse the URLs of the fault %s',
    async (respond) => {
      const made = await world({ people: [{}] });
      made.apple.faults.add({ respond });
      const [url = ''] = await urlsOf(made, await completed(made, 'ONE_TIME'));

      await rejection(made.deps.openAsset(url, { signal: never }), HostNotAllowedError);

      expect(made.apple.calls.assets).toEqual([]);
    },
  );

  test('resume an archive where the asset host allows it', async () => {
    const made = await world({ people: [{ archives: 1 }], variants: { assetsRanges: true } });
    const ids = await completed(made, 'ONE_TIME');
    const [url = ''] = await urlsOf(made, ids);
    const whole = await made.deps.openAsset(url, { signal: never });
    whole.body.destroy();

    const rest = await made.deps.openAsset(url, {
      signal: never,
      resume: { offset: 10, etag: whole.resumableWith ?? '' },
    });

    const [archive] = await made.apple.archivesOf(ids.requestId);
    expect(rest.offset).toBe(10);
    expect(Buffer.concat(await rest.body.toArray())).toEqual(archive?.bytes.subarray(10));
  });

  test('go on when an access token ends early', async () => {
    const made = await world({ people: [{}] });
    made.apple.faults.add({ respond: 'token-expires', times: 1 });

    expect(await made.client().submit('ONE_TIME')).toMatchObject({ result: 'created' });

    expect(made.apple.calls.oauth).toHaveLength(2);
  });

  test('keep a refresh token that Apple rotates, and go on with it', async () => {
    const made = await world({ people: [{}], variants: { rotateRefreshTokens: true } });
    const before = made.grant().refreshToken;
    const ids = await completed(made, 'ONE_TIME');
    const after = made.grant().refreshToken;

    expect(await made.client().status(ids)).toMatchObject({ jobStatus: 'completed' });

    expect(new Set([before, after, made.grant().refreshToken]).size).toBe(3);
  });

  test('tell a consent that was withdrawn from a key that was revoked', async () => {
    const withdrawn = await world({ people: [{ externalId: 'person' }] });
    withdrawn.apple.withdrawConsent('person');
    await rejection(withdrawn.client().submit('ONE_TIME'), GrantRefusedError);
    const revoked = await world({ people: [{}] });
    revoked.apple.revokeKey();

    await rejection(revoked.client().submit('ONE_TIME'), OAuthClientRefusedError);
  });

  test('write no token and no query into the log', async () => {
    const made = await world({ people: [{ archives: 1 }] });
    const [url = ''] = await urlsOf(made, await completed(made, 'ONE_TIME'));
    await made.deps.openAsset(`${url}&broken`, { signal: never }).catch(() => undefined);

    const logged = JSON.stringify(made.lines);
    expect(logged).toContain('Calling Apple');
    expect(logged).not.toContain(made.grant().refreshToken);
    expect(logged).not.toContain(new URL(url).search.slice(1));
    expect(logged).not.toContain(made.grant().externalId);
  });
});
