import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type OAuthClientOptions, oauthClient } from '../../lambdas/lib/apple/oauth.ts';
import {
  type Transport,
  type TransportResponse,
  undiciTransport,
} from '../../lambdas/lib/apple/transport.ts';
import {
  ApiContractError,
  ApiThrottledError,
  ApiUnavailableError,
  GrantRefusedError,
  HostNotAllowedError,
  OAuthClientRefusedError,
  OAuthRequestError,
  SecretFormatError,
} from '../../lambdas/lib/errors.ts';
import {
  html,
  json,
  RecordingClock,
  rejection,
  reset,
  type ScriptedServer,
  START,
  scriptedServer,
  silence,
  text,
} from './app-store-connect-scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.close());

function pem(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString();
}
const PEM = pem();
const secretOf = (fields: Record<string, unknown> = {}) =>
  JSON.stringify({ privateKey: PEM, keyId: 'KEY1', teamId: 'TEAM1', clientId: 'com.Example.app', ...fields });

const TOKENS = { access_token: 'acc3ss', token_type: 'Bearer', expires_in: 3600, id_token: 'eyJ.id.t0ken' };
const refusal = (error: unknown, status = 400) => json({ error }, { status });

function scripted(overrides: Partial<OAuthClientOptions> = {}) {
  const clock = new RecordingClock(START);
  let reads = 0;
  const client = oauthClient({
    baseUrl: server.origin,
    trustedOrigins: [server.origin],
    transport: undiciTransport(),
    clock,
    readSecret: async () => {
      reads += 1;
      return secretOf({ keyId: `KEY${reads}` });
    },
    random: () => 0.5,
    ...overrides,
  });
  return { client, clock, reads: () => reads };
}

const refresh = (overrides: Partial<OAuthClientOptions> = {}) =>
  scripted(overrides).client.refresh('r3fresh+/=&', 'grant 1');
const formOf = (index = 0) => Object.fromEntries(new URLSearchParams(server.requests[index]?.text));
const verified = (secret: string | undefined, milliseconds = START) =>
  jwtVerify(secret ?? '', createPublicKey(PEM), {
    algorithms: ['ES256'],
    currentDate: new Date(milliseconds),
  });

describe('a refresh', () => {
  test('is the documented form, signed with a client secret of five minutes', async () => {
    server.script(json(TOKENS));

    await refresh();

    const [request] = server.requests;
    expect([request?.method, request?.target]).toEqual(['POST', '/auth/oauth2/v2/token']);
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(request?.headers.authorization).toBeUndefined();
    const { client_secret, ...form } = formOf();
    expect(form).toEqual({
      client_id: 'com.Example.app',
      grant_type: 'refresh_token',
      refresh_token: 'r3fresh+/=&',
    });
    const { protectedHeader, payload } = await verified(client_secret);
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'KEY1' });
    expect(payload).toEqual({
      iss: 'TEAM1',
      sub: 'com.Example.app',
      aud: 'https://appleid.apple.com',
      iat: START / 1000 - 30,
      exp: START / 1000 + 300,
    });
  });

  test('gives no refresh token where Apple sends none', async () => {
    server.script(json(TOKENS));

    expect(await refresh()).toEqual({
      accessToken: 'acc3ss',
      expiresInSeconds: 3600,
      refreshToken: undefined,
    });
  });

  test('gives the refresh token that Apple sends, and minds no case of the token type', async () => {
    server.script(json({ ...TOKENS, token_type: 'bEARER', expires_in: 60.5, refresh_token: 'new' }));

    expect(await refresh()).toEqual({ accessToken: 'acc3ss', expiresInSeconds: 60.5, refreshToken: 'new' });
  });

  test.each([
    ['no access token', { access_token: undefined }],
    ['an empty access token', { access_token: '' }],
    ['another token type', { token_type: 'mac' }],
    ['no token type', { token_type: undefined }],
    ['no life', { expires_in: undefined }],
    ['a life of zero', { expires_in: 0 }],
    ['a negative life', { expires_in: -1 }],
    ['a life in text', { expires_in: '3600' }],
    ['an empty refresh token', { refresh_token: '' }],
  ])('answered with %s is ApiContractError that names the field', async (_what, fields) => {
    server.script(json({ ...TOKENS, ...fields }));

    const error = await rejection(refresh(), ApiContractError);

    expect(error.message).toContain(Object.keys(fields)[0]);
    expect(error.message).toContain('grant 1');
  });

  test.each([
    ['no JSON', text('acc3ss', { headers: { 'content-type': 'text/plain' } })],
    ['nothing', text('')],
    ['a list', json([TOKENS])],
  ])('answered with %s is ApiContractError', async (_what, answer) => {
    server.script(answer);

    await rejection(refresh(), ApiContractError);
  });
});

