import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { reportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import {
  curate,
  deliveryOf,
  gzipSegment,
  HEADER,
  lines,
  openDescriptors,
  REPORT,
  segment,
  thing,
  things,
} from './curation-harness.ts';

const KEY = 'raw/things-sold/7.tsv.gz';
const FILE = things(...Array.from({ length: 2_000 }, (_, row) => thing({ name: `thing ${row}` })));
const WHOLE = gzipSync(FILE);

function withFlippedBit(bytes: Buffer, position: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[position] = (changed[position] ?? 0) ^ 1;
  return changed;
}

describe('a file that is no whole gzip', () => {
  it.each([
    ['empty', Buffer.alloc(0)],
    ['plain text', Buffer.from(FILE)],
    ['cut in the middle', WHOLE.subarray(0, WHOLE.length / 2)],
    ['without its trailer', WHOLE.subarray(0, -8)],
    ['without the last byte of its trailer', WHOLE.subarray(0, -1)],
    ['with a wrong CRC', withFlippedBit(WHOLE, WHOLE.length - 8)],
    ['with a wrong length', withFlippedBit(WHOLE, WHOLE.length - 1)],
    ['with a damaged middle', withFlippedBit(WHOLE, WHOLE.length / 2)],
    ['followed by text', Buffer.concat([WHOLE, Buffer.from('garbage')])],
    ['followed by a zero byte', Buffer.concat([WHOLE, Buffer.alloc(1)])],
    ['followed by many zero bytes', Buffer.concat([WHOLE, Buffer.alloc(500_000)])],
    ['followed by a zero byte and a member', Buffer.concat([WHOLE, Buffer.alloc(1), WHOLE])],
    ['followed by half a member', Buffer.concat([WHOLE, WHOLE.subarray(0, 100)])],
  ])('is refused when %s', async (_, bytes) => {
    for (const pieceBytes of [1_000_000, 512]) {
      await expect(curate([gzipSegment(bytes, KEY, pieceBytes)])).rejects.toMatchObject({
        name: 'SegmentDamagedError',
        message: expect.stringContaining(KEY),
        details: { file: KEY },
      });
    }
  });

  it('is refused when it inflates without bound, before it is read to its end', async () => {
    const row = `${thing().join('\t')}\n`;
    const bomb = Buffer.concat([gzipSync(things()), gzipSync(row.repeat(200_000_000 / row.length))]);
    let pieces = 0;
    const source = {
      key: KEY,
      open: async () =>
        Readable.from(
          (function* () {
            for (let at = 0; at < bomb.length; at += 4_096) {
              pieces += 1;
              yield bomb.subarray(at, at + 4_096);
            }
          })(),
        ),
    };
    await expect(curate([source])).rejects.toMatchObject({
      name: 'SegmentDamagedError',
      message: expect.stringContaining('inflates to more than 256 times its size'),
    });
    expect(pieces).toBeLessThan(bomb.length / 4_096);
  });

  it('is taken when it is small and its rows are all equal', async () => {
    const { dates } = await curate([things(...Array.from({ length: 20_000 }, () => thing()))]);
    expect(dates).toMatchObject([{ rows: 20_000, sums: { counts: 20_000 } }]);
  });
});

describe('a header line', () => {
  it.each([
    ['without the date column', [...HEADER.slice(1)], 'there is no column Date', undefined],
    ['with a name twice', [...HEADER, 'Counts'], 'two columns have this name', 'Counts'],
    [
      'with a name in two spellings',
      [...HEADER, 'PAYING  users'],
      'two columns have this name',
      'PAYING  users',
    ],
    ['with the date column twice', [...HEADER, 'date'], 'two columns have this name', 'date'],
    ['with an unknown name twice', [...HEADER, 'Zone', 'zone'], 'two columns have this name', 'zone'],
    ['with a column that has no name', [...HEADER, ' ', 'Zone'], 'column 8 has no name', undefined],
    [
      'with too many columns',
      ['Date', ...Array.from({ length: 256 }, (_, c) => `c${c}`)],
      'more than 256',
      undefined,
    ],
  ])('is refused %s', async (_, header, what, column) => {
    await expect(curate([segment(lines([], header), KEY)])).rejects.toMatchObject({
      name: 'SchemaDriftError',
      message: expect.stringMatching(`^${KEY}, line 2.*${what}`),
      details: { file: KEY, line: 2, column },
    });
  });

  it.each([
    ['no byte', ''],
    ['only blank lines', '\n\r\n\n'],
  ])('is missed in a file with %s', async (_, text) => {
    await expect(curate([things(thing()), segment(text, KEY)])).rejects.toThrow(
      `${KEY}, line 1: there is no header line`,
    );
  });

  it('is refused when it is not UTF-8', async () => {
    const header = Buffer.concat([Buffer.from('Date\tNa'), Buffer.from([0xff]), Buffer.from('me\n')]);
    await expect(curate([segment(header, KEY)])).rejects.toThrow('line 1: the header line is not UTF-8');
  });
});

describe('a field', () => {
  it.each([
    ['Counts', thing({ counts: '9223372036854775808' }), '"9223372036854775808" is not a whole number'],
    ['Counts', thing({ counts: '-9223372036854775809' }), '"-9223372036854775809" is not a whole number'],
    ['Counts', thing({ counts: '1e3' }), '"1e3" is not a whole number'],
    ['Counts', thing({ counts: '1.0' }), '"1.0" is not'],
    ['Counts', thing({ counts: '+1' }), '"\\+1" is not'],
    ['Counts', thing({ counts: ' 1' }), '" 1" is not'],
    ['Counts', thing({ counts: '1,000' }), '"1,000" is not'],
    ['Counts', thing({ counts: '9'.repeat(500) }), '"9{60}" … is not'],
    ['Proceeds in USD', thing({ proceeds: 'NaN' }), '"NaN" is not a decimal number'],
    ['Proceeds in USD', thing({ proceeds: '-Infinity' }), '"-Infinity" is not'],
    ['Proceeds in USD', thing({ proceeds: '1e999' }), '"1e999" is not'],
    ['Proceeds in USD', thing({ proceeds: '1000000000000' }), 'is not a decimal number of less than 10\\^12'],
    ['Proceeds in USD', thing({ proceeds: '0x10' }), '"0x10" is not'],
    ['Proceeds in USD', thing({ proceeds: '.' }), '"." is not'],
    ['Download Date', thing({ downloaded: '2025-02-29' }), '"2025-02-29" is not a calendar day'],
    ['Download Date', thing({ downloaded: '2025-2-3' }), '"2025-2-3" is not'],
    ['Download Date', thing({ downloaded: '2025-02-03T00:00:00' }), 'is not a calendar day'],
    ['Date', thing({ date: '2026-02-30' }), '"2026-02-30" is not a calendar day'],
    ['Date', thing({ date: '2026-11-1' }), '"2026-11-1" is not'],
    ['Date', thing({ date: '2026-11-01 ' }), '"2026-11-01 " is not'],
    ['Date', thing({ date: '11/01/2026' }), '"11/01/2026" is not'],
    ['Date', thing({ date: '2026-13-01' }), '"2026-13-01" is not'],
    ['Date', thing({ date: '' }), '"" is not a calendar day'],
    ['Paying Users', thing().slice(0, -1), 'the line has 6 fields, the header has 7'],
    ['Paying Users', [...thing(), 'x'], 'the line has 8 fields, the header has 7'],
    ['Name', ['2026-11-01'], 'the line has 1 fields, the header has 7'],
  ])('of %s is refused with its file, line and column (%#)', async (column, row, what) => {
    const text = things(thing(), thing({ date: '2026-11-02' }), row, thing());
    await expect(
      curate([things(thing()), segment(text.replace('\n', '\r\n\r\n'), KEY)]),
    ).rejects.toMatchObject({
      name: 'SchemaDriftError',
      message: expect.stringMatching(`^${KEY}, line 5, column ${column}: .*${what}.*catalog/reports\\.json`),
      details: { file: KEY, line: 5, column },
    });
  });

  it('that the Date comes behind is refused when the line ends before it', async () => {
    const text = lines(['Name', 'Counts', 'Date'], ['A', '1', '2026-11-01'], ['B']);
    await expect(curate([segment(text, KEY)])).rejects.toThrow(
      `${KEY}, line 3, column Counts: the line has 1 fields, the header has 3`,
    );
  });

  it('is refused when it is not UTF-8', async () => {
    const text = Buffer.from(things(thing({ name: 'caf?' })));
    text[text.indexOf('caf?') + 3] = 0xe9;
    await expect(curate([segment(text, KEY)])).rejects.toThrow(`${KEY}, line 2, column Name: `);
  });

  it.each([
    ['in the header', Buffer.from('Date\tNa\0me\n'), 1, undefined],
    ['in a row', Buffer.from(things(thing(), thing({ name: 'A\0B' }))), 3, 'Name'],
    ['in the last line', Buffer.from(things(thing({ users: '1\0' })).slice(0, -1)), 2, 'Paying Users'],
    ['all over', Buffer.concat([Buffer.from(things()), Buffer.alloc(3_000_000)]), 2, 'Date'],
  ])('is refused with a NUL byte %s', async (_, text, line, column) => {
    await expect(curate([segment(text, KEY)])).rejects.toMatchObject({
      name: 'SchemaDriftError',
      message: expect.stringContaining('there is a NUL byte'),
      details: { file: KEY, line, column },
    });
  });

  it.each([
    ['10 MB', 10_000_000, 'x'],
    ['one byte too many', 1_048_577, '\n'],
  ])('is refused when its line has %s', async (_, bytes, last) => {
    const name = 'ab'.repeat(bytes).slice(0, bytes);
    const text = `${things(thing())}2026-11-01\t${name}`.slice(0, things(thing()).length + bytes) + last;
    await expect(curate([segment(text, KEY)])).rejects.toMatchObject({
      name: 'SchemaDriftError',
      message: expect.stringContaining('the line is longer than 1048576 bytes'),
      details: { file: KEY, line: 3, column: 'Name' },
    });
  });

  it('may fill a line of 1 MiB', async () => {
    const name = 'ab'.repeat(1_048_576).slice(0, 1_048_576 - thing({ name: '' }).join('\t').length);
    const { dates } = await curate([things(thing({ name }), thing({ date: '2026-11-02', name }))]);
    expect(dates.map(({ rows }) => rows)).toEqual([1, 1]);
  });
});

describe('a Date outside the range of its table', () => {
  it.each([
    ['2025-12-31', 'before 2026-01-01, the first Date of things_sold_daily', 'historyStart'],
    ['2026-11-21', 'after 2026-11-20, the processingDate', 'clock'],
  ])('is refused: %s', async (date, why, remedy) => {
    await expect(curate([segment(things(thing(), thing({ date })), KEY)])).rejects.toMatchObject({
      name: 'HistoryRangeError',
      message: expect.stringMatching(`^${KEY}, line 3, column Date: ${date} is ${why}.*${remedy}`),
      details: { file: KEY, line: 3, column: 'Date', date },
    });
  });

  it('is refused on a day that no partition of a weekly table has', async () => {
    const wednesday = segment(things(thing({ date: '2026-11-04' })), KEY);
    await expect(curate([wednesday], { table: reportTable(REPORT, 'WEEKLY') })).rejects.toMatchObject({
      name: 'HistoryRangeError',
      message: expect.stringContaining(
        '2026-11-04 is not among the Dates of things_sold_weekly, which are 7 days apart from 2025-12-29 on',
      ),
    });
  });

  it('is not the Monday of a week', async () => {
    const monday = things(thing({ date: '2026-11-02' }));
    const { dates } = await curate([monday], { table: reportTable(REPORT, 'WEEKLY') });
    expect(dates).toMatchObject([{ date: '2026-11-02', isFinal: true }]);
  });

  it.each(['2026-01-01', '2026-11-20'])('is not the first nor the last one: %s', async (date) => {
    const { dates } = await curate([things(thing({ date }))]);
    expect(dates).toMatchObject([{ date, rows: 1 }]);
  });
});

describe('what a curation opened', () => {
  function watched(text: string) {
    const source = Readable.from([gzipSync(text)]);
    return { source, segment: { key: KEY, open: () => Promise.resolve(source) } };
  }
  const many = things(
    ...Array.from({ length: 30_000 }, (_, row) =>
      thing({ name: `${row}`, date: `2026-11-0${1 + (row % 2)}` }),
    ),
  );

  it.each([
    ['it succeeds', things(thing())],
    ['a value does not fit', things(thing({ counts: 'x' }))],
    ['a line cannot be taken', things(thing({ name: '\0' }))],
    ['there is no header', ''],
  ])('is closed when %s', async (_, text) => {
    const before = await openDescriptors();
    const { source, segment: opened } = watched(text);
    await curateDelivery(await deliveryOf([opened])).catch((error: Error) => error);
    expect(source.destroyed).toBe(true);
    expect(await openDescriptors()).toBe(before);
  });

  it('is closed whenever the time is over: at once, between two chunks, between two Dates', async () => {
    const before = await openDescriptors();
    const end = async (answers: number) => {
      const { source, segment: opened } = watched(many);
      let asked = 0;
      const curated = await curateDelivery(await deliveryOf([opened], { mayGoOn: () => asked++ < answers }));
      expect(await openDescriptors()).toBe(before);
      return { asked, isOpen: !source.destroyed, isWhole: curated !== 'out-of-time' };
    };
    const { asked: all } = await end(Number.POSITIVE_INFINITY);
    // The beginning, at least three chunks, two Dates.
    expect(all).toBeGreaterThanOrEqual(6);
    expect(await end(0)).toEqual({ asked: 1, isOpen: true, isWhole: false });
    for (let answers = 1; answers < all; answers++) {
      expect(await end(answers)).toEqual({ asked: answers + 1, isOpen: false, isWhole: false });
    }
    expect(await end(all)).toEqual({ asked: all, isOpen: false, isWhole: true });
  });

  it('is closed when a source breaks off, and its own error comes through', async () => {
    const before = await openDescriptors();
    const failure = new Error('connection reset');
    const source = new Readable({ read() {} });
    source.push(gzipSync(many).subarray(0, 5_000));
    const curating = curateDelivery(await deliveryOf([{ key: KEY, open: () => Promise.resolve(source) }]));
    setImmediate(() => source.destroy(failure));
    await expect(curating).rejects.toBe(failure);
    expect(await openDescriptors()).toBe(before);
  });

  it('is closed when a source does not open, and its own error comes through', async () => {
    const before = await openDescriptors();
    const failure = new Error('no such object');
    const curating = curateDelivery(await deliveryOf([{ key: KEY, open: () => Promise.reject(failure) }]));
    await expect(curating).rejects.toBe(failure);
    expect(await openDescriptors()).toBe(before);
  });
});
