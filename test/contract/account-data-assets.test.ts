import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssetResumption, assetDownloader } from '../../lambdas/lib/apple/asset-download.ts';
import { undiciTransport } from '../../lambdas/lib/apple/transport.ts';
import {
  ApiContractError,
  ApiRequestError,
  ApiUnavailableError,
  DownloadExpiredError,
  PipelineError,
} from '../../lambdas/lib/errors.ts';
import type { StandInHandler } from '../../local/http.ts';
import {
  html,
  rejection,
  reset,
  type ScriptedServer,
  scriptedServer,
  silence,
  text,
} from './app-store-connect-scripted-server.ts';

let server: ScriptedServer;
beforeAll(async () => {
  server = await scriptedServer();
});
afterAll(() => server.close());

const QUERY = 'X-Signature=s3cr3t';
const never = new AbortController().signal;
const ZIP = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(200, 'z')]);
const ETAG = '"v1"';

const open = (
  options: { signal?: AbortSignal; resume?: AssetResumption; timeouts?: Record<string, number> } = {},
) =>
  assetDownloader({
    assetHosts: [],
    trustedOrigins: [server.origin],
    lookup: () => Promise.reject(new Error('a trusted origin is not looked up')),
    transport: undiciTransport(),
    ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
  }).open(`${server.origin}/8f0e-secret-id/1.zip?${QUERY}`, {
    signal: options.signal ?? never,
    ...(options.resume === undefined ? {} : { resume: options.resume }),
  });

const bytesOf = async (body: Readable) => Buffer.concat(await body.toArray());

const archive =
  (headers: Record<string, string> = {}, body: Buffer | Readable = ZIP, status = 200): StandInHandler =>
  async () => ({
    status,
    headers: {
      'content-type': 'application/zip',
      ...(body instanceof Readable ? {} : { 'content-length': `${body.length}` }),
      ...headers,
    },
    body: body instanceof Readable ? body : Readable.from([body]),
  });

