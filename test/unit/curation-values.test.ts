import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import { ADDED_COLUMNS, reportTable } from '../../lambdas/lib/analytics/report-tables.ts';
import { curate, gzipSegment, HEADER, lines, query, TABLE, thing, things } from './curation-harness.ts';

const EDGES = [
  ['plain', '9007199254740993'],
  ['largest', '9223372036854775807'],
  ['smallest', '-9223372036854775808'],
  ['', '-7'],
  ['007', '007'],
  ['NULL', 'NULL'],
  ['Null', 'null'],
  ['👩‍👩‍👧 שלום', ''],
  ['"quoted', '0'],
  ['a "b" c"', '-0'],
  ['back\\slash, comma', '1'],
] as const;
const EDGE_FILE = things(
  ...EDGES.map(([name, counts]) => thing({ name, counts, downloaded: '', users: '' })),
);
const EXPECTED = [
  [null, '-7'],
  ['"quoted', '0'],
  ['007', '7'],
  ['NULL', null],
  ['Null', null],
  ['a "b" c"', '0'],
  ['back\\slash, comma', '1'],
  ['largest', '9223372036854775807'],
  ['plain', '9007199254740993'],
  ['smallest', '-9223372036854775808'],
  ['👩‍👩‍👧 שלום', null],
];

function multiMember(text: string): Buffer {
  const middle = Math.floor(text.length / 2);
  return Buffer.concat([gzipSync(text.slice(0, middle)), gzipSync(text.slice(middle))]);
}

