import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiContractError, HostNotAllowedError } from '../../lambdas/lib/errors.ts';
import {
  CALL_NAMES,
  CALLS,
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
  START,
  scriptedServer,
  text,
} from './app-store-connect-scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.close());

const NEW_REQUEST = '0FFFD45D-1B2C-4D3E-8F40-0123456789AB';
const SUCCESS = {
  submit: { ...RECURRING, status: 'in_progress', statusCheckDelay: 86400 },
  resubmit: { parentRequestId: PARENT, requestId: NEW_REQUEST, status: 'success', statusCheckDelay: 86400 },
  status: { jobStatus: 'in_progress', status: 'success', statusCheckDelay: 3600 },
  urls: { assetInfo: ['https://assets.example.com/1.zip?s=1'], jobStatus: 'completed', status: 'success' },
  cancel: { jobStatus: 'cancelled', status: 'success' },
};
const SUCCESSES = [
  SUCCESS.submit,
  SUCCESS.resubmit,
  SUCCESS.status,
  SUCCESS.status,
  SUCCESS.urls,
  SUCCESS.urls,
  SUCCESS.cancel,
];

describe('calls of account data transfer', () => {
  test('go to the documented paths with the documented bodies', async () => {
    const sent: unknown[] = [];
    for (const [index, name] of CALL_NAMES.entries()) {
      server.script(json(SUCCESSES[index]));
      await CALLS[name](scriptedClient(server).client);
      const [request] = server.requests;
      sent.push([request?.method, request?.target, request?.text]);
    }

    const base = '/api/transfer/accountdata';
    expect(sent).toEqual([
      ['POST', `${base}/submit`, '{"mode":"DAILY_30"}'],
      ['POST', `${base}/resubmit`, JSON.stringify(RECURRING)],
      ['GET', `${base}/${REQUEST}`, ''],
      ['GET', `${base}/${PARENT}/${REQUEST}`, ''],
      ['GET', `${base}/fetch/${REQUEST}`, ''],
      ['GET', `${base}/fetch/${PARENT}/${REQUEST}`, ''],
      ['POST', `${base}/cancel`, `{"requestId":"${PARENT}"}`],
    ]);
  });

  test('of app data transfer differ in the path only', async () => {
    server.script(json(SUCCESS.status));

    await scriptedClient(server, { service: 'app-data' }).client.status(RECURRING);

    expect(server.requests[0]?.target).toBe(`/api/transfer/appdata/${PARENT}/${REQUEST}`);
  });

  test.each(CALL_NAMES.map((name, index) => [name, SUCCESSES[index]] as const))(
    '%s sends the bearer and the headers that Apple asks for',
    async (name, success) => {
      server.script(json(success));

      await CALLS[name](scriptedClient(server).client);

      const [request] = server.requests;
      expect(request?.headers).toMatchObject({
        accept: 'application/json',
        authorization: 'Bearer t0ken-0',
        'x-apple-transaction-id': expect.stringMatching(UPPER_CASE_UUID),
      });
      expect(request?.headers['content-type']).toBe(
        request?.method === 'POST' ? 'application/json' : undefined,
      );
    },
  );

  test('an id that is no UUID is percent-encoded in the path', async () => {
    server.script(json(SUCCESS.status));

    await scriptedClient(server).client.status({ requestId: 'a/b?c#d' });

    expect(server.requests[0]?.target).toBe('/api/transfer/accountdata/a%2Fb%3Fc%23d');
  });

  test('every attempt has a transaction id of its own, which is logged, and the last one is told', async () => {
    server.script(text('', { status: 503 }), json({}, { status: 401 }), json(SUCCESS.status));
    const { client, log } = scriptedClient(server);

    const answer = await client.status(RECURRING);

    const sent = server.requests.map(({ headers }) => headers['x-apple-transaction-id']);
    expect(new Set(sent).size).toBe(3);
    expect(answer.transactionId).toBe(sent[2]);
    const logged = log.filter(({ message }) => message === 'Calling Apple');
    expect(logged.map(({ fields }) => fields)).toEqual(
      sent.map((transactionId) => ({ call: 'status', subject: 'grant 1', transactionId })),
    );
  });

  test('a base URL that is not https and not trusted gets no call and no token', async () => {
    server.script(json(SUCCESS.status));
    const { client } = scriptedClient(server, { trustedOrigins: [] });

    await rejection(client.status(RECURRING), HostNotAllowedError);

    expect(server.requests).toEqual([]);
  });

  test.each(CALL_NAMES)('%s never follows a redirect', async (name) => {
    server.script(
      text('', { status: 307, headers: { location: `${server.origin}/elsewhere?token=s3cr3t` } }),
    );

    const error = await rejection(CALLS[name](scriptedClient(server).client), HostNotAllowedError);

    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify([error.message, error.details])).not.toContain('s3cr3t');
  });
});

