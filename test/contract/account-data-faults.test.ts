import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiAuthError, ApiThrottledError, ApiUnavailableError } from '../../lambdas/lib/errors.ts';
import type { StandInHandler } from '../../local/http.ts';
import {
  CALL_NAMES,
  CALLS,
  type CallName,
  GETS,
  PARENT,
  POSTS,
  REQUEST,
  scriptedClient,
} from './account-data-scripted-client.ts';
import {
  html,
  json,
  rejection,
  reset,
  type ScriptedServer,
  START,
  scriptedServer,
  silence,
  stall,
  text,
} from './app-store-connect-scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.close());

/** Good for every call. */
const success = json({ requestId: REQUEST, jobStatus: 'cancelled', status: 'success', assetInfo: [] });

const cutBody: StandInHandler = async () => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'content-length': '1000' },
  body: '{"requestId":',
  cutAfterBytes: 5,
});
const cutRefusal: StandInHandler = async (request) => ({ ...(await cutBody(request)), status: 400 });

const PASSING_FAULTS: [string, StandInHandler][] = [
  ['a 500 in JSON', json({ status: 'error' }, { status: 500 })],
  ['an empty 503', text('', { status: 503 })],
  ['a 408', text('', { status: 408 })],
  ['a 502 page', html(502)],
  ['a 400 page', html(400)],
  ['a 403 page', html(403)],
  ['a 200 page', html(200)],
  ['a reset', reset],
  ['a body cut short', cutBody],
  ['a refusal cut short', cutRefusal],
  ['JSON cut short under a fitting length', text(`{"parentRequestId":"${PARENT}","requ`)],
];
const TIMED_FAULTS: [string, StandInHandler][] = [
  ['no answer within the time of a try', silence],
  ['a body that stalls', stall()],
];

const pairs = (names: readonly CallName[]) =>
  names.flatMap((name) => PASSING_FAULTS.map(([what, fault]) => [name, what, fault] as const));

const waits = (sleeps: readonly number[]) => sleeps.filter((sleep) => sleep > 1);

