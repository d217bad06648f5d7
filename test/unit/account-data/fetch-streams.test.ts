import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AssetDownload } from '../../../lambdas/lib/account-data/deps.ts';
import {
  ApiContractError,
  ApiRequestError,
  ApiUnavailableError,
  DownloadExpiredError,
  HostNotAllowedError,
} from '../../../lambdas/lib/errors.ts';
import {
  type AssetRequest,
  archiveBytes,
  brokenBody,
  FetchWorld,
  HOUR,
  MINUTE,
  wholeDownload,
} from './fetch-world.ts';

const BYTES = archiveBytes(20_000_000, 1);
const SMALL = archiveBytes(50_000, 2);
const cut = () => new ApiUnavailableError('The download broke off (cut).');
const expired = () => new DownloadExpiredError('The URL is no longer valid (403).');
const refused = () =>
  new HostNotAllowedError('The host is not admitted.', {
    details: { host: 'files.example.net', reason: 'not listed' },
  });

let world: FetchWorld;
beforeEach(async () => {
  world = await FetchWorld.open();
  world.archives = new Map([['one.zip', BYTES]]);
});
afterEach(async () => {
  expect(await world.openUploads()).toBe(0);
  await world.close();
});

function withSmall(): void {
  world.archives = new Map([
    ['one.zip', BYTES],
    ['small.zip', SMALL],
  ]);
}

/** A host that cuts the first `cuts` downloads after `length` bytes, and may go on from there. */
function cuttingHost(cuts: number, length: number, etag: string | undefined) {
  return ({ name, attempt, resume }: AssetRequest): AssetDownload => {
    const bytes = world.archive(name);
    const offset = resume === undefined || resume.etag !== etag ? 0 : resume.offset;
    const rest = bytes.subarray(offset);
    const body = attempt <= cuts ? brokenBody(rest, length, cut) : wholeDownload(rest).body;
    return { offset, totalBytes: bytes.length, resumableWith: etag, body };
  };
}

const offsets = () => world.downloads.map(({ offset }) => offset);

describe('a body that is cut', () => {
  it('goes on where it was when the host can, within the same upload', async () => {
    let uploads = 0;
    world.interceptS3 = (request, next) => {
      if (request.method === 'POST' && request.target.includes('uploads')) uploads += 1;
      return next(request);
    };
    world.host = cuttingHost(2, 9_000_000, '"etag-1"');

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(offsets()).toEqual([undefined, 9_000_000, 18_000_000]);
    expect((await world.stored('1.zip')).equals(BYTES)).toBe(true);
    expect(uploads).toBe(1);
  });

  it('begins again when the archive has another ETag by then', async () => {
    const host = cuttingHost(1, 9_000_000, '"etag-1"');
    world.host = (request) =>
      request.attempt === 1
        ? host(request)
        : { ...wholeDownload(archiveBytes(1_000_000, 7)), resumableWith: '"etag-2"' };

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect((await world.stored('1.zip')).equals(archiveBytes(1_000_000, 7))).toBe(true);
  });

  it('begins again where the host cannot go on, three times', async () => {
    world.host = cuttingHost(3, 9_000_000, undefined);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(offsets()).toEqual([undefined, undefined, undefined, undefined]);
    expect((await world.stored('1.zip')).equals(BYTES)).toBe(true);
  });

  it.each([
    ['again and again', undefined, 9_000_000],
    ['with hardly any byte more each time', '"etag-1"', 10],
  ])('%s is left for another quarter of an hour, with nothing visible', async (_, etag, length) => {
    world.host = cuttingHost(1000, length, etag);

    expect(await world.run()).toMatchObject({
      phase: 'wait',
      delaySeconds: 900,
      outcome: 'apple-unavailable',
    });
    expect(world.downloads).toHaveLength(4);
    expect(await world.storedNames()).toEqual(['list.json']);
  });

  it('that could go on, and comes from its beginning each time, is left for later too', async () => {
    world.host = (request) => cuttingHost(1000, 9_000_000, `"etag-${request.attempt}"`)(request);

    expect(await world.run()).toMatchObject({ phase: 'wait', outcome: 'apple-unavailable' });
    expect(world.downloads).toHaveLength(5);
  });

  it('is refused when the host goes on at another byte than asked for', async () => {
    world.host = ({ name }) => ({ ...wholeDownload(world.archive(name)), offset: 17 });

    await expect(world.run()).rejects.toBeInstanceOf(ApiContractError);
    expect(await world.storedNames()).toEqual(['list.json']);
  });
});

