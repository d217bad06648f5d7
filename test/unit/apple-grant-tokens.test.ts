import { describe, expect, test } from 'vitest';
import { grantTokens, type KeepRefreshToken } from '../../lambdas/lib/apple/grant-tokens.ts';
import type { TokenAnswer } from '../../lambdas/lib/apple/oauth.ts';
import { GrantRefusedError } from '../../lambdas/lib/errors.ts';
import { VirtualClock } from '../../local/clock.ts';

const GRANT = { grantId: '1', refreshToken: 'refresh-1' };
const keepNothing: KeepRefreshToken = () => Promise.reject(new Error('nothing is to be kept'));

/** Tokens over an OAuth client that numbers its answers. */
function scripted(
  answer: (refreshToken: string) => Partial<TokenAnswer> | Promise<Partial<TokenAnswer>> = () => ({}),
) {
  const clock = new VirtualClock(Date.parse('2026-06-03T12:00:00Z'));
  const refreshed: string[] = [];
  const unused = () => Promise.reject(new Error('not used'));
  const tokens = grantTokens({
    clock,
    oauth: {
      async refresh(refreshToken) {
        const number = refreshed.push(refreshToken);
        return {
          accessToken: `access-${number}`,
          expiresInSeconds: 3600,
          refreshToken: undefined,
          ...(await answer(refreshToken)),
        };
      },
      revoke: unused,
      keys: unused,
    },
  });
  return { tokens, clock, refreshed };
}

describe('access tokens of a grant', () => {
  test('are made once for many callers at the same time, whatever object they ask', async () => {
    const { tokens, refreshed } = scripted();

    const made = await Promise.all(
      Array.from({ length: 20 }, () => tokens.of({ ...GRANT }, keepNothing).token()),
    );

    expect(new Set(made)).toEqual(new Set(['access-1']));
    expect(refreshed).toEqual(['refresh-1']);
  });

  test('are kept until five minutes before their end', async () => {
    const { tokens, clock, refreshed } = scripted();
    await tokens.of(GRANT, keepNothing).token();

    await clock.sleep(3_300_000 - 1);
    expect(await tokens.of(GRANT, keepNothing).token()).toBe('access-1');
    await clock.sleep(1);
    expect(await tokens.of(GRANT, keepNothing).token()).toBe('access-2');

    expect(refreshed).toEqual(['refresh-1', 'refresh-1']);
  });

  test('count their life from before the call that made them', async () => {
    const slow = Promise.withResolvers<void>();
    const { tokens, clock } = scripted(async () => {
      await slow.promise;
      return {};
    });
    const source = tokens.of(GRANT, keepNothing);
    const making = source.token();
    await clock.sleep(60_000);
    slow.resolve();
    await making;

    await clock.sleep(3_240_000);

    expect(await source.token()).toBe('access-2');
  });

  test('that live five minutes or less serve one call each', async () => {
    const { tokens } = scripted(() => ({ expiresInSeconds: 300 }));
    const source = tokens.of(GRANT, keepNothing);

    expect([await source.token(), await source.token()]).toEqual(['access-1', 'access-2']);
  });

  test('of two grants are two', async () => {
    const { tokens } = scripted();

    const one = await tokens.of(GRANT, keepNothing).token();
    const other = await tokens.of({ grantId: '2', refreshToken: 'refresh-1' }, keepNothing).token();

    expect(one).not.toBe(other);
  });

  test('are forgotten when the grant has another refresh token', async () => {
    const { tokens, refreshed } = scripted();
    await tokens.of(GRANT, keepNothing).token();

    await tokens.of({ ...GRANT, refreshToken: 'imported-anew' }, keepNothing).token();

    expect(refreshed).toEqual(['refresh-1', 'imported-anew']);
  });

  test('that could not be made are tried again by the next call', async () => {
    let isRefused = true;
    const { tokens } = scripted(() => {
      if (isRefused) throw new GrantRefusedError('invalid_grant');
      return {};
    });
    const source = tokens.of(GRANT, keepNothing);
    await expect(Promise.all([source.token(), source.token()])).rejects.toThrow(GrantRefusedError);

    isRefused = false;

    await expect(source.token()).resolves.toBe('access-2');
  });

  test('are all made anew after many grants have passed and expired', async () => {
    const { tokens, clock, refreshed } = scripted();
    for (let grantId = 0; grantId < 50; grantId += 1) {
      await tokens.of({ grantId: `${grantId}`, refreshToken: 'r' }, keepNothing).token();
    }
    await clock.sleep(4_000_000);

    await tokens.of({ grantId: '7', refreshToken: 'r' }, keepNothing).token();

    expect(refreshed).toHaveLength(51);
  });
});

describe('a refused access token', () => {
  test('is replaced once for all that were refused with it', async () => {
    const { tokens, refreshed } = scripted();
    const source = tokens.of(GRANT, keepNothing);
    const refused = await source.token();

    const made = await Promise.all([
      source.replacementOf(refused),
      source.replacementOf(refused),
      source.token(),
    ]);
    const late = await source.replacementOf(refused);

    expect(new Set([...made, late])).toEqual(new Set(['access-2']));
    expect(refreshed).toHaveLength(2);
  });
});

describe('a new refresh token', () => {
  test('is kept before the access token is used', async () => {
    const order: string[] = [];
    const { tokens } = scripted(() => ({ refreshToken: 'refresh-2' }));
    const keeping = Promise.withResolvers<void>();

    const making = tokens
      .of(GRANT, async (replaced, present) => {
        order.push(`keeping ${present} for ${replaced}`);
        await keeping.promise;
        order.push('kept');
      })
      .token()
      .then(() => order.push('used'));
    await new Promise(setImmediate);
    keeping.resolve();
    await making;

    expect(order).toEqual(['keeping refresh-2 for refresh-1', 'kept', 'used']);
  });

  test('is used for the next refresh, also for callers that still know the old one', async () => {
    let number = 1;
    const { tokens, clock, refreshed } = scripted(() => ({ refreshToken: `refresh-${++number}` }));
    const keep = async () => undefined;
    const source = tokens.of(GRANT, keep);
    await source.token();
    expect(await tokens.of(GRANT, keep).token()).toBe('access-1');
    expect(await tokens.of({ ...GRANT, refreshToken: 'refresh-2' }, keep).token()).toBe('access-1');

    await clock.sleep(3_600_000);
    await source.token();

    expect(refreshed).toEqual(['refresh-1', 'refresh-2']);
  });

  test('that could not be kept is kept by the next call, before any other refresh', async () => {
    const { tokens, refreshed } = scripted(() => ({ refreshToken: 'refresh-2' }));
    const kept: string[] = [];
    let fails = true;
    const source = tokens.of(GRANT, async (_replaced, present) => {
      if (fails) throw new Error('S3 is down');
      kept.push(present);
    });
    await expect(source.token()).rejects.toThrow('S3 is down');

    fails = false;

    expect(await source.token()).toBe('access-1');
    expect(kept).toEqual(['refresh-2']);
    expect(refreshed).toEqual(['refresh-1']);
  });

  test('that is the same as before is not kept', async () => {
    const { tokens } = scripted((refreshToken) => ({ refreshToken }));

    await expect(tokens.of(GRANT, keepNothing).token()).resolves.toBe('access-1');
  });
});
