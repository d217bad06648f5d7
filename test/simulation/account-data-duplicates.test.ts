import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { AccountDataScenario } from '../../local/apple/account-data/scenario.ts';
import { callsOf, loseAnswer } from '../support/account-data-calls.ts';
import { AccountDataWorld } from '../support/account-data-world.ts';

const DAY = 86_400_000;
const RECURRING = ['DAILY_30', 'WEEKLY_180'] as const;
const SHAPES = ['both-400', 'both-200', 'parent-400', 'request-400', 'uuid-in-text-400'] as const;
const LIFE_DAYS = { DAILY_30: 40, WEEKLY_180: 190 } as const;

type Variants = NonNullable<AccountDataScenario['variants']>;
type Mode = (typeof RECURRING)[number];

let world: AccountDataWorld;
afterEach(() => world.close());

async function worldOf(mode: Mode, variants: Variants): Promise<string> {
  world = await AccountDataWorld.create({
    scenario: {
      statusCheckDelaySeconds: 7200,
      jobSeconds: 3600,
      variants,
      people: [{ mode, archives: 1 }],
    },
  });
  const grantId = await world.importGrant();
  return grantId;
}

const submits = () => callsOf(world, 'submit');

/** The series that refuse another submit. */
async function seriesAtApple(): Promise<string[]> {
  return world.apple.liveSeries().map(({ parentRequestId }) => parentRequestId);
}

describe('the lost answer of a recurring submit', () => {
  for (const mode of RECURRING) {
    it.each(['both-400', 'both-200'] as const)(
      `is found by the duplicate rule (${mode}, %s)`,
      async (duplicate) => {
        const grantId = await worldOf(mode, { duplicate });
        loseAnswer(world, 'submit', 'after');
        world.start(grantId);
        await world.advanceDays(0.5);

        const [request] = world.apple.requests();
        expect(world.apple.requests()).toHaveLength(1);
        expect((await world.grantOf(grantId)).series).toMatchObject([
          {
            status: 'live',
            parentRequestId: request?.parentRequestId,
            instances: [{ state: 'in-progress', requestId: request?.requestId }],
          },
        ]);
        await world.advanceDays(1);
        expect((await world.grantOf(grantId)).series[0]?.instances[0]).toMatchObject({ state: 'fetched' });
        expect(world.apple.violations).toEqual([]);
      },
    );

    it.each([
      ['parent-400', {}],
      ['uuid-in-text-400', {}],
      ['request-400', { seriesAfterInstanceCancel: 'ends' }],
    ] as const)(
      `is cancelled and submitted anew where only one id is named (${mode}, %s)`,
      async (duplicate, variants) => {
        const grantId = await worldOf(mode, { duplicate, ...variants });
        loseAnswer(world, 'submit', 'after');
        world.start(grantId);
        await world.advanceDays(0.5);

        expect(world.apple.requests()).toMatchObject([{ status: 'cancelled' }, {}]);
        const second = world.apple.requests()[1];
        const [series] = (await world.grantOf(grantId)).series;
        expect(series).toMatchObject({
          status: 'live',
          parentRequestId: second?.parentRequestId,
          instances: [{ requestId: second?.requestId }],
        });
        expect(await seriesAtApple()).toEqual([second?.parentRequestId]);
        expect(world.apple.violations).toEqual([]);
      },
    );

    it(`is waited out where the series lives on without a known parent (${mode})`, {
      timeout: 30_000,
    }, async () => {
      const grantId = await worldOf(mode, { duplicate: 'request-400', seriesAfterInstanceCancel: 'lives' });
      loseAnswer(world, 'submit', 'after');
      world.start(grantId);
      const startedAt = world.clock.now();
      await world.advanceDays(LIFE_DAYS[mode] - 1);
      const submitsBefore = submits().length;
      expect(submitsBefore).toBe(3);
      expect(Object.fromEntries(world.metrics)).toEqual({ RequestsWaitedOut: 1 });
      await world.advanceDays(1.5);

      expect(submits()).toHaveLength(4);
      const newest = world.apple.requests().at(-1);
      expect((newest?.submittedAt ?? 0) - startedAt).toBeGreaterThanOrEqual(LIFE_DAYS[mode] * DAY);
      expect((await world.grantOf(grantId)).series).toMatchObject([
        { status: 'live', parentRequestId: newest?.parentRequestId, instances: [{ number: 1 }] },
      ]);
    });
  }

  it('is no matter where the call was not carried out', async () => {
    const grantId = await worldOf('DAILY_30', {});
    loseAnswer(world, 'submit', 'before');
    world.start(grantId);
    await world.advanceDays(0.5);
    expect(world.apple.requests()).toHaveLength(1);
    expect((await world.grantOf(grantId)).series).toMatchObject([{ status: 'live' }]);
  });
});

