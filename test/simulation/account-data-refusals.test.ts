import { afterEach, describe, expect, it } from 'vitest';
import type { StepAnswer } from '../../lambdas/lib/account-data/contracts.ts';
import { jsonText } from '../../lambdas/lib/lake/object-store.ts';
import { CALL_STOP_KEY, tombstoneKey } from '../../lambdas/lib/lake/personal-keys.ts';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { AccountDataWorld, grantIdOf } from '../support/account-data-world.ts';

const HOUR = 3_600_000;

let world: AccountDataWorld;
afterEach(() => world.close());

async function worldOf(people: NonNullable<AccountDataScenario['people']>): Promise<void> {
  world = await AccountDataWorld.create({
    scenario: { people: people.map((person) => ({ archives: 1, ...person })) },
  });
  for (let person = 1; person <= people.length; person += 1) await world.importGrant(person);
}

const daily = (count: number) => Array.from({ length: count }, () => ({ mode: 'DAILY_30' }) as const);

function answersOf(outcome: string): { readonly at: number; readonly answer: StepAnswer }[] {
  return world.answers
    .map(({ at, answer }) => ({ at, answer: answer as StepAnswer }))
    .filter(({ answer }) => answer.outcome === outcome);
}

function tokenCalls() {
  return world.apple.calls.oauth.filter(({ operation }) => operation === 'token');
}

describe('one grant that Apple refuses', () => {
  it('is left alone for 24 hours after the first sign and revoked after the second', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    world.start(grantId);
    await world.advanceDays(1.5);
    world.apple.withdrawConsent(world.apple.grants[0]?.externalId ?? '');
    await world.advanceDays(1);

    expect(await world.grantOf(grantId)).toMatchObject({ status: 'active', refusedAt: expect.any(String) });
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 1 });
    const calls = tokenCalls().length;
    await world.advanceDays(0.4);
    expect(tokenCalls()).toHaveLength(calls);

    const results = await world.settled();
    const grant = await world.grantOf(grantId);
    expect(grant).toMatchObject({ status: 'revoked', series: [{ status: 'ended', endedBy: 'grant' }] });
    expect([...results.values()].at(-1)).toMatchObject({ output: { outcome: 'grant-revoked' } });
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 1, GrantsRevoked: 1 });
    const [first, ...later] = answersOf('grant-refused');
    expect(first?.answer.delaySeconds).toBe(86_400);
    expect(later.map(({ answer }) => answer.delaySeconds)).toEqual([3600]);
  });

  it('goes on where the second try a day later succeeds', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    world.apple.faults.add({ respond: 'invalid-grant', times: 1 });
    world.start(grantId);
    await world.advanceDays(0.5);
    expect(await world.grantOf(grantId)).toMatchObject({ refusedAt: expect.any(String) });
    await world.advanceDays(2);

    const grant = await world.grantOf(grantId);
    expect(grant.refusedAt).toBeUndefined();
    expect(grant).toMatchObject({ status: 'active', series: [{ instances: [{ state: 'fetched' }, {}] }] });
  });

  it('counts a 401 after a refresh as a first sign, and asks for a person at the second', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    world.start(grantId);
    await world.advanceDays(0.5);
    world.apple.faults.add({
      respond: 'not-authorized',
      on: ({ host }) => host === 'accountDataTransfer',
    });
    const results = await world.settled();
    const grant = await world.grantOf(grantId);
    expect(grant).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining('401'),
      series: [{ status: 'live' }],
    });
    expect(grant.refusedAt).toBeUndefined();
    expect([...results.values()]).toMatchObject([{ output: { outcome: 'needs-attention' } }]);
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 1, GrantsNeedAttention: 1 });
  });

  it('is not revoked by a 401 that comes when a second sign is to be confirmed', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    const input = { grantId, series: 1, instance: 1 };
    const healRefresh = world.apple.faults.add({ respond: 'invalid-grant' });
    await world.callFunction('SubmitRequest', input);
    await world.advanceDays(1.1);
    await world.callFunction('SubmitRequest', input);
    expect(await world.grantOf(grantId)).toMatchObject({ refusedAgainAt: expect.any(String) });
    healRefresh();
    world.apple.faults.add({
      respond: 'not-authorized',
      on: ({ host }) => host === 'accountDataTransfer',
    });
    await world.advanceDays(0.1);

    expect(await world.callFunction('SubmitRequest', input)).toMatchObject({ outcome: 'needs-attention' });
    expect(world.metrics.get('GrantsRevoked')).toBeUndefined();
  });

  it('is not revoked by a second sign that comes too early', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    world.apple.faults.add({ respond: 'invalid-grant' });
    const input = { grantId, series: 1, instance: 1 };
    await world.callFunction('SubmitRequest', input);
    await world.advanceDays(0.9);
    const calls = tokenCalls().length;
    expect(await world.callFunction('SubmitRequest', input)).toMatchObject({
      phase: 'wait',
      outcome: 'grant-refused',
      delaySeconds: 8640,
    });
    expect(tokenCalls()).toHaveLength(calls);
    expect(await world.grantOf(grantId)).toMatchObject({ status: 'active' });
  });
});

