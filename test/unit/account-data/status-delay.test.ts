import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastDelaySeconds, statusDelay } from '../../../lambdas/lib/account-data/status-delay.ts';

const DAY = 86_400;

describe('the delay before the next status check', () => {
  it.each([
    ['missing', undefined],
    ['null', null],
    ['zero', 0],
    ['negative', -1],
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['minus infinite', Number.NEGATIVE_INFINITY],
    ['a text of digits', '60'],
    ['a text', 'soon'],
    ['true', true],
    ['a list', [60]],
    ['an object', { seconds: 60 }],
  ])('is a day where the answer’s is %s', (_, answered) => {
    expect(statusDelay(answered, 0)).toEqual({ seconds: DAY, capped: false });
  });

  it('is what Apple says, rounded up to whole seconds', () => {
    expect(statusDelay(7200, 0)).toEqual({ seconds: 7200, capped: false });
    expect(statusDelay(7200.2, 0)).toEqual({ seconds: 7201, capped: false });
    expect(statusDelay(48 * 3600, 0)).toEqual({ seconds: 48 * 3600, capped: false });
  });

  it('is cut to 48 hours above that, and says so', () => {
    expect(statusDelay(48 * 3600 + 1, 0)).toEqual({ seconds: 48 * 3600, capped: true });
    expect(statusDelay(Number.MAX_VALUE, 0)).toEqual({ seconds: 48 * 3600, capped: true });
  });

  it.each([
    [0, 60],
    [3599, 60],
    [3600, 900],
    [DAY - 1, 900],
    [DAY, 3600],
    [13 * DAY, 3600],
  ])('of a request that is %i s old is at least %i s', (age, least) => {
    expect(leastDelaySeconds(age)).toBe(least);
    expect(statusDelay(1, age)).toEqual({ seconds: least, capped: false });
  });

  it('is never earlier than Apple says up to 48 hours, and always a whole number of at least a minute', () => {
    return fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.integer({ min: 0, max: 14 * DAY }), (answered, age) => {
        const { seconds, capped } = statusDelay(answered, age);
        expect(Number.isInteger(seconds) && seconds >= 60 && seconds <= 48 * 3600).toBe(true);
        if (answered > 0 && Number.isFinite(answered)) {
          expect(seconds).toBeGreaterThanOrEqual(Math.min(answered, 48 * 3600));
        }
        expect(capped).toBe(Number.isFinite(answered) && Math.ceil(answered) > 48 * 3600);
      }),
    );
  });

  it('keeps 14 days of the shortest delays far below the 25,000 events of an execution', () => {
    let checks = 0;
    for (let age = 0; age < 14 * DAY; checks += 1) age += statusDelay(1, age).seconds;
    // A wait, a task and a choice are nine events, and four more where the task was tried again.
    expect(checks * 13).toBeLessThan(12_500);
    expect(checks).toBeGreaterThan(400);
  });
});