describe('the values of a curated file', () => {
  it.each([
    ['with LF', gzipSync(EDGE_FILE)],
    ['with CRLF and a byte order mark', gzipSync(`\uFEFF${EDGE_FILE.replaceAll('\n', '\r\n')}`)],
    ['without an end of the last line', gzipSync(EDGE_FILE.slice(0, -1))],
    ['with blank lines', gzipSync(`\n${EDGE_FILE.replaceAll('\n', '\n\r\n\n')}`)],
    ['of several gzip members', multiMember(EDGE_FILE)],
  ])('are exactly those of a file %s', async (_, bytes) => {
    for (const pieceBytes of [65_536, 7]) {
      const curated = await curate([gzipSegment(bytes, 'raw/1.tsv.gz', pieceBytes)]);
      expect(curated.dates).toMatchObject([{ date: '2026-11-01', rows: EDGES.length }]);
      const rows = await query(
        curated,
        'SELECT name, counts, download_date, paying_users FROM read_parquet(files)',
      );
      expect(rows.map(({ name, counts }) => [name, counts])).toEqual(EXPECTED);
      expect(rows.every((row) => row.download_date === null && row.paying_users === null)).toBe(true);
    }
  });

  it('have the types and the order of the table, then the added columns', async () => {
    const curated = await curate([things(thing({ downloaded: '2024-02-29', proceeds: '-12.75' }))]);
    const columns = await query(curated, 'DESCRIBE SELECT * FROM read_parquet(files)');
    expect(columns.map(({ column_name, column_type }) => [column_name, column_type])).toEqual(
      [...TABLE.columns, ...ADDED_COLUMNS].map(({ name, type }) => [name, type]),
    );
    const [row] = await query(curated, 'SELECT * FROM read_parquet(files)');
    expect(row).toEqual({
      ...{ name: 'A', thing_identifier: '1', download_date: '2024-02-29', counts: '1' },
      ...{ proceeds_in_usd: -12.75, paying_users: '1', app_id: '42', processing_date: '2026-11-20' },
      ...{ access: 'ongoing', is_final: true, source_instance: 'i-1', extra: null },
    });
  });

  it.each([
    ['1.0E7', 1e7],
    ['2.5e-4', 0.000_25],
    ['-0.0', 0],
    ['.5', 0.5],
    ['3.', 3],
    ['NULL', null],
    ['', null],
  ])('take %j in a money column', async (proceeds, expected) => {
    const curated = await curate([things(thing({ proceeds }))]);
    expect(await query(curated, 'SELECT proceeds_in_usd AS value FROM read_parquet(files)')).toEqual([
      { value: expected },
    ]);
  });

  it('stay apart where their hashes (FNV-1a, 32 bits) are equal', async () => {
    const names = ['costarring', 'declinate', 'liquid', 'macallums'];
    const curated = await curate([things(...names.map((name) => thing({ name })))]);
    const rows = await query(curated, 'SELECT name FROM read_parquet(files)');
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  it('take only the lower-case word for a missing text', async () => {
    const names = ['null', 'NULL', 'nullify'];
    const curated = await curate([things(...names.map((name) => thing({ name })))]);
    const rows = await query(curated, 'SELECT name FROM read_parquet(files)');
    expect(rows.map(({ name }) => name)).toEqual([null, 'NULL', 'nullify']);
  });

  it('are bound by the names of the columns, whatever their place, case and blanks', async () => {
    const shuffled = lines(
      [' paying  users', 'COUNTS', 'Name', 'date', 'Download Date', 'Thing Identifier ', 'proceeds in usd'],
      ['3', '7', 'B', '2026-11-02', '', '9', '1'],
    );
    const curated = await curate([shuffled, things(thing({ date: '2026-11-02' }))]);
    expect(curated).toMatchObject({ unknownColumns: [], missingColumns: [] });
    expect(
      await query(curated, 'SELECT name, thing_identifier, counts, paying_users FROM read_parquet(files)'),
    ).toEqual([
      { name: 'A', thing_identifier: '1', counts: '1', paying_users: '1' },
      { name: 'B', thing_identifier: '9', counts: '7', paying_users: '3' },
    ]);
  });

  it.each([
    ['Event Date', 'App Store Subscription Event Standard'],
    ['Install Day', 'Platform App Installs'],
  ])('are split by %s where the report calls its Date so', async (dateColumn, name) => {
    const report = findReport(name);
    if (report === undefined) throw new Error(`the catalog lacks ${name}`);
    expect(report.dateColumn).toBe(dateColumn);
    const table = reportTable(report, 'DAILY');
    const curated = await curate([lines([dateColumn], ['2026-11-03'], ['2026-11-01'])], { table });
    expect(curated.dates.map(({ date }) => date)).toEqual(['2026-11-01', '2026-11-03']);
    expect(curated.missingColumns).toEqual(table.columns.map(({ apple }) => apple.name));
  });
});

describe('columns that the catalog does not know', () => {
  const header = ['Date', 'Name', 'Zone', 'Billing Plan'];

  it('go to extra by their names, and are reported as the missing ones are', async () => {
    const curated = await curate([
      lines(
        header,
        ['2026-11-01', 'B', '', 'yearly'],
        ['2026-11-01', 'C', '', ''],
        ['2026-11-01', 'A', 'z', 'm'],
      ),
    ]);
    expect(curated.unknownColumns).toEqual(['Billing Plan', 'Zone']);
    expect(curated.missingColumns).toEqual(HEADER.slice(2));
    expect(await query(curated, 'SELECT name, counts, extra FROM read_parquet(files)')).toEqual([
      { name: 'A', counts: null, extra: expect.anything() },
      { name: 'B', counts: null, extra: expect.anything() },
      { name: 'C', counts: null, extra: null },
    ]);
    expect(
      await query(
        curated,
        "SELECT name, map_keys(extra) AS keys, extra['Billing Plan'] AS plan, extra['Zone'] AS zone FROM read_parquet(files) WHERE extra IS NOT NULL",
      ),
    ).toEqual([
      { name: 'A', keys: ['Billing Plan', 'Zone'], plan: 'm', zone: 'z' },
      { name: 'B', keys: ['Billing Plan'], plan: 'yearly', zone: null },
    ]);
  });

  it('are known to the segments that have them, under one spelling', async () => {
    const rows = [
      lines(['Date', 'Name', 'zone'], ['2026-11-01', 'A', 'x']),
      lines(['Date', 'Zone', 'Name'], ['2026-11-01', 'y', 'B']),
      lines(['Date', 'Name'], ['2026-11-01', 'C']),
    ];
    for (const segments of [rows, rows.toReversed()]) {
      const curated = await curate(segments);
      expect(curated.unknownColumns).toEqual(['Zone']);
      expect(await query(curated, "SELECT name, extra['Zone'] AS zone FROM read_parquet(files)")).toEqual([
        { name: 'A', zone: 'x' },
        { name: 'B', zone: 'y' },
        { name: 'C', zone: null },
      ]);
    }
  });

  it('are told apart from a file with many of them and many rows', async () => {
    const names = Array.from({ length: 40 }, (_, column) => `Bucket ${column}`);
    const rows = Array.from({ length: 3_000 }, (_, row) => [
      '2026-11-01',
      `n${row}`,
      ...names.map((_, column) => ((row + column) % 3 === 0 ? `${row}-${column}` : '')),
    ]);
    const curated = await curate([lines(['Date', 'Name', ...names], ...rows)]);
    const [answer] = await query(
      curated,
      "SELECT count(*)::INT AS rows, sum(len(map_keys(extra)))::INT AS values, sum((extra['Bucket 7'] = substr(name, 2) || '-7')::INT)::INT AS right FROM read_parquet(files)",
    );
    expect(answer).toEqual({ rows: 3_000, values: 40_000, right: 1_000 });
  });
});

describe('a Date of a delivery', () => {
  it('has its rows counted and its measures added up, those that may be', async () => {
    const curated = await curate([
      things(
        thing({ counts: '9007199254740993', proceeds: '0.1', users: '5' }),
        thing({ name: 'B', counts: '-9007199254740000', proceeds: '0.2', users: '5' }),
        thing({ date: '2026-11-02', counts: '', proceeds: '' }),
      ),
    ]);
    expect(curated.dates.map(({ date, rows, sums }) => ({ date, rows, sums }))).toEqual([
      { date: '2026-11-01', rows: 2, sums: { counts: 993, proceeds_in_usd: 0.3 } },
      { date: '2026-11-02', rows: 1, sums: { counts: 0, proceeds_in_usd: 0 } },
    ]);
  });

  it('has whole numbers added up exactly, whatever their sum reaches on the way', async () => {
    const large = Array.from({ length: 12 }, (_, row) => 999_999_999_999_999 - 2 * row);
    const rows = [...large, ...large.map((value) => 1 - value)].map((counts) =>
      thing({ counts: `${counts}` }),
    );
    const { dates } = await curate([things(...rows)]);
    expect(dates[0]?.sums.counts).toBe(12);
  });

  const newest = things(
    thing({ date: '2026-11-18' }),
    thing({ date: '2026-11-19' }),
    thing({ date: '2026-11-17' }),
  );

  it('is final in an ongoing delivery once its processingDate is so many days later', async () => {
    const { dates } = await curate([newest]);
    expect(dates.map(({ date, isFinal }) => [date, isFinal])).toEqual([
      ['2026-11-17', true],
      ['2026-11-18', true],
      ['2026-11-19', false],
    ]);
  });

  it('is final in a snapshot once the day after the newest Date is so many days later', async () => {
    const curated = await curate([newest], { access: 'ONE_TIME_SNAPSHOT', processingDate: '2026-12-20' });
    expect(curated.dates.map(({ isFinal }) => isFinal)).toEqual([true, true, false]);
    expect(await query(curated, 'SELECT access, is_final FROM read_parquet(files)')).toEqual([
      { access: 'snapshot', is_final: true },
      { access: 'snapshot', is_final: true },
      { access: 'snapshot', is_final: false },
    ]);
  });

  it('is always final when it stands for a week', async () => {
    const { dates } = await curate([newest], { table: { ...TABLE, granularity: 'WEEKLY' } });
    expect(dates.every(({ isFinal }) => isFinal)).toBe(true);
  });

  it('does not exist in a file that has only a header line', async () => {
    expect(await curate([things(), things().trimEnd()])).toEqual({
      ...{ dates: [], unknownColumns: [], missingColumns: [] },
    });
  });
});