describe('an archive', () => {
  test('is given byte by byte, asked for without any credential of ours', async () => {
    server.script(archive());

    const download = await open();

    expect(download).toMatchObject({ offset: 0, totalBytes: ZIP.length, resumableWith: undefined });
    expect(await bytesOf(download.body)).toEqual(ZIP);
    const [request] = server.requests;
    expect(request?.target).toBe(`/8f0e-secret-id/1.zip?${QUERY}`);
    expect(request?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(Object.keys(request?.headers ?? {})).not.toContain('authorization');
    expect(Object.keys(request?.headers ?? {})).not.toContain('range');
  });

  test('without an announced length has no total, and comes whole', async () => {
    server.script(archive({}, Readable.from([ZIP])));

    const download = await open();

    expect(download.totalBytes).toBeUndefined();
    expect(await bytesOf(download.body)).toEqual(ZIP);
  });

  test('that is empty comes as it is', async () => {
    server.script(archive({}, Buffer.alloc(0)));

    expect((await bytesOf((await open()).body)).length).toBe(0);
  });

  test.each([
    ['ranges and a strong ETag', { 'accept-ranges': 'bytes', etag: ETAG }, ETAG],
    ['ranges and a weak ETag', { 'accept-ranges': 'bytes', etag: 'W/"v1"' }, undefined],
    ['ranges without an ETag', { 'accept-ranges': 'bytes' }, undefined],
    ['an ETag without ranges', { etag: ETAG }, undefined],
    ['an ETag and no ranges by name', { 'accept-ranges': 'none', etag: ETAG }, undefined],
  ])('with %s can be resumed with %j', async (_what, headers, resumableWith) => {
    server.script(archive(headers as Record<string, string>));

    const download = await open();

    expect(download.resumableWith).toBe(resumableWith);
    download.body.destroy();
  });
});

describe('a resumed download', () => {
  const resume = { offset: 4, etag: ETAG };
  const rest = ZIP.subarray(4);
  const range = `bytes 4-${ZIP.length - 1}/${ZIP.length}`;

  test('asks for the rest of the same archive and goes on there', async () => {
    server.script(archive({ 'content-range': range, etag: ETAG }, rest, 206));

    const download = await open({ resume });

    expect(download).toMatchObject({ offset: 4, totalBytes: ZIP.length, resumableWith: ETAG });
    expect(await bytesOf(download.body)).toEqual(rest);
    expect(server.requests[0]?.headers).toMatchObject({ range: 'bytes=4-', 'if-range': ETAG });
  });

  test('of an archive that changed begins again', async () => {
    server.script(archive({ etag: '"v2"', 'accept-ranges': 'bytes' }));

    const download = await open({ resume });

    expect(download).toMatchObject({ offset: 0, totalBytes: ZIP.length, resumableWith: '"v2"' });
    expect(await bytesOf(download.body)).toEqual(ZIP);
  });

  test.each([
    ['another start', archive({ 'content-range': `bytes 5-203/${ZIP.length}` }, rest, 206)],
    ['an earlier end', archive({ 'content-range': `bytes 4-100/${ZIP.length}` }, rest, 206)],
    ['no total', archive({ 'content-range': 'bytes 4-203/*' }, rest, 206)],
    ['no range', archive({}, rest, 206)],
    ['another ETag', archive({ 'content-range': range, etag: '"v2"' }, rest, 206)],
    ['416', text('', { status: 416 })],
  ])('answered with %s begins again without a range', async (_what, answer) => {
    server.script(answer, archive());

    const download = await open({ resume });

    expect(download.offset).toBe(0);
    expect(await bytesOf(download.body)).toEqual(ZIP);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=4-', undefined]);
  });

  test('whose rest is cut is ApiUnavailableError', async () => {
    server.script(async () => ({
      status: 206,
      headers: { 'content-range': range, 'content-length': `${rest.length}` },
      body: rest,
      cutAfterBytes: 10,
    }));

    const { body } = await open({ resume });

    await rejection(bytesOf(body), ApiUnavailableError);
  });
});

describe('a body that is not the archive', () => {
  const cut: StandInHandler = async () => ({
    status: 200,
    headers: { 'content-length': `${ZIP.length}` },
    body: ZIP,
    cutAfterBytes: 100,
  });

  test('because it is cut short ends with ApiUnavailableError', async () => {
    server.script(cut);

    const { body } = await open();

    await rejection(bytesOf(body), ApiUnavailableError);
  });

  test.each([
    [ZIP.length - 1, 'longer'],
    [ZIP.length + 1, 'cut'],
  ])('because %i bytes were announced ends with ApiUnavailableError: %s', async (announced, reason) => {
    const download = await assetDownloader({
      assetHosts: [],
      trustedOrigins: [server.origin],
      lookup: async () => [],
      transport: async () => ({
        status: 200,
        headers: { 'content-length': `${announced}` },
        body: Readable.from([ZIP]),
      }),
    }).open(server.origin, { signal: never });

    const error = await rejection(bytesOf(download.body), ApiUnavailableError);

    expect(error.details).toMatchObject({ reason });
  });

  test('because it stalls ends with ApiUnavailableError', async () => {
    const stalled = new Readable({ read() {} });
    stalled.push(ZIP);
    server.script(archive({}, stalled));

    const { body } = await open({ timeouts: { idleMilliseconds: 50 } });

    expect((await rejection(bytesOf(body), ApiUnavailableError)).details).toMatchObject({
      reason: 'stalled',
    });
    stalled.destroy();
  });

  test('because it is a page by its type is ApiUnavailableError at once', async () => {
    server.script(html(200));

    expect((await rejection(open(), ApiUnavailableError)).details).toMatchObject({ reason: 'page' });
  });

  test('because it begins as a page, whatever its type, ends with ApiUnavailableError', async () => {
    server.script(archive({}, Buffer.from('\n <!doctype html><p>Try later')));

    const { body } = await open();

    expect((await rejection(bytesOf(body), ApiUnavailableError)).details).toMatchObject({ reason: 'page' });
  });

  test('because it is encoded is ApiContractError', async () => {
    server.script(archive({ 'content-encoding': 'gzip' }));

    await rejection(open(), ApiContractError);
  });

  test.each([204, 206, 300, 304])('because its status is %i is ApiContractError', async (status) => {
    server.script(async () => ({ status, headers: {}, body: '' }));

    await rejection(open(), ApiContractError);
  });
});

describe('a refused download', () => {
  test.each([401, 403, 404, 410])('with %i is DownloadExpiredError', async (status) => {
    server.script(text('', { status }));

    expect((await rejection(open(), DownloadExpiredError)).details).toMatchObject({ status });
  });

  test('whose token is expired by its code is DownloadExpiredError', async () => {
    server.script(text('<Error><Code>ExpiredToken</Code></Error>', { status: 400 }));

    await rejection(open(), DownloadExpiredError);
  });

  test.each([408, 429, 500, 503])('with %i is ApiUnavailableError', async (status) => {
    server.script(text('', { status }));

    expect((await rejection(open(), ApiUnavailableError)).details).toMatchObject({ status });
  });

  test.each([400, 405, 451])('with %i is ApiRequestError', async (status) => {
    server.script(text('', { status }));

    expect(await rejection(open(), ApiRequestError)).toMatchObject({ status });
  });

  test('by a reset is ApiUnavailableError', async () => {
    server.script(reset);

    await rejection(open(), ApiUnavailableError);
  });

  test('without an answer in time is ApiUnavailableError', async () => {
    server.script(silence);

    const error = await rejection(open({ timeouts: { headersMilliseconds: 30 } }), ApiUnavailableError);

    expect(error.details).toMatchObject({ reason: 'TimeoutError' });
  });
});

describe('the signal', () => {
  test('ends the opening with its reason', async () => {
    server.script(silence);
    const controller = new AbortController();

    const opening = open({ signal: controller.signal });
    controller.abort(new RangeError('the end of the work'));

    await rejection(opening, RangeError);
  });

  test('ends the body with its reason', async () => {
    const stalled = new Readable({ read() {} });
    stalled.push(ZIP);
    server.script(archive({}, stalled));
    const controller = new AbortController();
    const { body } = await open({ signal: controller.signal });

    const reading = bytesOf(body);
    controller.abort(new RangeError('the end of the work'));

    await rejection(reading, RangeError);
    stalled.destroy();
  });
});

describe('what must stay secret', () => {
  test.each([
    [403, 'DownloadExpiredError'],
    [500, 'ApiUnavailableError'],
    [400, 'ApiRequestError'],
    [304, 'ApiContractError'],
  ])(
    'of the URL, an error after %i tells the host and the last part of the path only',
    async (status, name) => {
      server.script(text(`<Error><Code>X</Code><Message>${QUERY}</Message></Error>`, { status }));

      const error = await rejection(open(), PipelineError);

      expect(error.name).toBe(name);
      expect(error.message).toContain('1.zip');
      expect(JSON.stringify([error.message, error.stack, error.details])).not.toMatch(
        /s3cr3t|8f0e-secret-id/,
      );
    },
  );
});
