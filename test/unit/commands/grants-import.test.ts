import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { updateGrant } from '../../../lambdas/lib/account-data/grant.ts';
import { GrantNotFoundError, PayloadContractError } from '../../../lambdas/lib/errors.ts';
import { grantKey, tombstoneKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { realClock } from '../../../local/clock.ts';
import { importGrants } from '../../../local/commands/grants-import.ts';
import { type LakeGrants, openLakeGrants } from '../../../local/commands/grants-lake.ts';
import { namedGrants, readGrants } from '../../../local/commands/stored-grants.ts';

const TOKEN = 'token-that-nobody-may-see';
const EU_SCOPES = ['data-transfer-user-profile', 'appstore-info-account-data-for-EU-users'];

let directory: string;
let lake: LakeGrants;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'grants-import-'));
  lake = await openLakeGrants(directory, realClock);
});
afterEach(async () => {
  await lake.close();
  await rm(directory, { recursive: true, force: true });
});

function line(overrides: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    externalId: 'anna',
    refreshToken: TOKEN,
    region: 'EU',
    scopes: EU_SCOPES,
    mode: 'DAILY_30',
    ...overrides,
  });
}

async function importedId(text = line()): Promise<string> {
  const [result] = await importGrants(lake.grants, text);
  if (result === undefined || result.result === 'refused') throw new Error('the line was refused');
  return result.grantId;
}