describe('many grants that Apple refuses within an hour', () => {
  it('are our own fault: everything stops, one alarm, nobody is marked', async () => {
    await worldOf(daily(6));
    for (let person = 1; person <= 6; person += 1) world.start(grantIdOf(person));
    const heal = world.apple.faults.add({ respond: 'invalid-grant' });
    await world.advanceTo(world.clock.now() + 1000);

    expect(world.metrics.get('AccountDataCallsStopped')).toBe(1);
    for (let person = 1; person <= 6; person += 1) {
      const grant = await world.grantOf(grantIdOf(person));
      expect(grant).toMatchObject({ status: 'active' });
      expect(grant.refusedAt).toBeUndefined();
    }
    // The fourth refusal stopped the calls of the others.
    const stopped = tokenCalls().length;
    await world.advanceTo(world.clock.now() + HOUR - 60_000);
    expect(tokenCalls()).toHaveLength(stopped);
    for (const { answer } of answersOf('calls-stopped')) expect(answer.delaySeconds).toBeLessThan(3900);

    heal();
    await world.advanceDays(2);
    for (let person = 1; person <= 6; person += 1) {
      const grant = await world.grantOf(grantIdOf(person));
      expect(grant.series[0]?.instances[0], `person ${person}`).toMatchObject({
        requestId: expect.any(String),
      });
    }
  });

  it('stay single refusals as long as they are three', async () => {
    await worldOf(daily(6));
    for (let person = 1; person <= 3; person += 1) {
      world.apple.withdrawConsent(world.apple.grants[person - 1]?.externalId ?? '');
    }
    for (let person = 1; person <= 6; person += 1) world.start(grantIdOf(person));
    await world.advanceDays(1.5);

    const states = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (person) => (await world.grantOf(grantIdOf(person))).status),
    );
    expect(states).toEqual(['revoked', 'revoked', 'revoked', 'active', 'active', 'active']);
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 3, GrantsRevoked: 3 });
  });

  it('are counted against five percent of all grants', async () => {
    await worldOf(daily(5));
    for (let number = 6; number <= 110; number += 1) {
      await world.lake.writeText(`grants/${grantIdOf(number)}.json`, '{}');
    }
    world.apple.faults.add({ respond: 'invalid-grant' });
    for (let person = 1; person <= 5; person += 1) world.start(grantIdOf(person));
    await world.advanceTo(world.clock.now() + 1000);
    // Five of 110 are fewer than 5 %, though more than three.
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 5 });
  });

  it('forget what is older than an hour', async () => {
    await worldOf(daily(6));
    world.apple.faults.add({ respond: 'invalid-grant' });
    for (let person = 1; person <= 6; person += 1) {
      await world.callFunction('SubmitRequest', { grantId: grantIdOf(person), series: 1, instance: 1 });
      await world.advanceTo(world.clock.now() + HOUR / 3 + 1000);
    }
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsRefused: 6 });
  });

  it('void the second sign of a grant that is among them', async () => {
    await worldOf(daily(4));
    world.apple.faults.add({ respond: 'invalid-grant' });
    const submit = (person: number) =>
      world.callFunction('SubmitRequest', { grantId: grantIdOf(person), series: 1, instance: 1 });
    await submit(1);
    await world.advanceDays(1.1);
    await submit(1);
    expect(await world.grantOf(grantIdOf(1))).toMatchObject({ refusedAgainAt: expect.any(String) });
    for (const person of [2, 3, 4]) await submit(person);

    const grant = await world.grantOf(grantIdOf(1));
    expect(grant).toMatchObject({ status: 'active' });
    expect(grant.refusedAgainAt).toBeUndefined();
    expect(world.metrics.get('AccountDataCallsStopped')).toBe(1);
    expect(world.metrics.get('GrantsRevoked')).toBeUndefined();
  });
});