describe('a URL that no longer lives', () => {
  it('is replaced by a fresh one', async () => {
    world.host = ({ name, attempt }) => {
      if (attempt === 1) throw expired();
      return wholeDownload(world.archive(name));
    };

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(world.downloads.map(({ url }) => url.split('=')[1])).toEqual(['secret-1', 'secret-2']);
  });

  it('is replaced before a download begins more than 12 minutes after it was asked for', async () => {
    withSmall();
    world.invocationMilliseconds = 60 * MINUTE;
    world.host = ({ name }) => {
      world.clock.milliseconds += 12 * MINUTE + 1000;
      return wholeDownload(world.archive(name));
    };

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(world.downloads.map(({ url }) => url.split('=')[1])).toEqual(['secret-1', 'secret-2']);
  });

  it('is replaced when the rest of a cut archive is asked for, which then goes on', async () => {
    const host = cuttingHost(1, 9_000_000, '"etag-1"');
    world.host = (request) => {
      if (request.attempt === 2) throw expired();
      return host({ ...request, attempt: request.attempt === 1 ? 1 : 2 });
    };

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(offsets()).toEqual([undefined, 9_000_000, 9_000_000]);
    expect((await world.stored('1.zip')).equals(BYTES)).toBe(true);
  });

  it('is replaced three times an invocation; then the others are fetched, and it is tried again later', async () => {
    withSmall();
    world.host = ({ name }) => {
      if (name === 'one.zip') throw expired();
      return wholeDownload(SMALL);
    };

    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 900 });
    expect(world.listCalls).toBe(4);
    expect(await world.storedNames()).toContain('2.zip');
    world.clock.milliseconds += 47 * HOUR;
    expect(await world.runToEnd()).toMatchObject({ outcome: 'fetched-partial' });
    expect(await world.manifest()).toMatchObject({
      partial: true,
      archives: [{ outcome: 'gone' }, { outcome: 'fetched' }],
    });
    expect(world.metrics).toContain('ArchivesMissing');
  });
});

describe('an archive that does not come', () => {
  it.each([
    ['its host is down', () => new ApiUnavailableError('The host answered 503.')],
    [
      'its host rejects the request',
      () => new ApiRequestError('The host answered 400.', { status: 400, code: '' }),
    ],
  ])('because %s keeps no other from being fetched, and is asked for again', async (_, error) => {
    withSmall();
    world.host = ({ name, attempt }) => {
      if (name === 'one.zip' && attempt === 1) throw error();
      return wholeDownload(world.archive(name));
    };

    expect(await world.run()).toMatchObject({
      phase: 'wait',
      delaySeconds: 900,
      outcome: 'apple-unavailable',
    });
    expect(await world.storedNames()).toEqual(['2.json', '2.zip', 'list.json']);
    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(world.downloads.map(({ name }) => name)).toEqual(['one.zip', 'small.zip', 'one.zip']);
  });

  it('because it comes encoded ends the step by name after the others were fetched', async () => {
    withSmall();
    world.host = ({ name }) => {
      if (name === 'one.zip') throw new ApiContractError('The archive came encoded.');
      return wholeDownload(SMALL);
    };

    await expect(world.run()).rejects.toBeInstanceOf(ApiContractError);
    expect(await world.storedNames()).toContain('2.zip');
  });

  it('waits for the last try at the end of the window, not past it', async () => {
    world.clock.milliseconds += 48 * HOUR - 5 * MINUTE;
    world.host = () => {
      throw cut();
    };

    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 300 });
    world.clock.milliseconds += 300_000;
    expect(await world.run()).toMatchObject({ phase: 'next', outcome: 'expired' });
  });
});