describe('resubmit', () => {
  const resubmit = (body: unknown, status = 200) => {
    server.script(typeof body === 'string' ? text(body, { status }) : json(body, { status }));
    return scriptedClient(server).client.resubmit(RECURRING);
  };

  test('gives the new instance', async () => {
    expect(await resubmit(SUCCESS.resubmit)).toMatchObject({
      result: 'created',
      requestId: NEW_REQUEST,
      delay: 86400,
    });
  });

  test.each([
    ['400', 400, SUCCESS.resubmit, 400],
    ['an empty 400', 400, '', 400],
    ['403', 403, '', 403],
    ['200 with status error', 200, { ...SUCCESS.resubmit, status: 'error' }, 400],
  ])('answered with %s is refused', async (_what, status, body, told) => {
    expect(await resubmit(body, status)).toMatchObject({ result: 'refused', status: told });
  });

  test.each([
    ['an empty 200', 200, ''],
    ['a 200 without an id', 200, { status: 'success', parentRequestId: PARENT }],
    ['a 409 in JSON', 409, {}],
  ])('answered with %s is ApiContractError', async (_what, status, body) => {
    expect((await rejection(resubmit(body, status), ApiContractError)).details).toMatchObject({ status });
  });
});

describe('status', () => {
  const status = (body: unknown, code = 200) => {
    server.script(typeof body === 'string' ? text(body, { status: code }) : json(body, { status: code }));
    return scriptedClient(server).client.status(RECURRING);
  };

  test.each(['in_progress', 'completed', 'completed_with_error', 'error', 'cancelled', 'request_not_found'])(
    'tells the jobStatus %s',
    async (jobStatus) => {
      const body = { jobStatus, status: 'error', statusCheckDelay: 60 };

      expect(await status(body)).toMatchObject({ jobStatus, delay: 60 });
    },
  );

  test.each([
    '',
    ' \n',
    { status: 'error' },
    { status: 'error', statusMessage: 'request_not_found' },
    { statusMessage: 'request_not_found' },
    { jobStatus: 'request_not_found' },
  ])('a 400 with %j is request_not_found', async (body) => {
    expect(await status(body, 400)).toMatchObject({ jobStatus: 'request_not_found' });
  });

  test.each(['in_progress', 'completed', 'cancelled'])(
    'a 400 that tells %s is that status',
    async (jobStatus) => {
      const body = { status: 'error', jobStatus, statusCheckDelay: 7200 };

      expect(await status(body, 400)).toMatchObject({ jobStatus, delay: 7200 });
    },
  );

  test.each([
    'Bad Request',
    {},
    [],
    { status: 'success' },
    { status: 'error', jobStatus: 'paused' },
    { status: 'error', statusMessage: 'too_early' },
  ])('a 400 with %j is ApiContractError', async (body) => {
    expect((await rejection(status(body, 400), ApiContractError)).details).toMatchObject({ status: 400 });
  });

  test.each([
    [{ jobStatus: 'paused', status: 'success' }],
    [{ jobStatus: 'canceled' }],
    [{ jobStatus: 'COMPLETED' }],
    [{ status: 'success' }],
    [{ jobStatus: 7 }],
    [[]],
    ['no JSON'],
  ])('a 200 with %j is ApiContractError with the body', async (body) => {
    const error = await rejection(status(body), ApiContractError);

    expect(error.message).toContain(REQUEST);
    expect(error.details.body).toBe(typeof body === 'string' ? body : JSON.stringify(body));
  });
});

