import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ApiContractError,
  ApiRequestError,
  ApiThrottledError,
  ApiUnavailableError,
  DownloadExpiredError,
} from '../../../lambdas/lib/errors.ts';
import {
  archiveBytes,
  brokenBody,
  FetchWorld,
  HOUR,
  REQUEST_ID,
  sha256Of,
  wholeDownload,
} from './fetch-world.ts';

const ONE = archiveBytes(100_000, 1);
const TWO = archiveBytes(9_000_000, 2);

let world: FetchWorld;
beforeEach(async () => {
  world = await FetchWorld.open();
  world.archives = new Map([
    ['one.zip', ONE],
    ['two.zip', TWO],
  ]);
});
afterEach(() => world.close());

const notFound = { result: 'not-found', transactionId: 'T' } as const;

describe('fetching the archives of a completed request', () => {
  it('lands every archive byte by byte, then the manifest, and goes on with unpacking', async () => {
    const answer = await world.run();

    expect(answer).toEqual({
      phase: 'unpack',
      delaySeconds: 0,
      outcome: 'fetched',
      requestId: REQUEST_ID,
      nextSeries: 1,
      nextInstance: 2,
      nextAt: '2026-06-02T12:00:00.000Z',
    });
    expect((await world.stored('1.zip')).equals(ONE)).toBe(true);
    expect((await world.stored('2.zip')).equals(TWO)).toBe(true);
    expect(await world.manifest()).toMatchObject({
      requestId: REQUEST_ID,
      parentRequestId: 'EABD06C0-1E6C-4F7C-9D8B-1B0B6E1C7A11',
      mode: 'DAILY_30',
      series: 1,
      instance: 1,
      instanceAt: '2026-06-01T12:00:00.000Z',
      partial: false,
      archives: [
        { number: 1, name: 'one.zip', outcome: 'fetched', bytes: ONE.length, sha256: sha256Of(ONE) },
        { number: 2, name: 'two.zip', outcome: 'fetched', bytes: TWO.length, sha256: sha256Of(TWO) },
      ],
    });
    expect(await world.instance()).toMatchObject({
      state: 'fetched',
      endedAt: '2026-06-03T12:00:00.000Z',
      transactionIds: { fetch: 'TRANSACTION-1' },
    });
    expect(world.metrics).toEqual([]);
    expect(await world.openUploads()).toBe(0);
  });

  it('keeps the names and facts of the archives beside them, without any time', async () => {
    await world.run();

    expect(await world.storedNames()).toEqual(['1.json', '1.zip', '2.json', '2.zip', 'list.json']);
    expect(JSON.parse(String(await world.stored('1.json')))).toEqual({
      state: 'whole',
      number: 1,
      name: 'one.zip',
      bytes: ONE.length,
      sha256: sha256Of(ONE),
    });
  });

  it('lands an empty archive and one of exactly two parts', async () => {
    world.archives = new Map([
      ['empty.zip', Buffer.alloc(0)],
      ['parts.zip', archiveBytes(16 * 1024 * 1024, 3)],
    ]);

    expect(await world.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched' });
    expect(await world.stored('1.zip')).toHaveLength(0);
    expect((await world.stored('2.zip')).equals(world.archive('parts.zip'))).toBe(true);
  });

  it('answers the same when it is run again, and asks Apple for nothing', async () => {
    const first = await world.run();
    const before = await world.contents();
    const again = await world.run();

    expect(again).toEqual(first);
    expect(await world.contents()).toEqual(before);
    expect([world.listCalls, world.downloads.length]).toEqual([1, 2]);
  });

  it('needs nothing but the manifest once it is written', async () => {
    const first = await world.run();
    for (const name of await world.storedNames()) await world.remove(name);

    expect(await world.run()).toEqual(first);
    expect(world.listCalls).toBe(1);
  });

  it('marks an instance partial that Apple completed with an error', async () => {
    const partial = await FetchWorld.open({ record: { jobStatus: 'completed_with_error' } });
    partial.archives = world.archives;

    expect(await partial.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched-partial' });
    expect(await partial.manifest()).toMatchObject({ partial: true, archives: [{}, {}] });
    expect(await partial.instance()).toMatchObject({ state: 'fetched-partial' });
    await partial.close();
  });

  it('puts no URL, query, token or name of the person into logs, answers or objects', async () => {
    const answers: unknown[] = [];
    world.host = ({ name, attempt }) => {
      if (attempt === 1) throw new DownloadExpiredError('The URL is no longer valid.');
      if (attempt === 2) {
        const body = brokenBody(world.archive(name), 70_000, () => new ApiUnavailableError('Cut.'));
        return { offset: 0, totalBytes: undefined, resumableWith: undefined, body };
      }
      return wholeDownload(world.archive(name));
    };
    answers.push(await world.run());
    const texts = JSON.stringify([answers, world.logLines, await world.texts()]);

    expect(texts).toContain('archive cut');
    expect(texts).toContain('one.zip');
    expect(texts).not.toMatch(/https:|signature|secret-|refresh-token|person-1/);
  });
});

describe('an empty list', () => {
  beforeEach(() => {
    world.archives = new Map();
  });

  it('of a completed request is told and alarmed, and nothing is unpacked', async () => {
    expect(await world.run()).toMatchObject({ phase: 'next', outcome: 'no-archives', nextInstance: 2 });
    expect(await world.manifest()).toMatchObject({ partial: false, archives: [] });
    expect(await world.instance()).toMatchObject({ state: 'fetched' });
    expect(world.metrics).toEqual(['ArchivesMissing']);
  });

  it('of a request completed with an error is partial without files', async () => {
    const partial = await FetchWorld.open({
      mode: 'ONE_TIME',
      record: { jobStatus: 'completed_with_error' },
    });

    expect(await partial.run()).toMatchObject({
      phase: 'ended',
      outcome: 'fetched-partial',
      nextInstance: null,
    });
    expect(await partial.manifest()).toMatchObject({ partial: true, archives: [] });
    expect(partial.metrics).toEqual([]);
    await partial.close();
  });

  it('after the three days means that the request is expired', async () => {
    world.clock.milliseconds += 49 * HOUR;

    expect(await world.run()).toMatchObject({ phase: 'next', outcome: 'expired' });
    expect(await world.manifest()).toBeUndefined();
    expect(world.metrics).toEqual(['FetchesLate', 'RequestsExpired']);
  });
});

describe('an answer without URLs', () => {
  it('that says the request is not complete waits as long as it asks, and counts as seen incomplete', async () => {
    world.listAnswer = () => ({ result: 'not-complete', delay: 7200, transactionId: 'T' });

    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 7200, outcome: 'in-progress' });
    expect(await world.instance()).toMatchObject({
      state: 'in-progress',
      lastIncompleteAt: '2026-06-03T12:00:00.000Z',
      notBefore: '2026-06-03T14:00:00.000Z',
    });
  });

  it.each([undefined, 0, -5, 'soon'])('with the delay %s waits a day', async (delay) => {
    world.listAnswer = () => ({ result: 'not-complete', delay, transactionId: 'T' });

    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 86_400 });
  });

  it('with a delay above 48 hours is capped and alarmed', async () => {
    world.listAnswer = () => ({ result: 'not-complete', delay: 400_000, transactionId: 'T' });

    expect(await world.run()).toMatchObject({ delaySeconds: 172_800, outcome: 'delay-capped' });
    expect(world.metrics).toEqual(['StatusDelaysCapped']);
  });

  it('that says for 14 days that the request is not complete ends it', async () => {
    world.listAnswer = () => ({ result: 'not-complete', delay: 86_400, transactionId: 'T' });

    expect(await world.runToEnd()).toMatchObject({ outcome: 'took-too-long', phase: 'next' });
    expect(world.listCalls).toBe(13);
    expect(world.metrics).toContain('RequestsTookTooLong');
  });

  it('that does not know the request within the three days ends it', async () => {
    world.listAnswer = () => notFound;

    expect(await world.run()).toMatchObject({ outcome: 'request-not-found', phase: 'ended' });
    expect(await world.instance()).toMatchObject({ state: 'request-not-found' });
    expect(world.metrics).toEqual(['RequestsNotFound']);
  });

  it.each([
    new ApiContractError('Apple answered https://apple.example/1.zip?X-Signature=s3cr3t.'),
    new ApiRequestError('Apple refused the list (422).', { status: 422, code: '' }),
  ])('but an error that nobody understands fails within the three days: $name', async (error) => {
    world.listAnswer = () => {
      throw error;
    };

    await expect(world.run()).rejects.toBe(error);
    expect(await world.instance()).toMatchObject({ state: 'in-progress' });
  });

  it.each([
    new ApiContractError('Apple answered https://apple.example/1.zip?X-Signature=s3cr3t.'),
    new ApiRequestError('Apple refused the list (422).', { status: 422, code: '' }),
  ])('but an error after the three days means that it is expired: $name', async (error) => {
    world.clock.milliseconds += 49 * HOUR;
    world.listAnswer = () => {
      throw error;
    };

    expect(await world.run()).toMatchObject({ outcome: 'expired', phase: 'next' });
    expect(world.metrics).toContain('RequestsExpired');
    const logged = JSON.stringify(world.logLines);
    expect(logged).toContain(error.name);
    expect(logged).not.toContain('s3cr3t');
  });

  it('that does not know the request after the three days means that it is expired', async () => {
    world.clock.milliseconds += 49 * HOUR;
    world.listAnswer = () => notFound;

    expect(await world.run()).toMatchObject({ outcome: 'expired', phase: 'next' });
    expect(await world.instance()).toMatchObject({ state: 'expired' });
  });

  it('publishes what had come before Apple forgot the request', async () => {
    world.host = ({ name }) => {
      if (name === 'two.zip') throw new ApiUnavailableError('The host did not answer.');
      return wholeDownload(ONE);
    };
    await world.run();
    world.listAnswer = () => notFound;

    expect(await world.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched-partial' });
    expect(await world.manifest()).toMatchObject({
      partial: true,
      archives: [{ outcome: 'fetched' }, { number: 2, outcome: 'gone', bytes: 0 }],
    });
    expect(world.metrics).toEqual(['ArchivesMissing']);
  });
});

