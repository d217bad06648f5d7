import { describe, expect, test } from 'vitest';
import { type AccountDataFixture, createFixture, DAY_SECONDS } from './simulated-account-data-fixture.ts';

const UPPER_CASE_UUID = /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/;
const RECURRING = { people: [{ mode: 'DAILY_30' as const, archives: 2 }] };

function resubmit(fixture: AccountDataFixture, parentRequestId: string, requestId: string) {
  return fixture.api('resubmit', { body: { parentRequestId, requestId } });
}

async function jobStatus(fixture: AccountDataFixture, path: string): Promise<unknown> {
  return (await fixture.api(path)).document.jobStatus;
}

describe('a simulated request', () => {
  test('one-time: submit, wait, status, fetch, download, without a broken rule', async () => {
    const fixture = await createFixture();
    const submitted = await fixture.api('submit', { body: { mode: 'ONE_TIME' } });
    expect(submitted.document).toEqual({
      requestId: expect.stringMatching(UPPER_CASE_UUID),
      status: 'in_progress',
      statusCheckDelay: DAY_SECONDS,
    });
    const id = String(submitted.document.requestId);
    fixture.advance(DAY_SECONDS);
    expect((await fixture.api(id)).document).toMatchObject({ jobStatus: 'completed', status: 'success' });
    const { document } = await fixture.api(`fetch/${id}`);
    expect(document).toMatchObject({ jobStatus: 'completed', status: 'success' });
    const archives = await fixture.apple.archivesOf(id);
    for (const [index, url] of (document.assetInfo as string[]).entries()) {
      const { status, bytes, headers } = await fixture.download(url);
      expect([status, headers['content-length']]).toEqual([200, String(bytes.length)]);
      expect(bytes.equals(archives[index]?.bytes ?? Buffer.alloc(0))).toBe(true);
    }
    expect(fixture.apple.servedArchives().map(({ name }) => name)).toEqual(['1.zip', '2.zip']);
    expect(fixture.apple.violations).toEqual([]);
  });

  test('ids depend on nothing but the seed', async () => {
    const [first, second, other] = [
      await createFixture(RECURRING),
      await createFixture(RECURRING),
      await createFixture({ ...RECURRING, seed: 2 }),
    ];
    const ids = await first.submit();
    expect(await second.submit()).toEqual(ids);
    expect((await other.submit()).requestId).not.toBe(ids.requestId);
  });

  test.each([
    ['completed_with_error', 1],
    ['error', undefined],
    ['cancelled', undefined],
    ['in_progress', undefined],
    ['archived', undefined],
  ])('ends as %s when the scenario says so', async (status, listed) => {
    const fixture = await createFixture({ people: [{ archives: 2, jobStatuses: [status] }] });
    const { path } = await fixture.completed();
    expect(await jobStatus(fixture, path)).toBe(status);
    const { document } = await fixture.api(`fetch/${path}`);
    if (listed === undefined) expect(document.statusMessage).toBe('invalid_request_status');
    else expect(document.assetInfo).toHaveLength(listed);
    expect(await jobStatus(fixture, (await fixture.completed()).path)).toBe('completed');
  });

  test('one that Apple forgets is request_not_found', async () => {
    const fixture = await createFixture({ people: [{ jobStatuses: ['request_not_found'] }] });
    const { path } = await fixture.completed();
    expect((await fixture.api(path)).document).toEqual({ jobStatus: 'request_not_found', status: 'error' });
    expect((await fixture.api(`fetch/${path}`)).document.statusMessage).toBe('request_not_found');
  });

  test('a request that runs on names a new delay at each check, and an early check is noted', async () => {
    const fixture = await createFixture({ people: [{ jobSeconds: 3 * DAY_SECONDS }] });
    const { path } = await fixture.completed();
    expect((await fixture.api(path)).document).toEqual({
      jobStatus: 'in_progress',
      status: 'success',
      statusCheckDelay: DAY_SECONDS,
    });
    fixture.advance(100);
    expect((await fixture.api(path)).document.statusCheckDelay).toBe(DAY_SECONDS - 100);
    expect(fixture.broken).toEqual(['early-poll']);
    expect((await fixture.api(`fetch/${path}`)).document).toEqual({
      status: 'error',
      statusMessage: 'invalid_request_status',
      statusCheckDelay: DAY_SECONDS - 100,
    });
    fixture.advance(DAY_SECONDS - 100);
    expect(await jobStatus(fixture, path)).toBe('in_progress');
    expect(fixture.broken).toEqual(['early-poll', 'early-poll']);
  });

  test('an early check is 400 where the world is strict', async () => {
    const fixture = await createFixture({ variants: { earlyPoll: '400' } });
    const { path } = await fixture.submit();
    expect((await fixture.api(path)).status).toBe(400);
  });

  test('delays are what the scenario says, of any kind, and the last one repeats', async () => {
    const delays = [0, -5, '60', null, { absent: true }, 7];
    const fixture = await createFixture({ people: [{ delays, jobStatuses: ['in_progress'] }] });
    const { document } = await fixture.api('submit', { body: { mode: 'ONE_TIME' } });
    const told = [document.statusCheckDelay];
    for (let count = 0; count < 6; count += 1) {
      const answer = await fixture.api(String(document.requestId));
      told.push('statusCheckDelay' in answer.document ? answer.document.statusCheckDelay : 'absent');
      fixture.advance(7);
    }
    expect(told).toEqual([0, -5, '60', null, 'absent', 7, 7]);
    expect(fixture.apple.violations).toEqual([]);
  });

  test('a client need not wait longer than 48 hours, however long Apple asks for', async () => {
    const fixture = await createFixture({ people: [{ statusCheckDelaySeconds: 10 * DAY_SECONDS }] });
    const { path } = await fixture.completed();
    fixture.advance(DAY_SECONDS - 1);
    await fixture.api(path);
    expect(fixture.broken).toEqual(['early-poll']);
    fixture.advance(1);
    expect(await jobStatus(fixture, path)).toBe('completed');
    expect(fixture.broken).toHaveLength(1);
  });

  test.each([
    ['request_not_found', 400, { status: 'error', statusMessage: 'request_not_found' }],
    ['empty', 200, { assetInfo: [], jobStatus: 'completed' }],
    ['job-status-error', 200, { assetInfo: [], jobStatus: 'error' }],
  ] as const)('three days after completion the list is gone: %s', async (fetchAfterWindow, code, body) => {
    const fixture = await createFixture({ variants: { fetchAfterWindow } });
    const { path } = await fixture.submit();
    fixture.advance(72_000 + 3 * DAY_SECONDS - 1);
    expect(await fixture.urls(path)).toHaveLength(2);
    fixture.advance(1);
    const { status, document } = await fixture.api(`fetch/${path}`);
    expect(status).toBe(code);
    expect(document).toMatchObject(body);
  });

  test.each([
    ['ok', 200, { jobStatus: 'request_not_found', status: 'error' }],
    ['400', 400, { status: 'error', statusMessage: 'request_not_found' }],
  ] as const)(
    'an id of somebody else, of another path or of nobody is unknown: %s',
    async (unknownStatusId, code, body) => {
      const people = [{ mode: 'DAILY_30' as const }, {}];
      const fixture = await createFixture({ people, variants: { unknownStatusId } });
      const { path, requestId } = await fixture.completed();
      const asked = [
        await fixture.api(path, { person: 1 }),
        await fixture.api(requestId),
        await fixture.api('00000000-0000-4000-8000-000000000000'),
      ];
      for (const { status, document } of asked) expect([status, document]).toEqual([code, body]);
    },
  );

  test('one-time requests are cancelled only while they are in progress', async () => {
    const fixture = await createFixture();
    const { requestId } = await fixture.submit();
    const cancel = () => fixture.api('cancel', { body: { requestId } });
    expect((await cancel()).document).toEqual({ jobStatus: 'cancelled', status: 'success' });
    expect((await cancel()).status).toBe(400);
    expect(fixture.apple.requests()[0]).toMatchObject({
      status: 'cancelled',
      cancelledAt: fixture.clock.now(),
    });
    const lenient = await createFixture({ variants: { cancelTerminal: '200-error' } });
    const over = await lenient.completed();
    const { status, document } = await lenient.api('cancel', { body: { requestId: over.requestId } });
    expect([status, document]).toEqual([200, { jobStatus: 'cancelled', status: 'error' }]);
  });

  test('a second request of a person while one is in progress is noted', async () => {
    const fixture = await createFixture();
    await fixture.submit();
    await fixture.submit();
    expect(fixture.broken).toEqual(['two-open-instances']);
  });

  test('a request whose answer was lost is none that the client could have waited for', async () => {
    const fixture = await createFixture();
    fixture.apple.faults.add({
      respond: 'reset-after-call',
      on: ({ operation }) => operation === 'submit',
      times: 1,
    });
    await expect(fixture.submit()).rejects.toThrow('after the call');
    await fixture.submit();
    expect(fixture.apple.requests()).toHaveLength(2);
    expect(fixture.broken).toEqual([]);
  });
});