describe('download URLs', () => {
  const fetchUrls = (body: unknown, code = 200) => {
    server.script(typeof body === 'string' ? text(body, { status: code }) : json(body, { status: code }));
    return scriptedClient(server).client.downloadUrls(RECURRING);
  };

  test('are told as they came, with the time before the call', async () => {
    const assetInfo = [
      'https://assets.example.com/2.zip?s=1',
      'not a URL',
      'https://assets.example.com/1.zip',
    ];

    expect(await fetchUrls({ ...SUCCESS.urls, assetInfo })).toMatchObject({
      result: 'urls',
      urls: assetInfo,
      requestedAt: START,
      jobStatus: 'completed',
    });
  });

  test('count from the attempt that gave them, not from one that failed before', async () => {
    server.script(text('', { status: 503 }), json(SUCCESS.urls));
    const { client } = scriptedClient(server);

    expect(await client.downloadUrls(RECURRING)).toMatchObject({ result: 'urls', requestedAt: START + 750 });
  });

  test.each([
    [{ jobStatus: 'completed_with_error', status: 'success' }, 'completed_with_error'],
    [{ jobStatus: 'completed', assetInfo: null }, 'completed'],
    [{ jobStatus: 'error', assetInfo: [] }, 'error'],
    [{ assetInfo: [] }, undefined],
  ])('are none in %j', async (body, jobStatus) => {
    expect(await fetchUrls(body)).toMatchObject({ result: 'urls', urls: [], jobStatus });
  });

  test.each(['invalid_request_status', 'in_progress'])(
    'a 400 with %s is not complete',
    async (statusMessage) => {
      const body = { status: 'error', statusMessage, statusCheckDelay: 'soon' };

      expect(await fetchUrls(body, 400)).toMatchObject({ result: 'not-complete', delay: 'soon' });
    },
  );

  test('a 200 that says in_progress and lists nothing is not complete', async () => {
    const body = { jobStatus: 'in_progress', statusCheckDelay: 60 };

    expect(await fetchUrls(body)).toMatchObject({ result: 'not-complete', delay: 60 });
  });

  test.each([
    [400, { status: 'error', statusMessage: 'request_not_found' }],
    [200, { jobStatus: 'request_not_found', assetInfo: [] }],
  ])('a %i with %j is not found', async (code, body) => {
    expect(await fetchUrls(body, code)).toMatchObject({ result: 'not-found' });
  });

  test.each([
    [400, ''],
    [400, 'Bad Request'],
    [400, { status: 'error' }],
    [400, { status: 'error', statusMessage: 'gone_fishing' }],
    [200, { assetInfo: 'https://assets.example.com/1.zip' }],
    [200, { assetInfo: [{ url: 'https://assets.example.com/1.zip' }] }],
    [200, { assetInfo: ['https://assets.example.com/1.zip', null] }],
    [200, { assetInfo: [], jobStatus: 'paused' }],
    [200, ''],
  ])('a %i with %j is ApiContractError without any path of a URL', async (code, body) => {
    const error = await rejection(fetchUrls(body, code), ApiContractError);

    expect(JSON.stringify([error.message, error.details])).not.toContain('1.zip');
  });
});

describe('cancel', () => {
  const cancel = (body: unknown, code = 200) => {
    server.script(typeof body === 'string' ? text(body, { status: code }) : json(body, { status: code }));
    return scriptedClient(server).client.cancel(REQUEST);
  };

  test.each([[SUCCESS.cancel], [{ status: 'success' }], [{ jobStatus: 'cancelled' }]])(
    'a 200 with %j is cancelled',
    async (body) => {
      expect(await cancel(body)).toMatchObject({ result: 'cancelled' });
    },
  );

  test.each([
    [200, { jobStatus: 'cancelled', status: 'error' }],
    [200, { jobStatus: 'completed', status: 'success' }],
    [400, ''],
    [400, SUCCESS.cancel],
  ])('a %i with %j is refused', async (code, body) => {
    expect(await cancel(body, code)).toMatchObject({ result: 'refused' });
  });

  test.each([
    [200, ''],
    [200, {}],
    [404, {}],
  ])('a %i with %j is ApiContractError', async (code, body) => {
    expect((await rejection(cancel(body, code), ApiContractError)).details).toMatchObject({ status: code });
  });
});