describe('the three days', () => {
  it('alarm when an archive is not fetched 12 hours after completion was seen, and when a day is left', async () => {
    world.clock.milliseconds += 13 * HOUR;
    await world.run();
    expect(world.metrics).toEqual(['FetchesLate']);

    const later = await FetchWorld.open();
    later.clock.milliseconds += 30 * HOUR;
    await later.run();
    expect(later.metrics).toEqual(['FetchesLate', 'FetchWindowsClosing', 'ArchivesMissing']);
    await later.close();
  });

  it.each([new ApiUnavailableError('Apple did not answer.'), new ApiThrottledError('Apple asks to wait.')])(
    'end with one last try when Apple cannot be reached: $name',
    async (error) => {
      world.beforeAppleCall = () => {
        throw error;
      };
      expect(await world.run()).toMatchObject({ phase: 'wait', outcome: 'apple-unavailable' });
      world.clock.milliseconds += 49 * HOUR;

      expect(await world.run()).toMatchObject({ phase: 'next', outcome: 'expired' });
      expect(world.metrics).toContain('RequestsExpired');
    },
  );

  it('still fetch what Apple gives at the last try', async () => {
    world.clock.milliseconds += 60 * HOUR;

    expect(await world.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched' });
  });

  it('make a one-time request due to be submitted anew', async () => {
    const once = await FetchWorld.open({ mode: 'ONE_TIME' });
    once.clock.milliseconds += 49 * HOUR;
    once.listAnswer = () => notFound;

    expect(await once.run()).toMatchObject({ phase: 'submit', outcome: 'expired' });
    expect(await once.instance()).toMatchObject({ failedRequestIds: [REQUEST_ID] });
    await once.close();
  });
});

describe('an instance that is not to be fetched', () => {
  it('is submitted first when Apple has not named it', async () => {
    const unnamed = await FetchWorld.open({ record: { state: 'submitting', requestId: undefined } });

    expect(await unnamed.run()).toMatchObject({ phase: 'submit' });
    await unnamed.close();
  });

  it.each([
    ['cancelled', 'cancelled'],
    ['error', 'job-error'],
  ] as const)('stays as it is when it is over: %s', async (state, outcome) => {
    const over = await FetchWorld.open({ record: { state } });

    expect(await over.run()).toMatchObject({ phase: 'next', outcome });
    expect(over.listCalls).toBe(0);
    await over.close();
  });

  it('of an erased grant is left alone', async () => {
    await world.erase();

    expect(await world.run()).toMatchObject({ phase: 'ended', outcome: 'erased' });
    expect(world.listCalls).toBe(0);
  });
});
