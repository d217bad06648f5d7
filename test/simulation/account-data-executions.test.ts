import { afterEach, describe, expect, it } from 'vitest';
import { callsOf } from '../support/account-data-calls.ts';
import { AccountDataWorld } from '../support/account-data-world.ts';

let world: AccountDataWorld;
afterEach(() => world.close());

const CANARY = 'externalid-canary-7431';

describe('credentials and personal values', () => {
  it('stand in no history, no answer, no log line, no key and no object but the grant', async () => {
    world = await AccountDataWorld.create({
      unpacks: true,
      scenario: {
        people: [{ mode: 'DAILY_30', externalId: CANARY, jobStatuses: ['completed', 'error'] }],
        variants: { rotateRefreshTokens: true, duplicate: 'both-400' },
      },
    });
    const grantId = await world.importGrant();
    const hit = (operation: string) => (request: { operation: string | undefined }) =>
      request.operation === operation;
    for (const respond of ['reset-after-call', 'internal-error', 'not-authorized', 'bad-gateway'] as const) {
      for (const operation of ['submit', 'resubmit', 'status', 'fetch', 'token']) {
        world.apple.faults.add({ respond, on: hit(operation), times: 1 });
      }
    }
    for (const respond of ['cut-body', 'forbidden', 'html-200', 'redirect', 'expired-urls'] as const) {
      world.apple.faults.add({ respond, on: hit('asset'), times: 1 });
    }
    world.start(grantId);
    await world.advanceDays(4.5);
    await world.callFunction('CancelRequest', { grantId, scope: 'series' });
    world.apple.withdrawConsent(CANARY);
    const results = await world.settled();

    const { privateKey } = JSON.parse(world.secretText) as { privateKey: string };
    const { refreshToken } = await world.grantOf(grantId);
    const secrets = [...world.credentials, privateKey, refreshToken, CANARY];
    expect(secrets.length).toBeGreaterThan(12);

    const keys = await world.lake.list('');
    const contents = await world.contents(...new Set(keys.map((key) => key.replace(/\/.*$/s, '/'))));
    const told = JSON.stringify({
      histories: [...results.values()].map(({ history, output, cause }) => ({ history, output, cause })),
      answers: world.answers,
      log: world.logLines,
      names: world.executionNames,
      keys,
      objects: Object.entries(contents)
        .filter(
          ([key]) => !key.startsWith('grants/') && !/\.(zip|parquet)$/.test(key) && !key.startsWith('files/'),
        )
        .map(([, hex]) => Buffer.from(hex, 'hex').toString('utf8')),
    });
    expect(told.length).toBeGreaterThan(20_000);
    for (const secret of secrets) {
      const found = told.indexOf(secret);
      expect(found < 0 ? '' : told.slice(Math.max(0, found - 200), found)).toBe('');
    }
    expect(Object.keys(contents).some((key) => key.startsWith('manifests/'))).toBe(true);
    expect(world.logLines.some(({ level }) => level === 'warn')).toBe(true);
  });
});

describe('two executions of the same instance', () => {
  it.each(['ONE_TIME', 'DAILY_30'] as const)('make one request of it (%s)', async (mode) => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode, archives: 1 }] } });
    const grantId = await world.importGrant();
    world.start(grantId);
    world.start(grantId, { name: 'another' });
    await world.advanceDays(2.5);

    const [series] = (await world.grantOf(grantId)).series;
    expect(series?.instances.map(({ requestId }) => requestId)).toEqual(
      world.apple.requests().map(({ requestId }) => requestId),
    );
    expect(world.apple.requests()).toHaveLength(mode === 'ONE_TIME' ? 1 : 3);
    expect(series?.instances[0]).toMatchObject({ state: 'fetched' });
    for (const { status } of world.results.values()) expect(status).toBe('SUCCEEDED');
    expect(world.apple.violations).toEqual([]);
    expect(Object.fromEntries(world.metrics)).toEqual({});
  });

  it('ask for its status once', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'DAILY_30', archives: 1 }] } });
    const grantId = await world.importGrant();
    const answers: unknown[] = [];
    world.beforeCall = async ({ kind, what }) => {
      if (kind !== 'apple' || !what.startsWith('GET') || what.includes('/fetch/')) return;
      world.beforeCall = () => {};
      answers.push(await world.callFunction('CheckStatus', { grantId, series: 1, instance: 1 }));
    };
    world.start(grantId);
    await world.advanceDays(1.5);
    expect(callsOf(world, 'status')).toHaveLength(1);
    expect(answers).toMatchObject([{ phase: 'wait', delaySeconds: 300 }]);
  });

  it('do nothing for an instance that is not the grant’s next one', async () => {
    world = await AccountDataWorld.create({ scenario: { people: [{ mode: 'DAILY_30', archives: 1 }] } });
    const grantId = await world.importGrant();
    for (const [index, input] of [{ instance: 2 }, { series: 2 }, { series: 3, instance: 4 }].entries()) {
      world.start(grantId, { ...input, name: `odd-${index}` });
    }
    const results = await world.settled();
    expect([...results.values()].map(({ output }) => output)).toEqual(
      Array(3).fill({ outcome: 'not-current' }),
    );
    expect(world.apple.requests()).toEqual([]);

    world.start(grantId);
    await world.advanceDays(0.5);
    world.start(grantId, { instance: 2, name: 'too-early' });
    world.start(grantId, { series: 2, name: 'beside-a-live-one' });
    await world.advanceDays(0.1);
    expect(world.results.get('too-early')).toMatchObject({ output: { outcome: 'not-current' } });
    expect(world.results.get('beside-a-live-one')).toMatchObject({ output: { outcome: 'not-current' } });
    expect(world.apple.requests()).toHaveLength(1);
  });
});
