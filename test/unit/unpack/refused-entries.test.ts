import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { UnpackWorld } from './harness.ts';
import { type MadeEntry, makeZip } from './zip-writer.ts';

const SMALL = Buffer.from('some content '.repeat(20));
const LARGE = Buffer.concat(
  Array.from({ length: 50_000 }, (_, index) => createHash('sha256').update(String(index)).digest()),
);

/** Tables of the same sizes, which fail when their rows are read already. */
const TABLES = new Map([
  [SMALL, Buffer.from('a,b\n1,2\n')],
  [LARGE, Buffer.from(`a,b\n${'1,"some text of a cell"\n'.repeat(60_000)}`)],
]);

interface Refused {
  readonly what: string;
  readonly outcome: string;
  readonly entry: MadeEntry;
}

const REFUSED: readonly Refused[] = [
  ...['/etc/passwd', '../up', 'a/../../up', 'C:\\windows', '\\\\host\\share', 'nul\0name', '', 'dir/..'].map(
    (name) => ({
      ...{ what: `the name '${name.replace('\0', '<NUL>')}'`, outcome: 'bad-name' },
      entry: { name, content: SMALL },
    }),
  ),
  { what: 'a directory with content', outcome: 'bad-name', entry: { name: 'dir/', content: SMALL } },
  { what: 'a link', outcome: 'link', entry: { name: 'b', content: '/etc/passwd', mode: 0o120777 } },
  { what: 'a device', outcome: 'not-a-file', entry: { name: 'b', mode: 0o020666 } },
  { what: 'an encrypted entry', outcome: 'encrypted', entry: { name: 'b', content: SMALL, flags: 0x801 } },
  {
    what: 'another compression',
    outcome: 'unknown-compression',
    entry: { name: 'b', content: SMALL, method: 14 },
  },
  {
    what: 'a stored entry with two sizes',
    outcome: 'wrong-size',
    entry: { name: 'b', content: SMALL, method: 0, bytes: 3 },
  },
  {
    what: 'something else than a local header',
    outcome: 'damaged',
    entry: { name: 'b', content: SMALL, localSignature: 5 },
  },
  ...(
    [
      ['small', SMALL],
      ['large', LARGE],
    ] as const
  ).flatMap(([size, content]) => [
    {
      what: `a ${size} deflated entry with another CRC`,
      outcome: 'wrong-crc',
      entry: { name: 'b.bin', content, crc32: 1 },
    },
    {
      what: `a ${size} stored entry with another CRC`,
      outcome: 'wrong-crc',
      entry: { name: 'b.bin', content, method: 0, crc32: 1 },
    },
    {
      what: `a ${size} table with another CRC`,
      outcome: 'wrong-crc',
      entry: { name: 'b.csv', content: TABLES.get(content) ?? '', crc32: 1 },
    },
    {
      what: `a ${size} entry with more bytes than declared`,
      outcome: 'wrong-size',
      entry: { name: 'b', content, bytes: content.length - 1 },
    },
    {
      what: `a ${size} entry with fewer bytes than declared`,
      outcome: 'wrong-size',
      entry: { name: 'b', content, bytes: content.length + 1 },
    },
    {
      what: `a ${size} entry that is no deflate stream`,
      outcome: 'damaged',
      entry: { name: 'b', content, compressed: Buffer.alloc(content.length, 0xff) },
    },
    {
      what: `a ${size} deflate stream without its end`,
      outcome: 'damaged',
      entry: { name: 'b', content, compressed: deflateRawSync(content).subarray(0, -9) },
    },
  ]),
];

describe('an entry is refused while the others are unpacked', () => {
  it.each(REFUSED)('$what: $outcome', async ({ outcome, entry }) => {
    const world = await UnpackWorld.create([
      makeZip([{ name: 'before.txt', content: 'x' }, entry, { name: 'after.csv', content: 'a\n1\n' }]),
    ]);
    const { answer } = await world.run();

    expect(answer).toMatchObject({ phase: 'unpacked', outcome: 'unpacked-with-refusals' });
    expect(
      (await world.lines()).map(({ entry, kind, outcome, object_key }) => [
        entry,
        kind,
        outcome,
        object_key === null,
      ]),
    ).toEqual([
      [1, 'file', 'unpacked', false],
      [2, 'none', outcome, true],
      [3, 'records', 'unpacked', false],
    ]);
    expect(Object.keys(await world.published()).filter((key) => /\/1-2(\.|$)/.test(key))).toEqual([]);
    expect(await world.manifest()).toMatchObject({ complete: false, members: 3 });
    expect(world.counted.get('ArchivesNotReadable')).toBe(1);
  });

  it('but bytes behind the end of a deflate stream are nobody’s', async () => {
    const behind = (content: Buffer) => Buffer.concat([deflateRawSync(content), Buffer.alloc(3_000_000, 7)]);
    const world = await UnpackWorld.create([
      makeZip([
        {
          name: 'small',
          content: SMALL,
          compressed: Buffer.concat([deflateRawSync(SMALL), Buffer.from('tail')]),
        },
        { name: 'large', content: LARGE, compressed: behind(LARGE) },
      ]),
    ]);
    await world.run();
    expect((await world.lines()).map(({ outcome }) => outcome)).toEqual(['unpacked', 'unpacked']);
  });

  it('and the modes of a file and of a directory are none of them', async () => {
    const world = await UnpackWorld.create([
      makeZip([
        { name: 'dir/', mode: 0o040755 },
        { name: 'dir/a', content: SMALL, mode: 0o100644 },
      ]),
    ]);
    await world.run();
    expect((await world.lines()).map(({ member, outcome }) => [member, outcome])).toEqual([
      ['dir/a', 'unpacked'],
    ]);
  });
});
