import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delimitedRows } from '../../../lambdas/lib/account-data/unpack/delimited-rows.ts';
import { jsonRows } from '../../../lambdas/lib/account-data/unpack/json-rows.ts';
import type { RangeSource } from '../../../lambdas/lib/account-data/unpack/range-source.ts';
import { recordsFile } from '../../../lambdas/lib/account-data/unpack/records-file.ts';
import {
  ARCHIVE_REFUSALS,
  ArchiveRefused,
  ENTRY_REFUSALS,
  EntryRefused,
  TableUnreadable,
  UNREADABLE_REASONS,
} from '../../../lambdas/lib/account-data/unpack/refusals.ts';
import { tableFormat } from '../../../lambdas/lib/account-data/unpack/table-format.ts';
import type { TableRow } from '../../../lambdas/lib/account-data/unpack/table-row.ts';
import { decodeText } from '../../../lambdas/lib/account-data/unpack/text-decoding.ts';
import {
  isSmallEntry,
  readSmallEntry,
  streamEntry,
} from '../../../lambdas/lib/account-data/unpack/zip-content.ts';
import { readZipDirectory } from '../../../lambdas/lib/account-data/unpack/zip-directory.ts';
import { DEFAULT_UNPACK_LIMITS } from '../../../lambdas/lib/account-data/unpack-limits.ts';
import { makeZip } from './zip-writer.ts';

/*
 * Bytes that nobody meant: each reader ends with a value or with one of its own outcomes, in bounded memory. 500 cases
 * each from one seed in `npm test`; `npm run fuzz` takes 20,000 (FUZZ_CASES) from another seed each time. A failure
 * names its seed, which FUZZ_SEED takes.
 */
const CASES = Number(process.env.FUZZ_CASES ?? 500);
const SEED = process.env.FUZZ_SEED ?? (process.env.FUZZ_CASES === undefined ? 6 : undefined);
const OPTIONS = { numRuns: CASES, ...(SEED === undefined ? {} : { seed: Number(SEED) }) };
const TIMEOUT = 60_000 + CASES * 60;
/** No case is larger than some kilobytes; what is held beyond that is a leak. */
const HELD_BYTES = 200 * 1024 * 1024;

function sourceOf(bytes: Buffer): RangeSource {
  return {
    bytes: bytes.length,
    read: async (start, end) => {
      if (start < 0 || end > bytes.length || start > end) throw new RangeError(`read ${start} to ${end}`);
      return bytes.subarray(start, end);
    },
  };
}

async function* pieces(content: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
}

/** What reading came to: a value, or the outcome of a refusal; every other error fails the test. */
async function outcomeOf<Value>(reading: Promise<Value>): Promise<Value | string> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ArchiveRefused && ARCHIVE_REFUSALS.includes(error.outcome)) return error.outcome;
    if (error instanceof EntryRefused && ENTRY_REFUSALS.includes(error.outcome)) return error.outcome;
    if (error instanceof TableUnreadable && UNREADABLE_REASONS.includes(error.reason)) return error.reason;
    throw error;
  }
}

/** Bytes with some of them replaced, taken out or put in. */
function damaged(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(6),
    insert: fc.uint8Array({ maxLength: 6 }),
  });
  return fc.tuple(bytes, fc.array(change, { maxLength: 4 })).map(([original, changes]) =>
    changes.reduce((present, { at, remove, insert }) => {
      const place = Math.floor(at * present.length);
      return Buffer.concat([present.subarray(0, place), insert, present.subarray(place + remove)]);
    }, original),
  );
}

/** One byte is another one. */
function flipped(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      bytes,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 1, max: 255 }),
    )
    .map(([original, at, change]) => {
      const copy = Buffer.from(original);
      const place = Math.floor(at * copy.length);
      copy[place] = (copy[place] ?? 0) ^ change;
      return copy;
    });
}

/** The beginning of them. */
function cutShort(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(bytes, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([whole, at]) => whole.subarray(0, Math.floor(at * whole.length)));
}