describe('passing faults of account data transfer', () => {
  test.each(pairs(GETS))('%s overcomes %s by the second quick try', async (name, _what, fault) => {
    server.script(fault, fault, success);
    const { client, clock } = scriptedClient(server);

    await CALLS[name](client);

    expect(server.requests).toHaveLength(3);
    expect(waits(clock.sleeps)).toEqual([750, 1500]);
  });

  test.each(PASSING_FAULTS)('%s three times is ApiUnavailableError', async (_what, fault) => {
    server.script(fault, fault, fault, success);

    const error = await rejection(
      CALLS['recurring status'](scriptedClient(server).client),
      ApiUnavailableError,
    );

    expect(error.message).toContain(`${REQUEST} for grant 1`);
    expect(server.requests).toHaveLength(3);
  });

  test.each(pairs(POSTS))('%s is not repeated after %s', async (name, _what, fault) => {
    server.script(fault, success);

    await rejection(CALLS[name](scriptedClient(server).client), ApiUnavailableError);

    expect(server.requests).toHaveLength(1);
  });

  test.each(TIMED_FAULTS)('%s is ApiUnavailableError', async (_what, fault) => {
    server.script(fault, success);
    const { client } = scriptedClient(server, { timeouts: { tryMilliseconds: 50 } });

    const error = await rejection(client.submit('ONE_TIME'), ApiUnavailableError);

    expect(error.details).toMatchObject({ reason: 'TimeoutError' });
    expect(server.requests).toHaveLength(1);
  });

  test('a 404 that is not JSON comes from something in between', async () => {
    server.script(text('no such route', { status: 404 }));

    const error = await rejection(CALLS.cancel(scriptedClient(server).client), ApiUnavailableError);

    expect(error.message).toContain('check the base URL');
  });

  test('no try begins after the deadline', async () => {
    server.script(text('', { status: 503 }), success);
    const deadline = START + 700;
    const { client } = scriptedClient(server, { deadline });
    await rejection(client.status({ requestId: REQUEST }), ApiUnavailableError);
    expect(server.requests).toHaveLength(1);

    const late = scriptedClient(server, { deadline: START });
    const error = await rejection(late.client.submit('ONE_TIME'), ApiUnavailableError);

    expect(error.details).toMatchObject({ reason: 'deadline' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('rate limits', () => {
  test.each(CALL_NAMES)('%s is ApiThrottledError with the seconds that Apple names', async (name) => {
    server.script(text('', { status: 429, headers: { 'retry-after': '120' } }), success);

    const error = await rejection(CALLS[name](scriptedClient(server).client), ApiThrottledError);

    expect(error.retryAfterSeconds).toBe(120);
    expect(server.requests).toHaveLength(1);
  });

  test.each(CALL_NAMES)('%s is ApiThrottledError with the date that Apple names', async (name) => {
    const headers = { 'retry-after': new Date(START + 90_000).toUTCString() };
    server.script(text('', { status: 429, headers }), success);

    const error = await rejection(CALLS[name](scriptedClient(server).client), ApiThrottledError);

    expect(error.retryAfterSeconds).toBe(90);
    expect(server.requests).toHaveLength(1);
  });

  test('without a time a GET is tried again, a POST is not', async () => {
    const throttled = text('', { status: 429 });
    server.script(throttled, success);
    await CALLS['one-time status'](scriptedClient(server).client);
    expect(server.requests).toHaveLength(2);

    server.script(throttled, success);
    await rejection(CALLS.submit(scriptedClient(server).client), ApiThrottledError);

    expect(server.requests).toHaveLength(1);
  });

  test('a 503 that names a time is waited for when it is short, and left to the caller when not', async () => {
    server.script(text('', { status: 503, headers: { 'retry-after': '7' } }), success);
    const short = scriptedClient(server);
    await CALLS['one-time status'](short.client);
    expect(waits(short.clock.sleeps)).toEqual([7_000]);

    server.script(text('', { status: 503, headers: { 'retry-after': '600' } }), success);
    const error = await rejection(
      CALLS['one-time status'](scriptedClient(server).client),
      ApiUnavailableError,
    );

    expect(error.details).toMatchObject({ retryAfterSeconds: 600 });
  });
});

describe('refused access', () => {
  const unauthorized = text('', { status: 401 });

  test.each(CALL_NAMES)('%s after a 401 is repeated once with a refreshed token', async (name) => {
    server.script(unauthorized, success);
    const { client, refused } = scriptedClient(server);

    await CALLS[name](client);

    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t0ken-0',
      'Bearer t0ken-1',
    ]);
    expect(refused).toEqual(['t0ken-0']);
  });

  test.each(CALL_NAMES)('%s with a second 401 is ApiAuthError', async (name) => {
    server.script(unauthorized, unauthorized, success);

    const error = await rejection(CALLS[name](scriptedClient(server).client), ApiAuthError);

    expect(error.outcome).toBe('credentials-refused');
    expect(server.requests).toHaveLength(2);
  });

  test.each(CALL_NAMES.filter((name) => name !== 'submit' && name !== 'resubmit'))(
    '%s with a 403 is ApiAuthError and not repeated',
    async (name) => {
      server.script(text('', { status: 403 }), success);

      const error = await rejection(CALLS[name](scriptedClient(server).client), ApiAuthError);

      expect(error).toMatchObject({ outcome: 'forbidden', details: { status: 403 } });
      expect(server.requests).toHaveLength(1);
    },
  );
});

describe('what must stay secret', () => {
  test.each(CALL_NAMES)('%s tells its token in no log and no error, whatever Apple answers', async (name) => {
    const url = 'https://assets.example.com/1.zip?sig=s3cr3t';
    for (const status of [200, 400, 401, 403, 404, 429, 500]) {
      const answer: StandInHandler = (request) =>
        json({ ...request.headers, url, assetInfo: [7], jobStatus: 'new' }, { status })(request);
      server.script(answer, answer, answer);
      const { client, log } = scriptedClient(server);

      const told = await CALLS[name](client).catch((error: Error) => [
        error.message,
        error.stack,
        (error as ApiAuthError).details,
      ]);

      expect(JSON.stringify([told, log])).not.toMatch(/t0ken|s3cr3t/);
    }
  });
});
