import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../../local/clock.ts';

const DAY = 86_400_000;
const warnings: Error[] = [];
const note = (warning: Error) => void warnings.push(warning);

afterEach(() => {
  process.off('warning', note);
});

describe('the real clock', () => {
  it.each([30 * DAY, 220 * DAY, Number.POSITIVE_INFINITY])(
    'sleeps %d ms in timers that Node can hold, until it is woken',
    async (milliseconds) => {
      process.on('warning', note);
      const controller = new AbortController();
      const sleeping = realClock.sleep(milliseconds, controller.signal);
      const woken = expect(sleeping).rejects.toThrow();
      await new Promise(setImmediate);
      controller.abort(new Error('woken'));
      await woken;
      await new Promise(setImmediate);
      expect(warnings).toEqual([]);
    },
  );

  it('wakes by itself after a short time', async () => {
    const before = realClock.now();
    await realClock.sleep(1);
    expect(realClock.now()).toBeGreaterThanOrEqual(before);
  });
});
