import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { createFixture } from './simulated-account-data-fixture.ts';

const SUBMIT = { body: { mode: 'ONE_TIME' } };

describe('who may call simulated account data', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['no token', { authorization: undefined }],
    ['an unknown token', { authorization: 'Bearer a1.unknown' }],
    ['another scheme', { authorization: 'Basic a1.unknown' }],
  ])('%s is 401 without a body', async (_, headers) => {
    const fixture = await createFixture();
    const { status, bytes } = await fixture.api('submit', { ...SUBMIT, headers });
    expect([status, bytes.length]).toEqual([401, 0]);
  });

  test('an access token ends after its life', async () => {
    const fixture = await createFixture();
    const headers = { authorization: `Bearer ${await fixture.token()}` };
    fixture.advance(3599);
    expect((await fixture.api('submit', { ...SUBMIT, headers })).status).toBe(200);
    fixture.advance(1);
    expect((await fixture.api('submit', { ...SUBMIT, headers })).status).toBe(401);
  });

  type PersonScenario = NonNullable<AccountDataScenario['people']>[number];
  const [eu, uk, jp] = ['EU', 'UK', 'JP'].map(
    (region) => `appstore-info-account-data-for-${region}-users`,
  ) as [string, string, string];
  test.each<[string, number, PersonScenario]>([
    ['no data scope', 403, { scopes: ['data-transfer-user-profile'] }],
    ['scopes of two regions', 403, { scopes: [eu, uk] }],
    ['scopes of another region', 403, { region: 'JP', scopes: [eu] }],
    ['a scope in lower case', 403, { scopes: [eu.toLowerCase()] }],
    ['older names in the UK', 200, { region: 'UK', legacy: true }],
    ['older names in Japan', 403, { region: 'JP', legacy: true }],
    ['Japan', 200, { region: 'JP', scopes: [jp] }],
    ['App Data Transfer in the EU', 200, { service: 'app-data' }],
    ['App Data Transfer in Japan', 403, { service: 'app-data', region: 'JP' }],
  ])('%s is %i', async (_, code, person) => {
    const fixture = await createFixture({ people: [person] });
    expect((await fixture.api('submit', SUBMIT)).status).toBe(code);
    expect(fixture.apple.violations).toEqual([]);
  });

  test('a token for the other service is 403 and noted', async () => {
    const fixture = await createFixture();
    const { status } = await fixture.call('appDataTransfer', '/api/transfer/appdata/submit', {
      method: 'POST',
      body: SUBMIT.body,
      headers: {
        authorization: `Bearer ${await fixture.token()}`,
        'x-apple-transaction-id': randomUUID(),
        'content-type': 'application/json',
      },
    });
    expect([status, fixture.broken]).toEqual([403, ['wrong-service']]);
  });

  test.each([undefined, 'not-a-uuid'])('the transaction id %s is 400 and noted', async (id) => {
    const fixture = await createFixture();
    const { status } = await fixture.api('submit', { ...SUBMIT, headers: { 'x-apple-transaction-id': id } });
    expect([status, fixture.broken]).toEqual([400, ['missing-transaction-id']]);
  });

  test.each([
    [true, 400],
    [false, 200],
  ])('a repeated transaction id is noted; strict %s: %i', async (strictTransactionIds, code) => {
    const fixture = await createFixture({ variants: { strictTransactionIds } });
    const headers = { 'x-apple-transaction-id': randomUUID() };
    const { requestId } = await fixture.submit();
    await fixture.api('cancel', { body: { requestId }, headers });
    expect((await fixture.api('submit', { ...SUBMIT, headers })).status).toBe(code);
    expect(fixture.broken).toEqual(['repeated-transaction-id']);
  });

  test.each<[string, string, unknown, Record<string, string>, number]>([
    ['wrong-content-type', 'submit', { mode: 'ONE_TIME' }, { 'content-type': 'text/plain' }, 400],
    ['unknown-field', 'submit', { mode: 'ONE_TIME', dataType: 'app-store' }, {}, 200],
    ['missing-field', 'submit', {}, {}, 400],
    ['missing-field', 'submit', '{"mode": ', {}, 400],
    ['missing-field', 'submit', { mode: 'one_time' }, {}, 400],
    ['missing-field', 'resubmit', { requestId: 'x' }, {}, 400],
    ['missing-field', 'cancel', {}, {}, 400],
  ])('%s on %s for %j is noted', async (kind, path, body, headers, code) => {
    const fixture = await createFixture();
    expect((await fixture.api(path, { body, headers })).status).toBe(code);
    expect(fixture.broken).toEqual([kind]);
  });

  test.each([
    ['GET', 'submit/more/parts'],
    ['PUT', 'submit'],
    ['POST', 'fetch'],
    ['GET', 'fetch/a/b/c'],
    ['GET', ''],
  ])('%s %s is 404 and noted', async (method, path) => {
    const fixture = await createFixture();
    expect((await fixture.api(path, { method })).status).toBe(404);
    expect(fixture.broken).toEqual(['unknown-path']);
  });

  test('a scenario in which two people have one name cannot be', async () => {
    const people = [{ externalId: 'one' }, { externalId: 'one' }];
    await expect(createFixture({ people })).rejects.toThrow('two people have the same externalId');
  });

  test('calls are recorded with whom and what they are about, and without a query', async () => {
    const fixture = await createFixture({ people: [{ mode: 'DAILY_30', archives: 1 }] });
    const { path, parentRequestId, requestId } = await fixture.completed();
    const [url = ''] = await fixture.urls(path);
    await fixture.download(url);
    const { externalId } = fixture.grant();
    const { calls } = fixture.apple;
    expect(calls.accountDataTransfer.map(({ operation, status }) => [operation, status])).toEqual([
      ['submit', 200],
      ['fetch', 200],
    ]);
    expect(calls.accountDataTransfer[1]).toMatchObject({
      externalId,
      requestId,
      parentRequestId,
      transactionId: expect.any(String),
    });
    expect(calls.oauth.map((call) => [call.operation, call.externalId])).toEqual([
      ['token', externalId],
      ['token', externalId],
    ]);
    expect(calls.assets[0]).toMatchObject({ operation: 'asset', externalId, requestId, archive: 1 });
    expect(JSON.stringify(calls)).not.toContain('X-Amz-Signature');
  });
});