describe('a series of ours that ended and still lives at Apple', () => {
  /** Ends the first series while no instance is in progress, so that Apple refuses to cancel it, and starts another. */
  async function startSecondSeries(mode: Mode, variants: Variants): Promise<string> {
    const grantId = await worldOf(mode, variants);
    world.start(grantId);
    await world.advanceDays(0.25);
    expect(await world.callFunction('CancelRequest', { grantId, scope: 'series' })).toMatchObject({
      result: 'refused',
    });
    world.start(grantId, { series: 2 });
    await world.advanceDays(0.1);
    return grantId;
  }

  for (const mode of RECURRING) {
    const shapes = mode === 'DAILY_30' ? SHAPES : (['both-400', 'parent-400'] as const);
    it.each(shapes)(`is never adopted but waited out until its last day (${mode}, %s)`, async (duplicate) => {
      const startsAt = Date.parse('2026-06-01T06:00:00Z');
      const grantId = await startSecondSeries(mode, { duplicate });
      await world.advanceDays(LIFE_DAYS[mode] - 2);

      // Submitted, cancelled by its parent id, submitted anew, and then never until the series has run out.
      expect(submits()).toHaveLength(3);
      const { series } = await world.grantOf(grantId);
      expect(series[1]).toMatchObject({ status: 'live', instances: [{ state: 'submitting' }] });
      expect(series[1]?.parentRequestId).toBeUndefined();

      await world.advanceDays(3);
      const newest = world.apple.requests().at(-1);
      expect((newest?.submittedAt ?? 0) - startsAt).toBeGreaterThanOrEqual(LIFE_DAYS[mode] * DAY);
      expect((await world.grantOf(grantId)).series[1]).toMatchObject({
        status: 'live',
        parentRequestId: newest?.parentRequestId,
      });
      expect(world.apple.violations).toEqual([]);
      expect(Object.fromEntries(world.metrics)).toEqual({ RequestsWaitedOut: 1 });
    });
  }

  it('is cancelled by its parent id and followed by a new one at once where Apple takes that', async () => {
    const grantId = await worldOf('DAILY_30', {});
    world.start(grantId);
    await world.advanceDays(0.25);
    await world.callFunction('CancelRequest', { grantId, scope: 'series' });
    world.apple.world.variants.cancelIdleSeries = 'cancelled';
    world.start(grantId, { series: 2 });
    await world.advanceDays(0.1);

    const newest = world.apple.requests().at(-1);
    expect(world.apple.requests()).toHaveLength(2);
    expect((await world.grantOf(grantId)).series).toMatchObject([
      { status: 'ended', endedBy: 'cancelled' },
      { status: 'live', parentRequestId: newest?.parentRequestId },
    ]);
    expect(await seriesAtApple()).toEqual([newest?.parentRequestId]);
  });

  it('needs a person where Apple still holds it after its last day', { timeout: 30_000 }, async () => {
    const grantId = await startSecondSeries('DAILY_30', {});
    const [{ parentRequestId } = { parentRequestId: '' }] = world.apple.liveSeries();
    world.apple.faults.add({
      respond: {
        status: 400,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ status: 'error', parentRequestId })),
      },
      on: ({ operation }) => operation === 'submit',
    });
    await world.advanceDays(45);

    expect(await world.grantOf(grantId)).toMatchObject({ status: 'needs-attention' });
    expect(submits().length).toBeLessThanOrEqual(5);
    expect(world.metrics.get('GrantsNeedAttention')).toBe(1);
  });
});

describe('a refusal of a submit with a UUID that names no request', () => {
  /** Apple refuses every submit with a body that holds one UUID. */
  function refuseSubmits(status: 400 | 403, uuid: () => string): void {
    world.apple.faults.add({
      respond: () => ({
        status,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ status: 'error', traceId: uuid() })),
      }),
      on: ({ operation }) => operation === 'submit',
    });
  }

  it.each([
    [400, 2],
    [403, 1],
  ] as const)('is a refusal where it changes, and nothing is waited out (%s)', async (status, calls) => {
    const grantId = await worldOf('DAILY_30', {});
    refuseSubmits(status, randomUUID);
    world.start(grantId);
    await world.settled();

    expect(submits()).toHaveLength(calls);
    expect(await world.grantOf(grantId)).toMatchObject({
      status: 'needs-attention',
      attention: expect.stringContaining(String(status)),
    });
    expect(Object.fromEntries(world.metrics)).toEqual({ GrantsNeedAttention: 1 });
  });

  it('is waited out where it stays the same, and that is counted', async () => {
    const grantId = await worldOf('DAILY_30', {});
    const uuid = randomUUID();
    refuseSubmits(400, () => uuid);
    world.start(grantId);
    await world.advanceDays(1);

    expect(submits()).toHaveLength(2);
    expect(await world.grantOf(grantId)).toMatchObject({
      status: 'active',
      series: [{ instances: [{ state: 'submitting', blockedUntil: '2026-07-11T06:00:00.000Z' }] }],
    });
    expect(Object.fromEntries(world.metrics)).toEqual({ RequestsWaitedOut: 1 });
  });
});