describe('a simulated series', () => {
  test('goes on by resubmitting its newest instance, up to day 30', async () => {
    const fixture = await createFixture(RECURRING);
    const first = await fixture.completed();
    let newest = first.requestId;
    for (let day = 1; day < 30; day += 1) {
      const { status, document } = await resubmit(fixture, first.parentRequestId, newest);
      expect([status, document.status, document.parentRequestId]).toEqual([
        200,
        'success',
        first.parentRequestId,
      ]);
      newest = String(document.requestId);
      fixture.advance(DAY_SECONDS);
    }
    expect((await resubmit(fixture, first.parentRequestId, newest)).status).toBe(400);
    expect(fixture.apple.requests().map(({ instanceNumber }) => instanceNumber)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
    expect(fixture.apple.violations).toEqual([]);
  });

  test('refuses an older instance, a running one, another parent; a repeat before the period is noted', async () => {
    const fixture = await createFixture(RECURRING);
    const { parentRequestId, requestId } = await fixture.submit();
    expect((await resubmit(fixture, parentRequestId, requestId)).status).toBe(400);
    fixture.advance(72_000);
    expect((await resubmit(fixture, requestId, requestId)).status).toBe(400);
    expect(fixture.broken).toEqual([]);
    expect((await resubmit(fixture, parentRequestId, requestId)).status).toBe(200);
    expect(fixture.broken).toEqual(['early-resubmit']);
    expect((await resubmit(fixture, parentRequestId, requestId)).status).toBe(400);
  });

  test('is not resubmitted by somebody else', async () => {
    const fixture = await createFixture({ people: [{ mode: 'DAILY_30' }, { mode: 'DAILY_30' }] });
    const { parentRequestId, requestId } = await fixture.completed();
    const body = { parentRequestId, requestId };
    expect((await fixture.api('resubmit', { body, person: 1 })).status).toBe(400);
    expect((await fixture.api('cancel', { body: { requestId }, person: 1 })).status).toBe(400);
    expect((await fixture.api('resubmit', { body })).status).toBe(200);
  });

  test('may be resubmitted after its term where the world allows it, until it is gone', async () => {
    const fixture = await createFixture({ ...RECURRING, variants: { resubmitAfterTerm: 'allowed' } });
    const { parentRequestId, requestId } = await fixture.submit();
    fixture.advance(35 * DAY_SECONDS);
    const { status, document } = await resubmit(fixture, parentRequestId, requestId);
    expect(status).toBe(200);
    fixture.advance(5 * DAY_SECONDS);
    expect((await resubmit(fixture, parentRequestId, String(document.requestId))).status).toBe(400);
  });

  test.each([
    ['DAILY_30', 40],
    ['WEEKLY_180', 190],
  ] as const)('%s forbids another one for %i days', async (mode, days) => {
    const fixture = await createFixture({ people: [{ mode }] });
    const first = await fixture.submit();
    fixture.advance(days * DAY_SECONDS - 1);
    const { status, document } = await fixture.api('submit', { body: { mode: 'WEEKLY_180' } });
    expect(status).toBe(400);
    expect(document).toMatchObject({
      status: 'error',
      parentRequestId: first.parentRequestId,
      requestId: first.requestId,
    });
    expect(fixture.apple.liveSeries()).toHaveLength(1);
    fixture.advance(1);
    expect(fixture.apple.liveSeries()).toEqual([]);
    expect((await fixture.submit()).parentRequestId).not.toBe(first.parentRequestId);
  });

  test.each([
    ['both-400', 400, ['parentRequestId', 'requestId', 'status', 'statusMessage']],
    ['parent-400', 400, ['parentRequestId', 'status', 'statusMessage']],
    ['request-400', 400, ['requestId', 'status', 'statusMessage']],
    ['both-200', 200, ['parentRequestId', 'requestId', 'status', 'statusMessage']],
    ['uuid-in-text-400', 400, ['status', 'statusMessage']],
  ] as const)('answers a duplicate as the world says: %s', async (duplicate, code, fields) => {
    const fixture = await createFixture({ ...RECURRING, variants: { duplicate } });
    const { parentRequestId, requestId } = await fixture.submit();
    const { status, document, bytes } = await fixture.api('submit', { body: { mode: 'DAILY_30' } });
    expect([status, Object.keys(document).sort()]).toEqual([code, fields]);
    const named = bytes.toString().includes(parentRequestId) || bytes.toString().includes(requestId);
    expect([document.status, named]).toEqual(['error', true]);
    expect(fixture.apple.requests()).toHaveLength(1);
  });

  test('a one-time request is no duplicate of a series', async () => {
    const fixture = await createFixture(RECURRING);
    await fixture.completed();
    expect((await fixture.api('submit', { body: { mode: 'ONE_TIME' } })).status).toBe(200);
  });

  test.each([
    ['either', 'parent', 200],
    ['either', 'instance', 200],
    ['parent', 'instance', 400],
    ['instance', 'parent', 400],
    ['parent', 'parent', 200],
    ['instance', 'instance', 200],
  ] as const)(
    'where %s ids are accepted, cancelling by the %s id is %i',
    async (cancelIdAccepted, given, code) => {
      const fixture = await createFixture({ ...RECURRING, variants: { cancelIdAccepted } });
      const { parentRequestId, requestId } = await fixture.submit();
      const body = { requestId: given === 'parent' ? parentRequestId : requestId };
      expect((await fixture.api('cancel', { body })).status).toBe(code);
      expect(fixture.apple.requests()[0]?.status).toBe(code === 200 ? 'cancelled' : 'in_progress');
      expect(fixture.apple.liveSeries()).toHaveLength(code === 200 && given === 'parent' ? 0 : 1);
    },
  );

  test.each([
    ['lives', 200],
    ['ends', 400],
  ] as const)('after an instance was cancelled the series %s', async (seriesAfterInstanceCancel, code) => {
    const fixture = await createFixture({ ...RECURRING, variants: { seriesAfterInstanceCancel } });
    const { parentRequestId, requestId } = await fixture.submit();
    await fixture.api('cancel', { body: { requestId } });
    expect((await resubmit(fixture, parentRequestId, requestId)).status).toBe(code);
    expect(fixture.apple.violations).toEqual([]);
  });

  test('an idle series is cancelled by its parent id only where the world says so', async () => {
    const strict = await createFixture(RECURRING);
    const first = await strict.completed();
    const cancel = { body: { requestId: first.parentRequestId } };
    expect((await strict.api('cancel', cancel)).status).toBe(400);
    const lenient = await createFixture({ ...RECURRING, variants: { cancelIdleSeries: 'cancelled' } });
    await lenient.completed();
    expect((await lenient.api('cancel', cancel)).status).toBe(200);
    expect(lenient.apple.liveSeries()).toEqual([]);
  });

  test.each([
    ['allowed', 200],
    ['400', 400],
    ['403', 403],
  ] as const)('with App Store information alone it is %s', async (appStoreInfoRecurring, code) => {
    const scopes = ['data-transfer-user-profile', 'appstore-info-account-data-for-EU-users'];
    const fixture = await createFixture({ people: [{ scopes }], variants: { appStoreInfoRecurring } });
    expect((await fixture.api('submit', { body: { mode: 'DAILY_30' } })).status).toBe(code);
  });
});
