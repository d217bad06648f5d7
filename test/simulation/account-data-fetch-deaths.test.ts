import { afterEach, describe, expect, it } from 'vitest';
import { ApiUnavailableError } from '../../lambdas/lib/errors.ts';
import {
  archiveBytes,
  brokenBody,
  FetchWorld,
  sha256Of,
  wholeDownload,
} from '../unit/account-data/fetch-world.ts';

/**
 * Lets `Fetch URLs And Stream Archives` die at every outgoing call, before it is made and after it was applied, and
 * runs it again: the same bytes. None of the calls is chosen by hand: a fault-free run records them.
 */
const ARCHIVES = new Map([
  ['one.zip', archiveBytes(5000, 1)],
  ['two.zip', archiveBytes(4000, 2)],
]);

class FunctionDied extends Error {
  override readonly name = 'Runtime.ExitError';
}

let worlds: FetchWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.map((world) => world.close()));
  worlds = [];
});

async function openWorld(): Promise<FetchWorld> {
  const world = await FetchWorld.open();
  world.archives = ARCHIVES;
  worlds.push(world);
  return world;
}

/** Counts outgoing calls, and dies at one of them if told to; a dead function makes no further calls. */
function callsOf(world: FetchWorld, death?: { readonly atCall: number; readonly when: 'before' | 'after' }) {
  const calls: string[] = [];
  let dead = false;
  const begin = (what: string): boolean => {
    if (dead) throw new FunctionDied('the function is gone');
    const strikes = calls.push(what) - 1 === death?.atCall;
    dead ||= strikes && death?.when === 'before';
    if (dead) throw new FunctionDied(`died before ${what}`);
    return strikes;
  };
  world.interceptS3 = async (request, next) => {
    const strikes = begin(`${request.method} ${request.target}`);
    const answer = await next(request);
    dead ||= strikes;
    if (dead) throw new FunctionDied('died after the call');
    return answer;
  };
  world.beforeAppleCall = () => {
    // Apple's answers change nothing here, so a death after one is a death before the next call.
    begin('Apple');
  };
  return calls;
}

function live(world: FetchWorld): void {
  world.interceptS3 = (request, next) => next(request);
  world.beforeAppleCall = () => {};
}

describe('a function that dies while it fetches archives', () => {
  it.each(['before', 'after'] as const)('%s any call leaves the same bytes', async (when) => {
    const faultFree = await openWorld();
    const calls = callsOf(faultFree);
    const answer = await faultFree.run();
    const expected = await faultFree.contents();
    expect(calls.length).toBeGreaterThan(20);
    expect(Object.keys(expected)).toHaveLength(6);

    for (let atCall = 0; atCall < calls.length; atCall += 1) {
      const world = await openWorld();
      callsOf(world, { atCall, when });
      const where = `after a death ${when} ${calls[atCall]?.replace(/\?.*/s, '')} (call ${atCall})`;
      await world.run().catch((error: Error) => expect(error, where).toBeInstanceOf(FunctionDied));
      for (const [key, sum] of Object.entries(await world.contents())) expect(sum, where).toBe(expected[key]);
      live(world);

      expect(await world.run(), where).toEqual(answer);
      expect(await world.contents(), where).toEqual(expected);
      expect(await world.instance(), where).toMatchObject({ state: 'fetched' });
    }
  });

  it('between two parts of an upload begins the archive again', async () => {
    const world = await openWorld();
    const large = archiveBytes(18_000_000, 3);
    world.archives = new Map([['large.zip', large]]);
    world.interceptS3 = (request, next) => {
      if (request.target.includes('partNumber=2')) throw new FunctionDied('died');
      return next(request);
    };
    await expect(world.run()).rejects.toThrow('died');
    expect(await world.storedNames()).toEqual(['list.json']);
    live(world);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect((await world.stored('1.zip')).equals(large)).toBe(true);
  });

  it('between the end of an upload and its facts does not fetch the archive again', async () => {
    const world = await openWorld();
    world.interceptS3 = (request, next) => {
      if (request.method === 'PUT' && request.target.includes('/1.json')) throw new FunctionDied('died');
      return next(request);
    };
    await expect(world.run()).rejects.toThrow('died');
    live(world);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(world.downloads.map(({ name }) => name)).toEqual(['one.zip', 'two.zip']);
    expect(await world.manifest()).toMatchObject({ archives: [{ outcome: 'fetched' }, {}] });
  });

  it('after the last archive publishes what is there without asking Apple again', async () => {
    const world = await openWorld();
    world.interceptS3 = (request, next) => {
      if (request.method === 'PUT' && request.target.includes('/transfers/')) throw new FunctionDied('died');
      return next(request);
    };
    await expect(world.run()).rejects.toThrow('died');
    live(world);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect([world.listCalls, world.downloads.length]).toEqual([1, 2]);
  });
});