describe('errors of the token endpoint', () => {
  test.each([400, 401])('%i invalid_grant is GrantRefusedError, and nothing is repeated', async (status) => {
    server.script(refusal('invalid_grant', status), json(TOKENS));
    const { client, reads } = scripted();

    const error = await rejection(client.refresh('r3fresh', 'grant 1'), GrantRefusedError);

    expect(error.message).toContain('grant 1');
    expect(server.requests).toHaveLength(1);
    expect(reads()).toBe(1);
  });

  test.each(['unauthorized_client', 'unsupported_grant_type', 'invalid_scope'])(
    '%s is OAuthClientRefusedError with that code',
    async (code) => {
      server.script(refusal(code), json(TOKENS));

      expect(await rejection(refresh(), OAuthClientRefusedError)).toMatchObject({ code });
      expect(server.requests).toHaveLength(1);
    },
  );

  test('invalid_client has the secret read again and is repeated once', async () => {
    server.script(refusal('invalid_client'), json(TOKENS));
    const { client, reads } = scripted();

    await client.refresh('r3fresh', 'grant 1');

    expect((await verified(formOf(1).client_secret)).protectedHeader.kid).toBe('KEY2');
    expect(reads()).toBe(2);
  });

  test('a second invalid_client is OAuthClientRefusedError, and the next call reads the secret again', async () => {
    const refused = refusal('invalid_client', 401);
    server.script(refused, refused, refused, json(TOKENS));
    const { client, reads } = scripted();

    const error = await rejection(client.refresh('r3fresh', 'grant 1'), OAuthClientRefusedError);
    expect(error.code).toBe('invalid_client');
    expect(server.requests).toHaveLength(2);

    await client.refresh('r3fresh', 'grant 1');
    expect(reads()).toBe(3);
  });

  test('invalid_request is OAuthRequestError', async () => {
    server.script(refusal('invalid_request'));

    expect((await rejection(refresh(), OAuthRequestError)).message).toContain('grant 1');
  });

  test.each([
    ['an unknown error', refusal('temporarily_tired')],
    ['an error that is no text', refusal({ code: 'invalid_grant' })],
    ['no error', json({}, { status: 400 })],
    ['nothing', text('', { status: 403 })],
    ['a 404 in JSON', json({ message: 'no route' }, { status: 404 })],
  ])('%s is ApiContractError', async (_what, answer) => {
    server.script(answer);

    await rejection(refresh(), ApiContractError);

    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['a 500', text('', { status: 500 })],
    ['a 503', json({ error: 'invalid_grant' }, { status: 503 })],
    ['a page', html(400)],
    ['a reset', reset],
  ])(
    '%s is overcome by the second quick try, and three of it are ApiUnavailableError',
    async (_what, fault) => {
      server.script(fault, fault, json(TOKENS));
      const { client, clock } = scripted();
      await client.refresh('r3fresh', 'grant 1');
      expect(clock.sleeps.filter((sleep) => sleep > 1)).toEqual([750, 1500]);

      server.script(fault, fault, fault, json(TOKENS));
      await rejection(refresh(), ApiUnavailableError);

      expect(server.requests).toHaveLength(3);
    },
  );

  test('no answer within the time of a try is ApiUnavailableError', async () => {
    server.script(silence, silence, silence);

    await rejection(refresh({ timeouts: { tryMilliseconds: 30 } }), ApiUnavailableError);
  });

  test.each([
    ['seconds', '120'],
    ['a date', new Date(START + 120_000).toUTCString()],
  ])('a 429 with %s is ApiThrottledError and not repeated', async (_what, header) => {
    server.script(text('', { status: 429, headers: { 'retry-after': header } }));

    expect(await rejection(refresh(), ApiThrottledError)).toMatchObject({ retryAfterSeconds: 120 });
    expect(server.requests).toHaveLength(1);
  });

  test('a redirect is refused and not followed', async () => {
    server.script(text('', { status: 302, headers: { location: `${server.origin}/other` } }));

    await rejection(refresh(), HostNotAllowedError);

    expect(server.requests).toHaveLength(1);
  });
});

