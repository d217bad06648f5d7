import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveList, matchUrls } from '../../../lambdas/lib/account-data/archive-list.ts';
import { archiveName } from '../../../lambdas/lib/account-data/archive-name.ts';
import { ApiUnavailableError } from '../../../lambdas/lib/errors.ts';
import { BUCKET } from '../local-s3-harness.ts';
import { archiveBytes, FetchWorld, wholeDownload } from './fetch-world.ts';

const url = (name: string) => `https://assets.example.com/files/${name}?signature=s`;

function known(...names: string[]): ArchiveList {
  return { archives: names.map((name, index) => ({ number: index + 1, name, listed: true })) };
}

/** The key in the target of a request to S3. */
function keyOf(target: string): string {
  return new URL(target, 'http://s3').pathname.replace(`/${BUCKET}/`, '').replace(/^\//, '');
}

describe('the name of an archive', () => {
  it.each([
    ['https://assets.example.com/a/b/1.zip?x=/2.zip#/3.zip', '1.zip'],
    ['https://assets.example.com/Data%20of%20today.zip', 'Data of today.zip'],
    ['https://assets.example.com/100%25%ZZ.zip', '100%25%ZZ.zip'],
    ['https://assets.example.com/', ''],
    ['https://assets.example.com', ''],
    ['no address', ''],
    [`https://assets.example.com/${'n'.repeat(4096)}`, 'n'.repeat(255)],
  ])('of %s is the last part of its path', (text, name) => {
    expect(archiveName(text)).toBe(name);
  });

  it('never ends in half a character', () => {
    const name = archiveName(`https://assets.example.com/${'n'.repeat(254)}${encodeURIComponent('😀')}`);

    expect(name.isWellFormed()).toBe(true);
    expect(name.length).toBeLessThanOrEqual(255);
  });
});

describe('a later list of archives', () => {
  it('with the same names in another order goes by name', () => {
    const list = known('a', 'b');
    const matched = matchUrls(list, [url('b'), url('a')]);

    expect(matched.match).toBe('same-names');
    expect(matched.list).toBe(list);
    expect([...matched.urls]).toEqual([
      [2, url('b')],
      [1, url('a')],
    ]);
  });

  it('gives archives of equal names their places in order', () => {
    const urls = [`${url('a')}1`, `${url('a')}2`];

    expect([...matchUrls(known('a', 'a'), urls).urls]).toEqual([
      [1, urls[0]],
      [2, urls[1]],
    ]);
  });

  it('with other names in the same number goes by its order and keeps the first names', () => {
    const list = known('a', 'b');
    const matched = matchUrls(list, [url('b'), url('c')]);

    expect(matched).toMatchObject({ match: 'same-count', list });
    expect([...matched.urls]).toEqual([
      [1, url('b')],
      [2, url('c')],
    ]);
  });

  it('that is shorter keeps the numbers of what it names, and tells what it lacks', () => {
    const matched = matchUrls(known('a', 'b', 'c'), [url('c')]);

    expect(matched.match).toBe('other-count');
    expect(matched.list.archives).toEqual([
      { number: 1, name: 'a', listed: false },
      { number: 2, name: 'b', listed: false },
      { number: 3, name: 'c', listed: true },
    ]);
    expect([...matched.urls]).toEqual([[3, url('c')]]);
  });

  it('that is longer gives new names the next numbers', () => {
    const { list, urls } = matchUrls(known('a'), [url('x'), url('a'), url('y')]);

    expect(list.archives.map(({ number, name }) => [number, name])).toEqual([
      [1, 'a'],
      [2, 'x'],
      [3, 'y'],
    ]);
    expect(urls.get(1)).toBe(url('a'));
    expect(urls.get(2)).toBe(url('x'));
  });

  it('that names again what one before it lacked gives it its number back', () => {
    const shorter = matchUrls(known('a', 'b'), [url('b')]).list;
    const { list } = matchUrls(shorter, [url('a'), url('b')]);

    expect(list).toEqual(known('a', 'b'));
  });
});

describe('archives whose list changes between two calls', () => {
  const NAMES = ['a.zip', 'b.zip', 'c.zip'];
  let world: FetchWorld;
  /** The first invocation gets only `b.zip`. */
  let failing: boolean;

  beforeEach(async () => {
    world = await FetchWorld.open();
    failing = true;
    for (const [index, name] of NAMES.entries()) world.archives.set(name, archiveBytes(1000 + index, index));
    world.host = ({ name }) => {
      if (failing && name !== 'b.zip') throw new ApiUnavailableError('The host answered 503.');
      return wholeDownload(world.archive(name));
    };
    await world.run();
    failing = false;
  });
  afterEach(() => world.close());

  const archives = async () => (await world.manifest())?.archives.map(({ number, name }) => [number, name]);
  const warnings = () => world.logLines.filter(({ message }) => message.includes('list of archives'));

  it('in their order are fetched by their names', async () => {
    world.listedNames = () => ['c.zip', 'b.zip', 'a.zip'];

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(await archives()).toEqual([
      [1, 'a.zip'],
      [2, 'b.zip'],
      [3, 'c.zip'],
    ]);
    expect((await world.stored('3.zip')).equals(world.archive('c.zip'))).toBe(true);
    expect(warnings()).toEqual([]);
  });

  it('in their names are fetched by their places, and it is told', async () => {
    for (const name of NAMES) world.archives.set(`new-${name}`, world.archive(name));
    world.listedNames = () => NAMES.map((name) => `new-${name}`);

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect(await archives()).toEqual([
      [1, 'a.zip'],
      [2, 'b.zip'],
      [3, 'c.zip'],
    ]);
    expect(world.downloads.slice(3).map(({ name }) => name)).toEqual(['new-a.zip', 'new-c.zip']);
    expect(warnings()).toHaveLength(1);
  });

  it('to fewer ones keep what had come whole, and the missing one is recorded and alarmed', async () => {
    world.listedNames = () => ['c.zip'];

    expect(await world.run()).toMatchObject({ outcome: 'fetched-partial' });
    expect(await world.manifest()).toMatchObject({
      partial: true,
      archives: [
        { number: 1, outcome: 'gone', bytes: 0 },
        { number: 2, outcome: 'fetched' },
        { number: 3, outcome: 'fetched' },
      ],
    });
    expect(world.metrics).toEqual(['ArchivesMissing']);
  });

  it('to more ones fetch the new one under the next number', async () => {
    world.archives.set('d.zip', archiveBytes(77, 9));
    world.listedNames = () => ['d.zip', ...NAMES];

    expect(await world.run()).toMatchObject({ outcome: 'fetched' });
    expect((await archives())?.[3]).toEqual([4, 'd.zip']);
    expect((await world.stored('4.zip')).equals(world.archive('d.zip'))).toBe(true);
  });

  it('go by the list that another execution wrote first', async () => {
    const other = await FetchWorld.open();
    other.archives = world.archives;
    let isFirst = true;
    other.interceptS3 = async (request, next) => {
      if (request.method === 'PUT' && request.target.includes('/list.json') && isFirst) {
        isFirst = false;
        const list = { archives: known(...[...NAMES].reverse()).archives };
        await other.lake.writeText(decodeURIComponent(keyOf(request.target)), JSON.stringify(list));
      }
      return next(request);
    };

    expect(await other.run()).toMatchObject({ outcome: 'fetched' });
    expect((await other.manifest())?.archives.map(({ name }) => name)).toEqual([...NAMES].reverse());
    expect((await other.stored('1.zip')).equals(world.archive('c.zip'))).toBe(true);
    await other.close();
  });

  it('to none at all after the three days are expired unless something had come', async () => {
    world.clock.milliseconds += 49 * 3_600_000;
    world.listedNames = () => [];

    expect(await world.run()).toMatchObject({ outcome: 'fetched-partial' });
    expect((await world.manifest())?.archives.map(({ outcome }) => outcome)).toEqual([
      'gone',
      'fetched',
      'gone',
    ]);
  });
});