const archives = fc
  .array(
    fc.record({
      name: fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.uint8Array({ maxLength: 30 }).map(Buffer.from),
      ),
      content: fc.uint8Array({ maxLength: 300 }).map(Buffer.from),
      method: fc.constantFrom(0, 8, 8, 8, 12),
      mode: fc.constantFrom(0, 0o100644, 0o120777, 0o040755),
      extra: fc.uint8Array({ maxLength: 12 }).map(Buffer.from),
    }),
    { maxLength: 6 },
  )
  .chain((entries) =>
    fc.record({
      entries: fc.constant(entries),
      wrong: fc.oneof(
        fc.constant({}),
        fc.record(
          { bytes: fc.nat(400), crc32: fc.nat(9), headerOffset: fc.nat(400), flags: fc.nat(65_535) },
          { requiredKeys: [] },
        ),
      ),
    }),
  )
  .map(({ entries, wrong }) =>
    makeZip(entries.map((entry, index) => (index === 0 ? { ...entry, ...wrong } : entry))),
  );

async function readWhole(bytes: Buffer): Promise<string[]> {
  const source = sourceOf(bytes);
  const entries = await outcomeOf(readZipDirectory(source, DEFAULT_UNPACK_LIMITS));
  if (typeof entries === 'string') return [entries];
  const outcomes: string[] = [];
  for (const entry of entries) {
    const small = entry.refusal ?? (await outcomeOf(readSmallEntry(source, entry)));
    const streamed =
      entry.refusal ?? (await outcomeOf(Array.fromAsync(streamEntry(source, entry)).then(Buffer.concat)));
    // Both ways of reading come to the same.
    expect(streamed).toEqual(small);
    outcomes.push(typeof small === 'string' ? small : 'unpacked');
    expect(isSmallEntry(entry) || entry.bytes > 1_000_000 || entry.compressedBytes > 1_000_000).toBe(true);
  }
  return outcomes;
}

async function tableOf(name: string, content: Buffer, pieceLength: number): Promise<TableRow[] | string> {
  const format = tableFormat(name, content);
  if (typeof format === 'string') return format;
  const encoding = format.encodings.at(-1) ?? 'utf-8';
  const text = decodeText(pieces(content, pieceLength), encoding);
  const rows =
    format.kind === 'delimited' ? delimitedRows(text, format.delimiter) : jsonRows(text, format.kind);
  return outcomeOf(Array.fromAsync(rows).then((batches) => batches.flat()));
}

async function parquetBytes(rows: readonly TableRow[]): Promise<number> {
  const of = {
    dataset: 'd',
    grantId: 'g',
    requestId: 'r',
    instanceAt: '2026-01-01T00:00:00Z',
    partial: false,
    archive: 1,
    member: 'm',
  };
  async function* batches() {
    yield rows;
  }
  const file = await Array.fromAsync(recordsFile(of, batches(), () => undefined));
  return Buffer.concat(file).length;
}

async function expectRows(table: TableRow[] | string): Promise<void> {
  if (typeof table === 'string') return;
  for (const { names, values } of table) {
    expect(values.length).toBeLessThanOrEqual(names.length);
    expect(new Set(names.map((name) => Buffer.from(name).toString('hex'))).size).toBe(names.length);
  }
  expect(await parquetBytes(table)).toBeGreaterThan(100);
}

/** However the bytes arrive, the rows are the same; of two things wrong with them, either may be found first. */
function expectSame(left: TableRow[] | string, right: TableRow[] | string): void {
  if (typeof left === 'string' && typeof right === 'string') return;
  expect(left).toEqual(right);
}

function expectBounded(before: number): void {
  expect(process.memoryUsage().rss - before).toBeLessThan(HELD_BYTES);
}

const numbers = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt().map(String),
  fc.constantFrom('1e999', '-0', '0.10', '9007199254740993'),
);

/** JSON texts as other writers make them, with odd spaces, escapes and numbers. */
const jsonText = fc.letrec<{ value: string; text: string }>((tie) => ({
  text: fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u00e9\\ud83d\\ude00"', '"\\ud800"', '""'),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('text'),
    numbers,
    fc.constantFrom('true', 'false', 'null'),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => `[ ${values.join(' ,')}]`),
    fc
      .array(fc.tuple(tie('text'), tie('value')), { maxLength: 4 })
      .map((members) => `{${members.map((member) => member.join(': ')).join('\n,')} }`),
  ),
})).value;