describe('the time of a call', () => {
  afterEach(() => vi.useRealTimers());

  const never = () => new Promise<never>(() => undefined);
  const refusedLate = () =>
    new Promise<TransportResponse>((resolve) => {
      const body = Readable.from([Buffer.from('{"error":"invalid_client"}')]);
      setTimeout(
        () => resolve({ status: 400, headers: { 'content-type': 'application/json' }, body }),
        20_000 - 1,
      );
    });

  test.each([
    ['a try without answer', never],
    ['a client that was refused', refusedLate],
  ])('is 25 seconds in all: %s leaves the next try 5', async (_what, first) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let tries = 0;
    const transport: Transport = () => {
      begun[tries]?.resolve();
      tries += 1;
      return tries === 1 ? first() : never();
    };
    const ended = rejection(refresh({ transport }), ApiUnavailableError);

    await begun[0]?.promise;
    await vi.advanceTimersByTimeAsync(20_000);
    await begun[1]?.promise;
    await vi.advanceTimersByTimeAsync(5_000);

    expect((await ended).details).toMatchObject({ reason: 'TimeoutError' });
    expect(tries).toBe(2);
  });
});

describe('the token endpoint', () => {
  test('that is not https and not trusted gets no credential', async () => {
    server.script(json(TOKENS));

    await rejection(refresh({ trustedOrigins: [] }), HostNotAllowedError);

    expect(server.requests).toEqual([]);
  });
});

describe('the secret', () => {
  test('is read once for many calls', async () => {
    server.script(json(TOKENS), json(TOKENS));
    const { client, reads } = scripted();

    await client.refresh('a', 'grant 1');
    await client.refresh('b', 'grant 2');

    expect(reads()).toBe(1);
  });

  test('with its placeholder is SecretFormatError without any call, and read again by the next one', async () => {
    let secret = '{"privateKey":"","keyId":"","teamId":"","clientId":""}';
    const { client } = scripted({ readSecret: async () => secret });
    server.script(json(TOKENS));

    const error = await rejection(client.refresh('r3fresh', 'grant 1'), SecretFormatError);
    expect(error.message).toContain('placeholder');
    expect(server.requests).toEqual([]);

    secret = secretOf();
    await client.refresh('r3fresh', 'grant 1');
    expect(server.requests).toHaveLength(1);
  });
});

describe('a revocation', () => {
  test.each(['', '{}'])('is the documented form, and %j ends it well', async (body) => {
    server.script(text(body));

    await scripted().client.revoke('r3fresh', 'refresh_token', 'grant 1');

    expect([server.requests[0]?.method, server.requests[0]?.target]).toEqual([
      'POST',
      '/auth/oauth2/v2/revoke',
    ]);
    expect(formOf()).toMatchObject({
      client_id: 'com.Example.app',
      token: 'r3fresh',
      token_type_hint: 'refresh_token',
    });
  });

  test('is repeated once after invalid_client', async () => {
    server.script(refusal('invalid_client'), text(''));

    await scripted().client.revoke('acc3ss', 'access_token', 'grant 1');

    expect(server.requests).toHaveLength(2);
  });
});

describe('the public keys', () => {
  const KEY = { kty: 'RSA', kid: 'K1', use: 'sig', alg: 'RS256', n: 'n', e: 'AQAB' };

  test('are told as Apple sends them, without a client secret', async () => {
    server.script(json({ keys: [KEY] }));

    expect(await scripted().client.keys()).toEqual({ keys: [KEY] });

    expect(server.requests[0]).toMatchObject({ method: 'GET', target: '/auth/oauth2/v2/keys', text: '' });
  });

  test.each([{ keys: [] }, { keys: [{ ...KEY, kid: undefined }] }, {}])(
    'that are %j are ApiContractError',
    async (body) => {
      server.script(json(body));

      await rejection(scripted().client.keys(), ApiContractError);
    },
  );
});

describe('what must stay secret', () => {
  test('is in no error, whatever Apple answers', async () => {
    const told: unknown[] = [];
    for (const status of [200, 400, 401, 403, 404, 429, 500]) {
      for (const error of ['invalid_client', 'invalid_grant', 'r3fresh', 'acc3ss']) {
        const answer = json({ ...TOKENS, expires_in: 0, error, refresh_token: 'r3fresh' }, { status });
        server.script(...Array.from({ length: 6 }, () => answer));
        const failure = await rejection(scripted().client.refresh('r3fresh', 'grant 1'), Error);
        told.push([failure.message, failure.stack, (failure as ApiContractError).details]);
      }
    }

    expect(JSON.stringify(told)).not.toMatch(/r3fresh|acc3ss|t0ken|eyJ|PRIVATE|KEY\d/);
  });
});