describe('a host that is not admitted', () => {
  beforeEach(() => {
    withSmall();
    world.host = ({ name }) => {
      if (name === 'one.zip') throw refused();
      return wholeDownload(SMALL);
    };
  });

  it('alarms at once and by name, and is asked again an hour later', async () => {
    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 3600, outcome: 'host-refused' });
    expect(world.metrics).toEqual(['AssetHostsRefused']);
    expect(world.logLines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ host: 'files.example.net', archive: 1 }),
      }),
    );
    world.host = ({ name }) => wholeDownload(world.archive(name));
    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
  });

  it('is recorded when the three days are over, and the rest published as partial', async () => {
    expect(await world.runToEnd()).toMatchObject({ phase: 'unpack', outcome: 'fetched-partial' });
    expect(await world.manifest()).toMatchObject({
      partial: true,
      archives: [{ outcome: 'host-refused', bytes: 0 }, { outcome: 'fetched' }],
    });
  });
});

describe('the end of the invocation', () => {
  /** Bytes keep coming while time passes: one minute with every megabyte. */
  const slowly =
    (minutesEach = 1) =>
    ({ name, signal }: AssetRequest): AssetDownload => {
      const bytes = world.archive(name);
      const body = Readable.from(
        (async function* () {
          for (let from = 0; from < bytes.length; from += 1_000_000) {
            world.clock.milliseconds += minutesEach * MINUTE;
            signal.throwIfAborted();
            yield bytes.subarray(from, from + 1_000_000);
          }
        })(),
      );
      return { offset: 0, totalBytes: bytes.length, resumableWith: undefined, body };
    };

  it('leaves the next archive to the next invocation when less than two minutes are left', async () => {
    withSmall();
    world.host = ({ name }) => {
      if (name === 'one.zip') world.clock.milliseconds += 13 * MINUTE;
      return wholeDownload(world.archive(name));
    };

    expect(await world.run()).toMatchObject({ phase: 'fetch', delaySeconds: 0, outcome: 'in-progress' });
    expect(await world.storedNames()).toEqual(['1.json', '1.zip', 'list.json']);
    expect(await world.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched' });
    expect(world.downloads.map(({ name }) => name)).toEqual(['one.zip', 'small.zip']);
  });

  it('gives up an archive that had two invocations for itself, and publishes the others', async () => {
    withSmall();
    world.host = (request) =>
      request.name === 'one.zip' ? slowly()(request) : wholeDownload(world.archive(request.name));

    expect(await world.run()).toMatchObject({ phase: 'fetch' });
    expect(world.metrics).toEqual([]);
    expect(await world.storedNames()).toEqual(['1.json', 'list.json']);
    expect(await world.run()).toMatchObject({ phase: 'fetch' });
    expect(world.metrics).toEqual(['ArchivesTooLarge']);
    expect(await world.run()).toMatchObject({ phase: 'unpack', outcome: 'fetched-partial' });
    expect(await world.manifest()).toMatchObject({
      partial: true,
      archives: [
        { outcome: 'too-large', bytes: expect.any(Number) },
        { outcome: 'fetched', bytes: SMALL.length },
      ],
    });
    expect((await world.manifest())?.archives[0]?.bytes).toBeGreaterThan(10_000_000);
  });

  it('does not count against an archive that began late', async () => {
    world.archives = new Map([
      ['small.zip', SMALL],
      ['one.zip', BYTES],
    ]);
    world.host = (request) => {
      if (request.name === 'small.zip') world.clock.milliseconds += 10 * MINUTE;
      return request.attempt === 1 ? slowly()(request) : wholeDownload(BYTES);
    };

    expect(await world.run()).toMatchObject({ phase: 'fetch' });
    expect(await world.storedNames()).toEqual(['1.json', '1.zip', 'list.json']);
    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
  });

  it('without any progress waits instead of going on at once', async () => {
    world.invocationMilliseconds = 60_000;

    expect(await world.run()).toMatchObject({ phase: 'wait', delaySeconds: 900 });
    expect(world.downloads).toEqual([]);
  });
});
