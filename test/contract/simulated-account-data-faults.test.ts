import { describe, expect, test } from 'vitest';
import type { FaultKind } from '../../local/apple/account-data/faults.ts';
import { HOSTS } from '../../local/apple/account-data/scenario.ts';
import { serve } from '../../local/http.ts';
import { type AccountDataFixture, createFixture, DAY_SECONDS } from './simulated-account-data-fixture.ts';

async function archiveUrl(fixture: AccountDataFixture): Promise<string> {
  const { path } = await fixture.completed();
  const [url = ''] = await fixture.urls(path);
  return url;
}

const submitting = (fixture: AccountDataFixture) => fixture.api('submit', { body: { mode: 'ONE_TIME' } });

describe('faults of simulated account data', () => {
  test.each<[FaultKind, number]>([
    ['internal-error', 500],
    ['unavailable', 503],
    ['bad-gateway', 502],
    ['rate-limited', 429],
    ['bad-request', 400],
    ['not-authorized', 401],
    ['forbidden', 403],
    ['not-found', 404],
    ['gone', 410],
    ['html-200', 200],
    ['not-json', 200],
    ['redirect', 302],
    ['redirect-to-itself', 307],
    ['redirect-to-loopback', 307],
  ])('%s is status %i once on any host, and nothing is carried out', async (respond, code) => {
    const fixture = await createFixture();
    const url = await archiveUrl(fixture);
    const requests = fixture.apple.requests().length;
    for (const host of HOSTS)
      fixture.apple.faults.add({ respond, on: (call) => call.host === host, times: 1 });
    const statuses = [
      (await fixture.refresh()).status,
      (await submitting(fixture)).status,
      (await fixture.download(url)).status,
    ];
    expect(statuses).toEqual([code, code, code]);
    expect(fixture.apple.requests()).toHaveLength(requests);
    expect((await fixture.download(url)).status).toBe(200);
  });

  test('429 says when to come back, in seconds or as a date', async () => {
    const fixture = await createFixture();
    fixture.apple.faults.add({
      respond: 'rate-limited-seconds',
      on: ({ host }) => host !== 'oauth',
      times: 1,
    });
    fixture.apple.faults.add({ respond: 'rate-limited-date', on: ({ host }) => host !== 'oauth', times: 2 });
    expect((await submitting(fixture)).headers['retry-after']).toBe('30');
    expect((await submitting(fixture)).headers['retry-after']).toBe('Wed, 03 Jun 2026 12:00:45 GMT');
  });

  test('token-expires ends the access token for good', async () => {
    const fixture = await createFixture();
    const headers = { authorization: `Bearer ${await fixture.token()}` };
    fixture.apple.faults.add({ respond: 'token-expires', times: 1 });
    const submit = () => fixture.api('submit', { body: { mode: 'ONE_TIME' }, headers });
    expect([(await submit()).status, (await submit()).status]).toEqual([401, 401]);
  });

  test.each<[FaultKind, string]>([
    ['invalid-request', 'invalid_request'],
    ['invalid-client', 'invalid_client'],
    ['invalid-grant', 'invalid_grant'],
    ['unauthorized-client', 'unauthorized_client'],
    ['unsupported-grant-type', 'unsupported_grant_type'],
    ['invalid-scope', 'invalid_scope'],
  ])('%s answers a refresh with that error', async (respond, error) => {
    const fixture = await createFixture();
    fixture.apple.faults.add({ respond });
    const { status, document } = await fixture.refresh();
    expect([status, document]).toEqual([400, { error }]);
  });

  test.each<[FaultKind, Record<string, unknown>]>([
    ['missing-request-id', { requestId: undefined }],
    ['missing-delay', { statusCheckDelay: undefined }],
    ['zero-delay', { statusCheckDelay: 0 }],
    ['negative-delay', { statusCheckDelay: -60 }],
    ['text-delay', { statusCheckDelay: 'soon' }],
    ['huge-delay', { statusCheckDelay: 10 * DAY_SECONDS }],
    ['unknown-fields', { estimatedSize: 12_345 }],
  ])('%s changes the answer of a submit', async (respond, changed) => {
    const fixture = await createFixture();
    fixture.apple.faults.add({ respond });
    const { document } = await submitting(fixture);
    for (const [name, value] of Object.entries(changed)) expect(document[name]).toEqual(value);
    expect(fixture.apple.requests()).toHaveLength(1);
  });

  test('unknown-job-status changes the answer of a check', async () => {
    const fixture = await createFixture();
    const { path } = await fixture.completed();
    fixture.apple.faults.add({ respond: 'unknown-job-status' });
    expect((await fixture.api(path)).document.jobStatus).toBe('archived');
  });

  test.each<[FaultKind, (list: unknown) => void]>([
    ['missing-list', (list) => expect(list).toBeUndefined()],
    ['empty-list', (list) => expect(list).toEqual([])],
    ['list-of-numbers', (list) => expect(list).toEqual([0, 1])],
    ['shorter-list', (list) => expect(list).toEqual([expect.stringContaining('/1.zip')])],
    ['reversed-list', (list) => expect((list as string[])[0]).toContain('/2.zip')],
    ['url-http', (list) => expect((list as string[])[0]).toMatch(/^http:/)],
    ['url-loopback', (list) => expect((list as string[])[0]).toMatch(/^https:\/\/127\.0\.0\.1\//)],
    ['url-private-address', (list) => expect((list as string[])[0]).toMatch(/^https:\/\/10\.0\.0\.1\//)],
    ['url-other-port', (list) => expect((list as string[])[0]).toMatch(/^https:\/\/[^/]+:8443\//)],
    ['url-userinfo', (list) => expect((list as string[])[0]).toMatch(/^https:\/\/apple@/)],
  ])('%s changes the list', async (respond, check) => {
    const fixture = await createFixture();
    const { path } = await fixture.completed();
    fixture.apple.faults.add({ respond });
    check((await fixture.api(`fetch/${path}`)).document.assetInfo);
  });

  test('expired-urls are 403 and not held against the client', async () => {
    const fixture = await createFixture();
    fixture.apple.faults.add({ respond: 'expired-urls' });
    const url = await archiveUrl(fixture);
    expect((await fixture.download(url)).status).toBe(403);
    expect(fixture.apple.violations).toEqual([]);
  });

  test('last-url-expired leaves the others alone', async () => {
    const fixture = await createFixture();
    const { path } = await fixture.completed();
    fixture.apple.faults.add({ respond: 'last-url-expired', times: 1 });
    const [first = '', last = ''] = await fixture.urls(path);
    expect([(await fixture.download(first)).status, (await fixture.download(last)).status]).toEqual([
      200, 403,
    ]);
    expect((await fixture.download((await fixture.urls(path))[1] ?? '')).status).toBe(200);
  });

  test.each<[FaultKind, (bytes: number) => number, (length: number) => string | undefined]>([
    ['truncated-archive', (size) => Math.floor((size * 2) / 3), (size) => String(Math.floor((size * 2) / 3))],
    ['wrong-bytes', (size) => size, String],
    ['shorter-than-length', (size) => size, (size) => String(size + 1)],
    ['longer-than-length', (size) => size, (size) => String(size - 1)],
    ['missing-length', (size) => size, () => undefined],
    ['dripping-body', (size) => size, String],
  ])('%s changes bytes or Content-Length', async (respond, sent, announced) => {
    const fixture = await createFixture();
    const url = await archiveUrl(fixture);
    const { bytes } = await fixture.download(url);
    fixture.apple.faults.add({ respond });
    const changed = await fixture.download(url);
    expect(changed.bytes).toHaveLength(sent(bytes.length));
    expect(changed.headers['content-length']).toBe(announced(bytes.length));
    expect(changed.bytes.equals(bytes)).toBe(!['truncated-archive', 'wrong-bytes'].includes(respond));
  });

  test('cut and stalled bodies break off in the middle', async () => {
    const fixture = await createFixture();
    const { pathname, search } = new URL(await archiveUrl(fixture));
    const get = async (respond: FaultKind) => {
      fixture.apple.faults.clear();
      fixture.apple.faults.add({ respond });
      return fixture.apple.assets({
        method: 'GET',
        target: pathname + search,
        headers: {},
        body: (async function* () {})(),
      });
    };
    const cut = await get('cut-body');
    expect(cut.cutAfterBytes).toBe(Math.floor(Number(cut.headers['content-length']) / 2));
    const stalled = (await get('stalled-body')).body as NodeJS.ReadableStream;
    expect((stalled.read() as Buffer).length).toBe(cut.cutAfterBytes);
    expect(stalled.read()).toBeNull();
  });

  test.each<[FaultKind, boolean]>([
    ['cut-body', false],
    ['shorter-than-length', false],
    ['missing-length', true],
    ['dripping-body', true],
  ])('over a socket %s leaves a client with a whole archive: %s', async (respond, isWhole) => {
    const fixture = await createFixture();
    const server = await serve(fixture.apple.assets);
    try {
      fixture.apple.setOrigins({ assets: server.origin });
      const url = await archiveUrl(fixture);
      fixture.apple.faults.add({ respond });
      const body = fetch(url).then((answer) => answer.arrayBuffer());
      const sent = body.then(
        ({ byteLength }) => byteLength > 1000,
        () => false,
      );
      expect(await sent).toBe(isWhole);
    } finally {
      await server.close();
    }
  });

  test('a reset before the call does nothing, one after it has done everything', async () => {
    const fixture = await createFixture();
    const on = ({ operation }: { operation: string | undefined }) => operation === 'submit';
    fixture.apple.faults.add({ respond: 'reset-before-call', on, times: 1 });
    await expect(submitting(fixture)).rejects.toThrow('before the call');
    expect(fixture.apple.requests()).toHaveLength(0);
    fixture.apple.faults.add({ respond: 'reset-after-call', on, times: 1 });
    await expect(submitting(fixture)).rejects.toThrow('after the call');
    expect(fixture.apple.requests()).toHaveLength(1);
    expect(fixture.apple.calls.accountDataTransfer.map(({ status, reset }) => [status, reset])).toEqual([
      [0, 'before'],
      [0, 'after'],
    ]);
  });

  test('no-answer never answers', async () => {
    const fixture = await createFixture();
    await fixture.token();
    fixture.apple.faults.add({ respond: 'no-answer' });
    const answered = submitting(fixture).then(() => 'answered');
    expect(await Promise.race([answered, new Promise((resolve) => setImmediate(resolve, 'waiting'))])).toBe(
      'waiting',
    );
  });

  test('a ready answer, a change of the answer, and the choice of calls by person and number', async () => {
    const fixture = await createFixture({ people: [{}, {}] });
    const { externalId } = fixture.grant(1);
    fixture.apple.faults.add({
      respond: { status: 418, headers: {}, body: '' },
      on: (call) => call.externalId === externalId && call.operation === 'submit',
      after: 1,
    });
    fixture.apple.faults.add({ respond: (answer) => ({ ...answer, status: answer.status + 1 }), times: 3 });
    const submit = (person: number) => fixture.api('submit', { body: { mode: 'ONE_TIME' }, person });
    expect((await submit(0)).status).toBe(201);
    expect((await submit(1)).status).toBe(200);
    expect((await submit(0)).status).toBe(200);
    expect((await submit(1)).status).toBe(418);
    expect(fixture.apple.faults.fired).toBe(4);
  });
});

describe('outages of simulated account data', () => {
  test('are 503 or a broken connection between two times, on chosen hosts', async () => {
    const outages = [
      { fromDay: 1, toDay: 2, hosts: ['accountDataTransfer' as const] },
      { fromDay: 3, toDay: 4, how: 'refuse' as const },
    ];
    const fixture = await createFixture({ outages });
    expect((await submitting(fixture)).status).toBe(200);
    fixture.advance(DAY_SECONDS);
    expect((await submitting(fixture)).status).toBe(503);
    fixture.advance(DAY_SECONDS);
    expect((await submitting(fixture)).status).toBe(200);
    fixture.advance(DAY_SECONDS);
    await expect(fixture.refresh()).rejects.toThrow('before the call');
    fixture.advance(DAY_SECONDS);
    expect((await fixture.refresh()).status).toBe(200);
  });

  test('can be those of one person, and end when they are taken away', async () => {
    const fixture = await createFixture({ people: [{}, { outages: [{ fromDay: 0, toDay: 9 }] }] });
    expect((await fixture.refresh(fixture.grant(0).refreshToken)).status).toBe(200);
    expect((await fixture.refresh(fixture.grant(1).refreshToken)).status).toBe(503);
    const end = fixture.apple.outage({ from: 0, to: Number.MAX_SAFE_INTEGER, hosts: ['oauth'] });
    expect((await fixture.refresh()).status).toBe(503);
    end();
    expect((await fixture.refresh()).status).toBe(200);
  });
});
