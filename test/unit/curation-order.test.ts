import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curate, filesOf, HEADER, lines, query, thing, things } from './curation-harness.ts';

/** Few values for each column, so that rows share dimensions or are equal. */
const row = fc
  .record({
    date: fc.constantFrom('2026-11-01', '2026-11-02', '2026-11-03'),
    name: fc.constantFrom('', 'a', 'a\u0001', 'ab', 'A', 'é', '\u{1F600}', '\uE000', 'null', 'b b'),
    id: fc.constantFrom('1', '10', '2', ''),
    downloaded: fc.constantFrom('', '2026-01-31', 'NULL'),
    counts: fc.constantFrom('0', '1', '9007199254740993', '-3'),
    proceeds: fc.constantFrom('0.1', '0.2', '0.3', '-12.34', '1e-3', ''),
    users: fc.constantFrom('1', '2'),
  })
  .map((values) => ({ ...values, zone: values.counts === '1' ? values.name : '' }));
type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

/** Columns of a segment in an order of its own. */
const layout = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });

function text(rows: readonly Row[], columns: readonly number[]): string {
  const fields = [[...HEADER, 'Zone'], ...rows.map((each) => [...thing(each), each.zone])];
  return lines(...fields.map((line) => columns.map((column) => line[column] ?? '')));
}

describe('the files of a delivery', () => {
  it('are the same bytes for the same rows, in any order, in any segments, in any columns', async () => {
    const delivery = fc.array(row, { minLength: 1, maxLength: 60 }).chain((rows) =>
      fc.record({
        rows: fc.constant(rows),
        shuffled: fc.shuffledSubarray(rows, { minLength: rows.length }),
        cuts: fc.array(fc.nat(rows.length), { maxLength: 3 }),
        layouts: fc.array(layout, { minLength: 5, maxLength: 5 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(delivery, async ({ rows, shuffled, cuts, layouts }) => {
        const plain = await curate([text(rows, [0, 1, 2, 3, 4, 5, 6, 7])]);
        const ends = [0, ...cuts.toSorted((a, b) => a - b), shuffled.length];
        const segments = ends
          .slice(1)
          .map((end, index) => text(shuffled.slice(ends[index], end), layouts[index] ?? []));
        const other = await curate(segments);
        const withoutFile = ({ dates }: typeof other) => dates.map(({ file, ...rest }) => rest);
        expect(withoutFile(other)).toEqual(withoutFile(plain));
        expect(await filesOf(other)).toEqual(await filesOf(plain));
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  it('are sorted by every dimension, NULL first, also where a column has one value only', async () => {
    const rows = ['2026-01-31', '', '2026-01-31', ''].map((downloaded) => thing({ downloaded }));
    const one = await curate([things(...rows)]);
    const days = await query(one, 'SELECT download_date AS day FROM read_parquet(files)');
    expect(days.map(({ day }) => day)).toEqual([null, null, '2026-01-31', '2026-01-31']);
    expect(await filesOf(await curate([things(...rows.toReversed())]))).toEqual(await filesOf(one));
  });

  it('are other bytes for other rows', async () => {
    const one = await filesOf(await curate([things(thing(), thing({ counts: '2' }))]));
    const other = await filesOf(await curate([things(thing(), thing({ counts: '3' }))]));
    expect(one).not.toEqual(other);
  });

  it('hold the rows of one Date from two segments, equal rows among them', async () => {
    const curated = await curate([
      things(thing(), thing({ name: 'B' }), thing({ date: '2026-11-02' })),
      things(thing({ name: 'B' }), thing({ date: '2026-11-03' })),
    ]);
    expect(curated.dates.map(({ date, rows }) => [date, rows])).toEqual([
      ['2026-11-01', 3],
      ['2026-11-02', 1],
      ['2026-11-03', 1],
    ]);
    expect(await query(curated, 'SELECT name FROM read_parquet(files) LIMIT 3')).toEqual([
      { name: 'A' },
      { name: 'B' },
      { name: 'B' },
    ]);
  });
});

describe('a Date with more rows than are held at once', () => {
  /** Numbers from 0 on in an order that looks random; both steps have no divisor in common with the count. */
  const scattered = (count: number, step: number) =>
    Array.from({ length: count }, (_, index) => (index * step) % count);
  const big = (numbers: readonly number[]) =>
    numbers.reduce((text, number) => {
      const name = `name ${number % 1_000}${number % 3 === 0 ? '\u0001' : ''}`;
      const row = thing({ name, id: `${number % 7}`, counts: `${number}`, proceeds: `${number / 100}` });
      return `${text}${row.join('\t')}\n`;
    }, things());
  const COUNT = 250_001;

  it('is sorted as a whole, in row groups of at most 100,000 rows', async () => {
    const curated = await curate([big(scattered(COUNT, 7_919))]);
    expect(curated.dates).toMatchObject([{ rows: COUNT, sums: { counts: (COUNT * (COUNT - 1)) / 2 } }]);
    const groups = await query(
      curated,
      "SELECT row_group_num_rows::INT AS rows FROM parquet_metadata(files) WHERE path_in_schema = 'name' ORDER BY row_group_id",
    );
    expect(groups.map(({ rows }) => rows)).toEqual([100_000, 100_000, 50_001]);
    const [answer] = await query(
      curated,
      `SELECT count(DISTINCT counts)::INT AS numbers, sum((name < before)::INT)::INT AS unsorted FROM
       (SELECT *, lag(name) OVER (ORDER BY file_row_number) AS before FROM read_parquet(files, file_row_number = true))`,
    );
    expect(answer).toEqual({ numbers: COUNT, unsorted: 0 });
  });

  it('is the same bytes whatever the order of its rows and segments', async () => {
    const one = await curate([big(scattered(COUNT, 7_919))]);
    const numbers = scattered(COUNT, 104_729);
    const other = await curate([big(numbers.slice(0, 90_000)), big(numbers.slice(90_000))]);
    expect(other.dates[0]?.sums).toEqual(one.dates[0]?.sums);
    expect(await filesOf(other)).toEqual(await filesOf(one));
  });

  it('makes smaller row groups of long fields, again the same bytes in any order', async () => {
    const names = Array.from(
      { length: 90 },
      (_, number) => `${String(number).padStart(3, '0')} ${'x'.repeat(500_000)}`,
    );
    const one = await curate([things(...names.map((name) => thing({ name })))]);
    const groups = await query(
      one,
      "SELECT row_group_num_rows::INT AS rows FROM parquet_metadata(files) WHERE path_in_schema = 'name' ORDER BY row_group_id",
    );
    expect(groups.map(({ rows }) => rows)).toEqual([68, 22]);
    const other = await curate([things(...names.toReversed().map((name) => thing({ name })))]);
    expect(await filesOf(other)).toEqual(await filesOf(one));
  });
});