describe('importing grants', () => {
  it('writes a grant for each line, under a random id of its own', async () => {
    const second = line({
      externalId: 'ben',
      region: 'UK',
      scopes: ['appstore-info-readonly'],
      service: 'app-data',
    });
    const results = await importGrants(lake.grants, `\uFEFF${line()}\r\n\n${second}\n`);
    expect(results).toEqual([
      { line: 1, result: 'added', grantId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/) },
      { line: 3, result: 'added', grantId: expect.any(String) },
    ]);
    const grants = await readGrants(lake.grants);
    expect(grants.map(({ grantId }) => grantId).sort()).toEqual(
      results.map((result) => ('grantId' in result ? result.grantId : '')).sort(),
    );
    expect(grants.find(({ externalId }) => externalId === 'anna')).toMatchObject({
      refreshToken: TOKEN,
      service: 'account-data',
      status: 'active',
      series: [],
    });
    expect(grants.find(({ externalId }) => externalId === 'ben')?.service).toBe('app-data');
  });

  it('leaves plain files whose names hold nothing of the person', async () => {
    const grantId = await importedId();
    expect(await readdir(join(directory, 'personal', 'grants'))).toEqual([`${grantId}.json`]);
    const stored = JSON.parse(
      await readFile(join(directory, 'personal', grantKey(grantId)), 'utf8'),
    ) as object;
    expect(stored).toMatchObject({ externalId: 'anna' });
  });

  const BAD_LINES: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
    ['text that is not JSON', TOKEN, /^is not JSON$/],
    ['a cut line', line().slice(0, -4), /^is not JSON$/],
    ['a value that is no object', JSON.stringify([TOKEN]), /is no JSON object/],
    ['a missing token', line({ refreshToken: undefined }), /^refreshToken is missing/],
    ['an empty token', line({ refreshToken: '' }), /^refreshToken is missing/],
    ['an unknown region', line({ region: TOKEN }), /^region is missing/],
    ['an unknown mode', line({ mode: TOKEN }), /^mode is missing/],
    ['an unknown service', line({ service: TOKEN }), /^service is missing/],
    ['scopes that are no list', line({ scopes: TOKEN }), /^scopes is missing/],
    ['an unknown field', line({ [TOKEN]: TOKEN }), /^has a field besides externalId/],
    ['an unknown scope', line({ scopes: ['email'] }), /unknown scope/],
    ['scopes of another region', line({ region: 'JP' }), /not for people in JP/],
    ['earlier scope names in Japan', line({ region: 'JP', scopes: ['appstore-info-readonly'] }), /JP/],
    ['App Data Transfer in Japan', line({ region: 'JP', service: 'app-data' }), /App Data Transfer/],
  ];
  it.each(BAD_LINES)('refuses %s, quotes no token, and writes the other lines', async (_, text, reason) => {
    const results = await importGrants(lake.grants, `${text}\n${line({ externalId: 'ben' })}`);
    expect(results).toEqual([
      { line: 1, result: 'refused', reason: expect.stringMatching(reason) },
      { line: 2, result: 'added', grantId: expect.any(String) },
    ]);
    expect(JSON.stringify(results)).not.toContain(TOKEN);
    expect((await readGrants(lake.grants)).map(({ externalId }) => externalId)).toEqual(['ben']);
  });

  it('renews the grant of a known external id, and keeps its id and series', async () => {
    const grantId = await importedId();
    const series = {
      number: 1,
      mode: 'DAILY_30',
      submittedMode: 'ONE_TIME',
      service: 'account-data',
      status: 'live',
    } as const;
    await updateGrant(lake.grants, grantId, (present) => ({
      ...present,
      status: 'needs-attention',
      attention: 'refused',
      refusedAt: '2026-06-03T00:00:00Z',
      refusedAgainAt: '2026-06-04T00:30:00Z',
      fallback: 'ONE_TIME',
      series: [{ ...series, instances: [] }],
    }));
    const results = await importGrants(lake.grants, line({ refreshToken: 'another' }));
    expect(results).toEqual([{ line: 1, result: 'updated', grantId }]);
    const [grant] = await readGrants(lake.grants);
    expect(grant).toMatchObject({ grantId, refreshToken: 'another', status: 'active', fallback: 'ONE_TIME' });
    expect(grant?.series).toHaveLength(1);
    expect(grant).not.toHaveProperty('attention');
    expect(grant).not.toHaveProperty('refusedAt');
    expect(grant).not.toHaveProperty('refusedAgainAt');
  });

  it('asks for the recurring mode again when the scopes or the mode are others than Apple refused', async () => {
    const grantId = await importedId();
    await updateGrant(lake.grants, grantId, (present) => ({ ...present, fallback: 'ONE_TIME' }));
    await importGrants(lake.grants, line({ mode: 'WEEKLY_180' }));
    expect((await readGrants(lake.grants))[0]).not.toHaveProperty('fallback');
  });

  it('changes nothing when the same lines come again', async () => {
    const text = [line(), line({ externalId: 'ben' })].join('\n');
    await importGrants(lake.grants, text);
    const before = await readGrants(lake.grants);
    const results = await importGrants(lake.grants, text);
    expect(results.map(({ result }) => result)).toEqual(['unchanged', 'unchanged']);
    expect(await readGrants(lake.grants)).toEqual(before);
  });

  it('keeps one grant when two lines name the same person, with the later token', async () => {
    const results = await importGrants(lake.grants, [line(), line({ refreshToken: 'later' })].join('\n'));
    expect(results.map(({ result }) => result)).toEqual(['added', 'updated']);
    expect((await readGrants(lake.grants)).map(({ refreshToken }) => refreshToken)).toEqual(['later']);
  });

  it('refuses a person whose grant is being erased', async () => {
    const grantId = await importedId();
    await lake.grants.writeText(tombstoneKey(grantId), '{}');
    const results = await importGrants(lake.grants, line({ refreshToken: 'another' }));
    expect(results).toEqual([{ line: 1, result: 'refused', reason: expect.stringContaining('erased') }]);
    expect((await readGrants(lake.grants))[0]?.refreshToken).toBe(TOKEN);
  });

  it('fails by name, and quotes no token, when a stored grant is damaged', async () => {
    await lake.grants.writeText(grantKey('damaged'), JSON.stringify({ refreshToken: TOKEN }));
    const attempt = importGrants(lake.grants, line());
    await expect(attempt).rejects.toThrow(PayloadContractError);
    await expect(attempt).rejects.not.toThrow(TOKEN);
  });
});

describe('naming grants', () => {
  it('finds a grant by its id and by the external id, each once', async () => {
    const grantId = await importedId();
    const grants = await readGrants(lake.grants);
    expect(namedGrants(grants, [grantId, 'anna'])).toEqual(grants);
  });

  it('fails without repeating a name that no grant has', async () => {
    expect(() => namedGrants([], ['somebody'])).toThrow(GrantNotFoundError);
    expect(() => namedGrants([], ['somebody'])).not.toThrow('somebody');
  });
});