describe('our own client that Apple refuses', () => {
  it.each(['invalid-client', 'unauthorized-client', 'unsupported-grant-type', 'invalid-scope'] as const)(
    'stops the calls of all grants for an hour, with one alarm (%s)',
    async (respond) => {
      await worldOf(daily(4));
      const heal = world.apple.faults.add({ respond });
      for (let person = 1; person <= 4; person += 1) world.start(grantIdOf(person));
      await world.advanceTo(world.clock.now() + HOUR / 2);

      expect(Object.fromEntries(world.metrics)).toEqual({ AccountDataCallsStopped: 1 });
      for (let person = 1; person <= 4; person += 1) {
        expect(await world.grantOf(grantIdOf(person))).toMatchObject({ status: 'active' });
      }
      heal();
      await world.advanceTo(world.clock.now() + HOUR);
      expect(world.apple.requests()).toHaveLength(4);
    },
  );

  it('is not asked again by any grant before the hour is over', async () => {
    await worldOf(daily(2));
    world.apple.revokeKey();
    world.start(grantIdOf(1));
    await world.advanceTo(world.clock.now() + HOUR / 6);
    const calls = tokenCalls().length;
    world.start(grantIdOf(2));
    await world.advanceTo(world.clock.now() + HOUR / 6);

    expect(tokenCalls()).toHaveLength(calls);
    // Two seconds more than the rest of the hour, by the grant's id.
    expect(answersOf('calls-stopped').at(-1)?.answer).toMatchObject({ phase: 'wait', delaySeconds: 3002 });
  });

  it('is alarmed again after each hour in which the probe fails', async () => {
    await worldOf(daily(1));
    world.apple.revokeKey();
    world.start(grantIdOf(1));
    await world.advanceTo(world.clock.now() + 3.5 * HOUR);
    expect(Object.fromEntries(world.metrics)).toEqual({ AccountDataCallsStopped: 4 });
  });
});

describe('a grant that needs a person', () => {
  it('is marked with the reason where Apple finds its refresh malformed', async () => {
    await worldOf(daily(1));
    world.apple.faults.add({ respond: 'invalid-request' });
    world.start(grantIdOf(1));
    const results = await world.settled();

    expect(await world.grantOf(grantIdOf(1))).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining('invalid_request'),
    });
    expect([...results.values()]).toMatchObject([
      { status: 'SUCCEEDED', output: { outcome: 'needs-attention' } },
    ]);
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsNeedAttention: 1 });
  });

  it.each(['submit', 'status', 'fetch'] as const)('is marked where Apple forbids %s', async (operation) => {
    await worldOf([{ mode: 'ONE_TIME' }]);
    world.apple.faults.add({ respond: 'forbidden', on: (request) => request.operation === operation });
    world.start(grantIdOf(1));
    await world.settled();

    expect(await world.grantOf(grantIdOf(1))).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining('403'),
    });
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsNeedAttention: 1 });
  });

  it('is marked where Apple rejects a one-time submit', async () => {
    await worldOf([{ mode: 'ONE_TIME' }]);
    world.apple.faults.add({ respond: 'bad-request', on: ({ operation }) => operation === 'submit' });
    world.start(grantIdOf(1));
    await world.settled();
    expect(await world.grantOf(grantIdOf(1))).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining('400'),
    });
  });

  it('goes on where it stood once it is active again', async () => {
    await worldOf([{ mode: 'ONE_TIME' }]);
    const grantId = grantIdOf(1);
    const heal = world.apple.faults.add({
      respond: 'forbidden',
      on: ({ operation }) => operation === 'status',
    });
    world.start(grantId);
    await world.settled();
    heal();
    const { attention: _, ...grant } = await world.grantOf(grantId);
    await world.lake.writeText(`grants/${grantId}.json`, jsonText({ ...grant, status: 'active' }));
    world.start(grantId, { name: 'again' });
    await world.settled();

    expect(world.apple.requests()).toHaveLength(1);
    expect((await world.grantOf(grantId)).series).toMatchObject([{ instances: [{ state: 'fetched' }] }]);
  });
});

