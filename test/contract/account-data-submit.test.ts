import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiContractError } from '../../lambdas/lib/errors.ts';
import {
  PARENT,
  RECURRING,
  REQUEST,
  scriptedClient,
  UPPER_CASE_UUID,
} from './account-data-scripted-client.ts';
import {
  json,
  rejection,
  type ScriptedServer,
  scriptedServer,
  text,
} from './app-store-connect-scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.close());

const CREATED_JOB = { ...RECURRING, status: 'in_progress', statusCheckDelay: 86400 };

describe('submit', () => {
  const submit = (body: unknown, status = 200) => {
    server.script(typeof body === 'string' ? text(body, { status }) : json(body, { status }));
    return scriptedClient(server).client.submit('DAILY_30');
  };
  const CREATED = { result: 'created', parentRequestId: PARENT, requestId: REQUEST };

  test.each(['in_progress', 'success', 'completed', undefined])(
    'with status %s is created',
    async (status) => {
      expect(await submit({ ...CREATED_JOB, status })).toMatchObject({ ...CREATED, delay: 86400 });
    },
  );

  test('of a one-time request has no parent id', async () => {
    const answer = await submit({ requestId: REQUEST, status: 'in_progress', statusCheckDelay: 5 });

    expect(answer).toMatchObject({
      result: 'created',
      requestId: REQUEST,
      parentRequestId: undefined,
      delay: 5,
    });
  });

  test.each([0, -1, 1e9, '3600', null, undefined, [], { seconds: 1 }])(
    'hands on the delay %j as it came',
    async (statusCheckDelay) => {
      expect(await submit({ ...CREATED_JOB, statusCheckDelay })).toMatchObject({
        ...CREATED,
        delay: statusCheckDelay,
      });
    },
  );

  test('keeps ids as they are written', async () => {
    const requestId = 'Mixed-Case_opaque.id';

    expect(await submit({ requestId, status: 'success' })).toMatchObject({ result: 'created', requestId });
  });

  const BOTH = { parentRequestId: PARENT, requestId: REQUEST, ids: [] };
  const UNNAMED = { parentRequestId: undefined, requestId: undefined };
  test.each([
    ['400 with both ids', 400, { status: 'error', statusMessage: 'x', ...RECURRING }, BOTH],
    ['400 with a whole CreatedJob', 400, CREATED_JOB, BOTH],
    ['400 with the parent only', 400, { parentRequestId: PARENT }, { ...BOTH, requestId: undefined }],
    ['400 with the instance only', 400, { requestId: REQUEST }, { ...BOTH, parentRequestId: undefined }],
    ['200 with status error', 200, { ...CREATED_JOB, status: 'error' }, BOTH],
    ['200 with status ERROR', 200, { ...CREATED_JOB, status: 'ERROR' }, BOTH],
    ['200 with the parent only', 200, { parentRequestId: PARENT }, { ...BOTH, requestId: undefined }],
    ['403 with both ids', 403, RECURRING, BOTH],
    ['409 with both ids', 409, RECURRING, BOTH],
    ['400 with the ids further down', 400, { errors: [{ meta: RECURRING }] }, BOTH],
    ['400 with a UUID in a text of JSON', 400, { message: `see ${PARENT}.` }, { ...UNNAMED, ids: [PARENT] }],
    ['400 with a UUID in plain text', 400, `exists: ${REQUEST}`, { ...UNNAMED, ids: [REQUEST] }],
    [
      '400 with ids of other names',
      400,
      { series: PARENT, latest: REQUEST.toLowerCase(), again: PARENT.toLowerCase() },
      { ...UNNAMED, ids: [PARENT, REQUEST.toLowerCase()] },
    ],
    [
      '400 with a named id and another',
      400,
      { requestId: REQUEST, message: `${REQUEST} of ${PARENT}` },
      { parentRequestId: undefined, requestId: REQUEST, ids: [PARENT] },
    ],
    ['409 with a UUID in plain text', 409, `exists: ${REQUEST}`, { ...UNNAMED, ids: [REQUEST] }],
    ['403 with the instance only', 403, { requestId: REQUEST }, { ...BOTH, parentRequestId: undefined }],
    ['200 with a UUID in a text', 200, { status: 'error', text: REQUEST }, { ...UNNAMED, ids: [REQUEST] }],
  ])('answered with %s is a duplicate', async (_what, status, body, expected) => {
    expect(await submit(body, status)).toMatchObject({ result: 'exists', status, ...expected });
  });

  test.each([
    ['an empty 400', 400, ''],
    ['a 400 without an id', 400, { status: 'error', statusMessage: 'invalid_mode' }],
    ['a 400 with empty ids', 400, { parentRequestId: '', requestId: '' }],
    ['a 400 with ids of another type', 400, { parentRequestId: 1, requestId: null }],
    ['a 400 with a longer run of hex', 400, { checksum: `${REQUEST}00`, other: `a-${REQUEST}` }],
    ['a 403 without an id', 403, {}],
    ['a 403 with the id of a trace', 403, { status: 'error', traceId: REQUEST }],
    ['a 403 with a UUID in plain text', 403, `forbidden (${REQUEST})`],
  ])('answered with %s is refused', async (_what, status, body) => {
    expect(await submit(body, status)).toMatchObject({ result: 'refused', status });
  });

  test('the transaction id of our own call, repeated in a refusal, names no request', async () => {
    server.script(async ({ headers }) => ({
      status: 400,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ transactionId: headers['x-apple-transaction-id']?.toLowerCase() }),
    }));

    expect(await scriptedClient(server).client.submit('DAILY_30')).toMatchObject({ result: 'refused' });
  });

  test.each([
    ['an empty 200', 200, ''],
    ['a 200 without an id', 200, { status: 'success' }],
    ['a 200 that is a list', 200, []],
    ['a 404 in JSON', 404, { message: 'no such route' }],
  ])('answered with %s is ApiContractError with the body', async (_what, status, body) => {
    const error = await rejection(submit(body, status), ApiContractError);

    expect(error.details).toMatchObject({
      status,
      transactionId: expect.stringMatching(UPPER_CASE_UUID),
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  });

  test('a body of depth 30,000 is read without harm', async () => {
    const depth = 30_000;

    const answer = await submit(`${'['.repeat(depth)}"${REQUEST}"${']'.repeat(depth)}`, 400);

    expect(answer).toMatchObject({ result: 'exists', ids: [REQUEST] });
  });

  test('the body that is kept has no token, no path of a URL, no JWT, and at most 2,000 characters', async () => {
    const error = await rejection(
      submit({
        echo: 't0ken-0',
        jwt: 'eyJhbGciOi.eyJzdWIi.c2ln',
        link: 'https://assets.example.com/p4th/1.zip?X-Signature=s3cr3t',
        filler: 'x'.repeat(5_000),
      }),
      ApiContractError,
    );

    const body = String(error.details.body);
    expect(body).toContain('https://assets.example.com/[redacted]');
    expect(body).not.toMatch(/t0ken-0|eyJ|p4th|s3cr3t/);
    expect(body.length).toBe(2_000);
    expect(error.message).not.toMatch(/t0ken|eyJ|s3cr3t/);
  });
});