describe('two executions of one instance', () => {
  it('at once leave what one leaves', async () => {
    const alone = await openWorld();
    const answer = await alone.run();
    const world = await openWorld();

    expect(await Promise.all([world.run(), world.run()])).toEqual([answer, answer]);
    expect(await world.contents()).toEqual(await alone.contents());
    expect(await world.openUploads()).toBe(0);
  });

  it('keep facts and bytes of one archive together even when Apple makes it anew each time', async () => {
    const world = await openWorld();
    let made = 0;
    world.host = () => {
      made += 1;
      return wholeDownload(archiveBytes(50_000 + made, made));
    };
    await Promise.all([world.run(), world.run()]);

    const manifest = await world.manifest();
    for (const { number, bytes, sha256 } of manifest?.archives ?? []) {
      const stored = await world.stored(`${number}.zip`);
      expect([stored.length, sha256]).toEqual([bytes, sha256Of(stored)]);
    }
    expect(manifest?.archives).toHaveLength(2);
  });
});

describe('a grant that is erased while its archives come', () => {
  it('before the end of an upload leaves nothing visible', async () => {
    const world = await openWorld();
    world.interceptS3 = async (request, next) => {
      if (request.method === 'PUT' && request.target.includes('partNumber=')) await world.erase();
      return next(request);
    };

    expect(await world.run()).toMatchObject({ phase: 'ended', outcome: 'erased', nextInstance: null });
    expect(await world.storedNames()).toEqual(['list.json']);
    expect(await world.openUploads()).toBe(0);
    expect(await world.manifest()).toBeUndefined();
  });

  it('after the last archive publishes no manifest', async () => {
    const world = await openWorld();
    world.interceptS3 = async (request, next) => {
      if (request.method === 'PUT' && request.target.includes('/2.json')) await world.erase();
      return next(request);
    };

    expect(await world.run()).toMatchObject({ phase: 'ended', outcome: 'erased' });
    expect(await world.manifest()).toBeUndefined();
    expect(await world.instance()).toMatchObject({ state: 'in-progress' });
  });

  it('between a cut and its resumption leaves nothing visible', async () => {
    const world = await openWorld();
    world.host = ({ name, resume }) => {
      const bytes = world.archive(name).subarray(resume?.offset ?? 0);
      const body =
        resume === undefined
          ? brokenBody(bytes, 2000, () => new ApiUnavailableError('The download broke off (cut).'))
          : wholeDownload(bytes).body;
      return { offset: resume?.offset ?? 0, totalBytes: undefined, resumableWith: '"e"', body };
    };
    let opened = 0;
    world.beforeAppleCall = () => {
      opened += 1;
    };
    world.interceptS3 = async (request, next) => {
      if (opened >= 3) await world.erase();
      return next(request);
    };

    expect(await world.run()).toMatchObject({ outcome: 'erased' });
    expect(await world.storedNames()).toEqual(['list.json']);
  });
});

describe('S3 that fails while archives come', () => {
  it('ends the step by name, and the next one goes on', async () => {
    const world = await openWorld();
    world.interceptS3 = async (request, next) => {
      if (!/\/2\.zip.*partNumber=/.test(request.target)) return next(request);
      for await (const _ of request.body);
      return {
        status: 503,
        headers: { 'content-type': 'application/xml' },
        body: '<Error><Code>SlowDown</Code></Error>',
      };
    };
    await expect(world.run()).rejects.toMatchObject({ name: 'StorageUnavailableError' });
    live(world);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(world.downloads.map(({ name }) => name)).toEqual(['one.zip', 'two.zip', 'two.zip']);
  });
});