describe('an Apple that cannot be reached', () => {
  it.each(['internal-error', 'unavailable', 'bad-gateway', 'reset-before-call', 'rate-limited'] as const)(
    'is asked again later by every call of an instance (%s)',
    async (respond) => {
      await worldOf([{ mode: 'DAILY_30' }]);
      for (const operation of ['submit', 'status', 'fetch'] as const) {
        world.apple.faults.add({ respond, on: (request) => request.operation === operation, times: 3 });
      }
      world.start(grantIdOf(1));
      await world.advanceDays(1.5);

      expect((await world.grantOf(grantIdOf(1))).series[0]?.instances).toMatchObject([
        { state: 'fetched' },
        { state: 'in-progress' },
      ]);
      expect(answersOf('apple-unavailable').length).toBeGreaterThan(0);
      expect(world.apple.violations).toEqual([]);
    },
  );

  it('is given the time that it asks for', async () => {
    await worldOf([{ mode: 'ONE_TIME' }]);
    world.apple.faults.add({
      respond: { status: 429, headers: { 'retry-after': '5000' }, body: Buffer.alloc(0) },
      on: ({ operation }) => operation === 'submit',
      times: 1,
    });
    world.start(grantIdOf(1));
    await world.settled();
    expect(answersOf('apple-unavailable').map(({ answer }) => answer.delaySeconds)).toEqual([5000]);
    expect(world.apple.requests()).toHaveLength(1);
  });

  it('for good ends as took-too-long, and never loops', async () => {
    await worldOf([{ mode: 'ONE_TIME', jobSeconds: 20 * 86_400 }]);
    world.start(grantIdOf(1));
    await world.advanceDays(13.5);
    world.apple.outage({ from: world.clock.now(), to: world.clock.now() + 100 * 24 * HOUR });
    const results = await world.settled();

    expect([...results.values()]).toMatchObject([{ output: { outcome: 'took-too-long' } }]);
    expect((await world.grantOf(grantIdOf(1))).series).toMatchObject([
      { status: 'ended', endedBy: 'failed', instances: [{ state: 'took-too-long' }] },
    ]);
  });
});

describe('a grant with a tombstone', () => {
  it('ends its execution without another call', async () => {
    await worldOf(daily(1));
    const grantId = grantIdOf(1);
    world.start(grantId);
    await world.advanceDays(0.5);
    const calls = world.apple.calls.accountDataTransfer.length;
    await world.lake.writeText(tombstoneKey(grantId), '{}');
    const results = await world.settled();

    expect([...results.values()]).toMatchObject([{ output: { outcome: 'erased' } }]);
    expect(world.apple.calls.accountDataTransfer).toHaveLength(calls);
  });
});

describe('the object that stops calls', () => {
  it('holds no personal value and no token', async () => {
    await worldOf(daily(4));
    world.apple.faults.add({ respond: 'invalid-grant' });
    for (let person = 1; person <= 3; person += 1) {
      await world.callFunction('SubmitRequest', { grantId: grantIdOf(person), series: 1, instance: 1 });
    }
    const stored = await world.lake.readText(CALL_STOP_KEY);
    expect(JSON.parse(stored?.value ?? '')).toEqual({
      refusals: [1, 2, 3].map((person) => ({ grantId: grantIdOf(person), at: expect.any(String) })),
    });
  });
});
