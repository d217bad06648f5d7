import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { UnpackLimits } from '../../../lambdas/lib/account-data/unpack-limits.ts';
import { archiveKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { INSTANCE, UnpackWorld } from './harness.ts';
import { type MadeArchive, type MadeEntry, makeZip } from './zip-writer.ts';

const GOOD: MadeEntry = { name: 'good.csv', content: 'a\n1\n' };
const ZEROS = Buffer.alloc(11_000_000);

interface Refused {
  readonly what: string;
  readonly outcome: string;
  readonly bytes: Buffer;
  readonly limits?: Partial<UnpackLimits>;
}

function zip(entries: readonly MadeEntry[], archive?: MadeArchive): Buffer {
  return makeZip([GOOD, ...entries], archive);
}

/** The archive with the bytes at a place, counted from the end when negative, replaced. */
function patched(bytes: Buffer, at: number, ...values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at < 0 ? copy.length + at : at);
  return copy;
}

const good = zip([{ name: 'other.txt', content: 'x' }]);
const REFUSED: readonly Refused[] = [
  { what: 'nothing', outcome: 'not-a-zip', bytes: Buffer.alloc(0) },
  { what: 'a page of text', outcome: 'not-a-zip', bytes: Buffer.from('<html>no archive</html>'.repeat(9)) },
  { what: 'an archive without its end', outcome: 'truncated', bytes: good.subarray(0, -30) },
  {
    what: 'an archive with bytes behind its end',
    outcome: 'damaged-directory',
    bytes: Buffer.concat([good, Buffer.from('more')]),
  },
  {
    what: 'a directory outside of the archive',
    outcome: 'damaged-directory',
    bytes: patched(good, -6, 0xff, 0xff, 0xff, 0x7f),
  },
  {
    what: 'a directory that begins at the wrong byte',
    outcome: 'damaged-directory',
    bytes: patched(good, -6, 1, 0, 0, 0),
  },
  {
    what: 'more entries in the end than in the directory',
    outcome: 'damaged-directory',
    bytes: zip([], { entryCount: 2 }),
  },
  {
    what: 'fewer entries in the end than in the directory',
    outcome: 'damaged-directory',
    bytes: zip([{ name: 'b' }], { entryCount: 1 }),
  },
  {
    what: 'an extra field longer than all extra fields',
    outcome: 'damaged-directory',
    bytes: zip([{ name: 'b', extra: Buffer.from([1, 2, 200, 0]) }]),
  },
  { what: 'one volume of several', outcome: 'split-archive', bytes: zip([], { diskNumber: 1 }) },
  { what: 'a hidden directory', outcome: 'encrypted-directory', bytes: zip([{ name: 'b', flags: 0x41 }]) },
  {
    what: 'too many entries',
    outcome: 'too-many-entries',
    bytes: zip([{ name: 'b' }, { name: 'c' }]),
    limits: { entries: 2 },
  },
  { what: 'the same name twice', outcome: 'duplicate-names', bytes: zip([{ name: 'b' }, { name: 'b' }]) },
  {
    what: 'names that are the same once decoded',
    outcome: 'duplicate-names',
    bytes: zip([{ name: 'b/c' }, { name: 'b\\c' }]),
  },
  {
    what: 'two entries with the same bytes',
    outcome: 'overlapping-entries',
    bytes: zip([{ name: 'b', headerOffset: 0 }]),
  },
  {
    what: 'an entry inside the directory',
    outcome: 'overlapping-entries',
    bytes: zip([{ name: 'b', headerOffset: good.length - 40 }]),
  },
  {
    what: 'an entry over the bound',
    outcome: 'entry-too-large',
    bytes: zip([{ name: 'b', content: 'x'.repeat(51) }]),
    limits: { entryBytes: 50 },
  },
  {
    what: 'an entry that only declares too much',
    outcome: 'entry-too-large',
    bytes: zip([{ name: 'b', bytes: 51 }]),
    limits: { entryBytes: 50 },
  },
  {
    what: 'entries over the bound of archives',
    outcome: 'archive-too-large',
    bytes: zip([{ name: 'b', content: 'x'.repeat(48) }]),
    limits: { archiveBytes: 50 },
  },
  {
    what: 'an entry of nothing but zeros',
    outcome: 'ratio-too-high',
    bytes: zip([{ name: 'b', compressed: deflateRawSync(ZEROS), content: ZEROS }]),
  },
  {
    what: 'many entries of nothing but zeros',
    outcome: 'ratio-too-high',
    bytes: zip(
      Array.from({ length: 6 }, (_, index) => ({ name: `${index}`, content: ZEROS.subarray(0, 2_000_000) })),
    ),
  },
];

describe('an archive is refused before anything of it is written', () => {
  it.each(REFUSED)('$what: $outcome', async ({ outcome, bytes, limits }) => {
    const world = await UnpackWorld.create([bytes, makeZip([GOOD])]);
    world.limits = { ...world.limits, ...limits };
    const { answer } = await world.run();

    expect(answer).toMatchObject({ phase: 'unpacked', outcome: 'unpacked-with-refusals' });
    expect(
      (await world.lines()).map(({ archive, entry, kind, outcome, bytes }) => [
        archive,
        entry,
        kind,
        outcome,
        bytes,
      ]),
    ).toEqual([
      [1, null, 'none', outcome, bytes.length],
      [2, 1, 'records', 'unpacked', 4],
    ]);
    expect(Object.keys(await world.published()).filter((key) => /\/1-\d+/.test(key))).toEqual([]);
    expect((await world.bytes(archiveKey(INSTANCE, 1))).equals(bytes)).toBe(true);
    expect(await world.manifest()).toMatchObject({
      complete: false,
      archives: 2,
      outcomes: { [outcome]: 1, unpacked: 1 },
    });
    expect(world.counted.get('ArchivesNotReadable')).toBe(1);
  });

  it('is not refused at the very bounds', async () => {
    const world = await UnpackWorld.create([zip([{ name: 'b', content: 'x'.repeat(50) }])]);
    world.limits = { entryBytes: 50, archiveBytes: 54, ratio: 1, entries: 2 };
    expect((await world.run()).answer.outcome).toBe('unpacked');
    expect(world.counted.size).toBe(0);
  });

  it('says of an archive that was not fetched why', async () => {
    const world = await UnpackWorld.create([{ outcome: 'gone' }, makeZip([GOOD])]);
    await world.run();
    expect((await world.lines()).map(({ archive, kind, outcome }) => [archive, kind, outcome])).toEqual([
      [1, 'none', 'gone'],
      [2, 'records', 'unpacked'],
    ]);
  });

  it('with names too long to be held', async () => {
    const entries = Array.from({ length: 520 }, (_, index) => ({ name: `${index}${'n'.repeat(65_000)}` }));
    const world = await UnpackWorld.create([makeZip(entries)]);
    await world.run();
    expect((await world.lines()).map(({ outcome }) => outcome)).toEqual(['directory-too-large']);
  });
});
