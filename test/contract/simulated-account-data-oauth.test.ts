import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { createFixture, type SecretParts } from './simulated-account-data-fixture.ts';

const HALF_A_YEAR_SECONDS = 15_777_000;

function otherPem(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

describe('simulated OAuth', () => {
  test('a refresh gives a Bearer token for an hour, an id_token that the published keys verify, and no refresh token', async () => {
    const fixture = await createFixture();
    const { status, document } = await fixture.refresh();
    expect(status).toBe(200);
    expect(document).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
    expect(document).not.toHaveProperty('refresh_token');
    const keys = await fixture.call('oauth', '/auth/oauth2/v2/keys');
    const { payload } = await jwtVerify(
      String(document.id_token),
      createLocalJWKSet(keys.document as unknown as JSONWebKeySet),
      {
        issuer: 'https://appleid.apple.com',
        audience: fixture.apple.credentials.clientId,
        currentDate: new Date(fixture.clock.now()),
      },
    );
    expect(payload.sub).toMatch(/^[A-Z2-7]{6}\./);
    expect(fixture.apple.violations).toEqual([]);
  });

  test.each<[string, SecretParts]>([
    ['another key', { pem: otherPem() }],
    ['another key id', { header: { kid: 'ABCDEFGHIJ' } }],
    ['another team', { claims: { iss: 'ABCDEFGHIJ' } }],
    ['another audience', { claims: { aud: 'appstoreconnect-v1' } }],
    ['another subject', { claims: { sub: 'COM.example.account-data' } }],
    ['no end', { claims: { exp: undefined } }],
    ['no begin', { claims: { iat: undefined } }],
    ['an end in the past', { claims: { exp: 1_000_000 } }],
    [
      'more than half a year',
      { claims: { exp: Date.parse('2026-06-03T12:00:01Z') / 1000 + HALF_A_YEAR_SECONDS } },
    ],
  ])('a client secret with %s is invalid_client', async (_, parts) => {
    const fixture = await createFixture();
    const { status, document } = await fixture.form('token', {
      client_secret: await fixture.secret(parts),
      grant_type: 'refresh_token',
      refresh_token: fixture.grant().refreshToken,
    });
    expect([status, document]).toEqual([400, { error: 'invalid_client' }]);
  });

  test('a client secret may live for half a year', async () => {
    const fixture = await createFixture();
    const exp = Date.parse('2026-06-03T12:00:00Z') / 1000 + HALF_A_YEAR_SECONDS;
    const { status } = await fixture.form('token', {
      client_secret: await fixture.secret({ claims: { exp } }),
      grant_type: 'refresh_token',
      refresh_token: fixture.grant().refreshToken,
    });
    expect(status).toBe(200);
  });

  test('a revoked key is invalid_client', async () => {
    const fixture = await createFixture();
    fixture.apple.revokeKey();
    expect((await fixture.refresh()).document).toEqual({ error: 'invalid_client' });
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['invalid_request', { grant_type: undefined, refresh_token: 'x' }],
    ['invalid_request', { grant_type: 'refresh_token' }],
    ['invalid_request', { client_secret: undefined, grant_type: 'refresh_token', refresh_token: 'x' }],
    ['invalid_grant', { grant_type: 'refresh_token', refresh_token: 'x' }],
    ['invalid_grant', { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://example.com' }],
    ['unsupported_grant_type', { grant_type: 'password' }],
    ['invalid_client', { client_id: 'com.example.other', grant_type: 'refresh_token', refresh_token: 'x' }],
  ])('%s is status 400 for %j', async (error, fields) => {
    const fixture = await createFixture();
    const { status, document } = await fixture.form('token', fields);
    expect([status, document]).toEqual([400, { error }]);
  });

  test('revoking ends refresh and access tokens, and doing it again is 200 without a body', async () => {
    const fixture = await createFixture();
    const token = await fixture.token();
    const revoke = () => fixture.form('revoke', { token: fixture.grant().refreshToken });
    expect([(await revoke()).status, (await revoke()).bytes.length]).toEqual([200, 0]);
    expect((await fixture.refresh()).document).toEqual({ error: 'invalid_grant' });
    const { status } = await fixture.api('submit', {
      body: { mode: 'ONE_TIME' },
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status).toBe(401);
  });

  test('rotation ends older refresh tokens only when the newer one is used', async () => {
    const fixture = await createFixture({ variants: { rotateRefreshTokens: true } });
    const first = fixture.grant().refreshToken;
    const second = String((await fixture.refresh(first)).document.refresh_token);
    expect((await fixture.refresh(first)).status).toBe(200);
    expect((await fixture.refresh(second)).status).toBe(200);
    expect((await fixture.refresh(first)).document).toEqual({ error: 'invalid_grant' });
  });

  test('a form that is no form and an unknown path are noted', async () => {
    const fixture = await createFixture();
    const json = { 'content-type': 'application/json' };
    const path = '/auth/oauth2/v2/token';
    expect((await fixture.call('oauth', path, { method: 'POST', body: {}, headers: json })).status).toBe(400);
    expect((await fixture.call('oauth', '/auth/token', { method: 'POST' })).status).toBe(404);
    expect(fixture.broken).toEqual(['wrong-content-type', 'unknown-path']);
  });

  test('a withdrawn consent is invalid_grant and 401, and ends job, series and URLs; a new one starts anew', async () => {
    const fixture = await createFixture({ people: [{ mode: 'DAILY_30', archives: 1 }] });
    const { path } = await fixture.completed();
    const [url = ''] = await fixture.urls(path);
    const { externalId } = fixture.grant();
    fixture.apple.withdrawConsent(externalId);
    expect((await fixture.api(path)).status).toBe(401);
    expect((await fixture.refresh()).document).toEqual({ error: 'invalid_grant' });
    expect((await fixture.download(url)).status).toBe(403);
    expect(fixture.apple.liveSeries()).toEqual([]);
    const { refreshToken } = fixture.apple.giveConsent(externalId);
    const { document } = await fixture.refresh(refreshToken);
    const headers = { authorization: `Bearer ${String(document.access_token)}` };
    expect((await fixture.api(path, { headers })).document).toMatchObject({ jobStatus: 'request_not_found' });
    expect(fixture.apple.requests()[0]?.status).toBe('completed');
  });

  test('a consent that the scenario withdraws ends on its day', async () => {
    const fixture = await createFixture({ people: [{ consentWithdrawnOnDay: 0.5 }] });
    await fixture.submit();
    fixture.advance(12 * 3600 - 1);
    expect((await fixture.refresh()).status).toBe(200);
    fixture.advance(1);
    expect((await fixture.refresh()).document).toEqual({ error: 'invalid_grant' });
    expect(fixture.apple.requests()[0]).toMatchObject({
      status: 'cancelled',
      cancelledAt: Date.parse('2026-06-04T00:00:00Z'),
    });
  });
});