/** What the cases come to among other things: a generator that makes nothing but rubbish proves little. */
const MET = [
  'not-a-zip',
  'truncated',
  'damaged-directory',
  'overlapping-entries',
  'bad-name',
  'link',
  'encrypted',
  'unknown-compression',
  'damaged',
];

describe('bytes that nobody meant', () => {
  it(
    'as an archive',
    async () => {
      const before = process.memoryUsage().rss;
      const seen = new Set<string>();
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            damaged(archives),
            flipped(archives),
            flipped(archives),
            cutShort(archives),
            archives,
            fc.uint8Array().map(Buffer.from),
          ),
          async (bytes) => {
            for (const outcome of await readWhole(bytes)) seen.add(outcome);
          },
        ),
        OPTIONS,
      );
      expect([...seen]).toEqual(expect.arrayContaining(['unpacked', ...MET]));
      expectBounded(before);
    },
    TIMEOUT,
  );

  it(
    'as delimited text',
    async () => {
      const before = process.memoryUsage().rss;
      const cell = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.constantFrom('', '"', 'a', '"a, b"', '=1+1', '\t', ';'),
      );
      const text = fc
        .array(
          fc.array(cell, { maxLength: 6 }).map((cells) => cells.join(',')),
          { maxLength: 8 },
        )
        .map((rows) => Buffer.from(rows.join('\n')));
      let tables = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(text, damaged(text), fc.uint8Array().map(Buffer.from)),
          fc.constantFrom('t.csv', 't.tsv'),
          fc.integer({ min: 1, max: 64 }),
          async (bytes, name, pieceLength) => {
            const table = await tableOf(name, bytes, pieceLength);
            await expectRows(table);
            if (typeof table !== 'string' && table.length > 0) tables += 1;
            expectSame(await tableOf(name, bytes, bytes.length + 1), table);
          },
        ),
        OPTIONS,
      );
      expect(tables).toBeGreaterThan(CASES / 10);
      expectBounded(before);
    },
    TIMEOUT,
  );

  it(
    'as JSON',
    async () => {
      const before = process.memoryUsage().rss;
      const text = fc
        .oneof(
          jsonText,
          fc.array(jsonText, { maxLength: 4 }).map((values) => values.join('\n')),
        )
        .map(Buffer.from);
      let tables = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(text, text, damaged(text), fc.uint8Array().map(Buffer.from)),
          fc.constantFrom('t.json', 't.jsonl', 't'),
          fc.integer({ min: 1, max: 64 }),
          async (bytes, name, pieceLength) => {
            const table = await tableOf(name, bytes, pieceLength);
            await expectRows(table);
            if (typeof table !== 'string') tables += 1;
            expectSame(await tableOf(name, bytes, bytes.length + 1), table);
          },
        ),
        OPTIONS,
      );
      expect(tables).toBeGreaterThan(CASES / 10);
      expectBounded(before);
    },
    TIMEOUT,
  );

  it(
    'as one JSON value, which is read as JSON itself reads it',
    async () => {
      await fc.assert(
        fc.asyncProperty(jsonText, fc.integer({ min: 1, max: 64 }), async (text, pieceLength) => {
          // Lone halves of surrogate pairs become one and the same character on their way through bytes.
          const value: unknown = JSON.parse(Buffer.from(text).toString());
          const table = await tableOf('t.jsonl', Buffer.from(text), pieceLength);
          const [row] = table as TableRow[];
          if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
            expect(row?.values.length).toBeGreaterThanOrEqual(Object.keys(value).length);
          } else if (typeof value === 'object' && value !== null) {
            expect(JSON.parse(row?.values[0] ?? '')).toEqual(value);
          } else if (typeof value === 'number') {
            expect(Number(row?.values[0])).toBe(value);
          } else {
            expect(row).toEqual({ names: ['value'], values: [value === null ? null : String(value)] });
          }
        }),
        OPTIONS,
      );
    },
    TIMEOUT,
  );
});
