import { describe, expect, it } from 'vitest';
import { toCsv, toTable } from '../../local/queries/answer-text.ts';
import { toBarChart } from '../../local/queries/bar-chart.ts';
import type { QueryAnswer } from '../../local/queries/lake-database.ts';

const ANSWER: QueryAnswer = {
  columns: [
    { name: 'name', type: 'VARCHAR' },
    { name: 'counts', type: 'BIGINT' },
    { name: 'share', type: 'DOUBLE' },
    { name: 'money', type: 'DOUBLE' },
    { name: 'is_final', type: 'BOOLEAN' },
  ],
  rows: [
    ['Orbit, the Game', 12n, 1 / 3, 1234.5, true],
    ['Chess "Lite"', 9007199254740993n, 0.5, 7, false],
    ['', null, null, null, null],
  ],
};

describe('an answer as a table', () => {
  it('aligns numbers right, gives the fractions of a column equally many digits, and leaves nulls empty', () => {
    expect(toTable(ANSWER).split('\n')).toEqual([
      '┌─────────────────┬──────────────────┬────────┬────────┬──────────┐',
      '│ name            │           counts │  share │  money │ is_final │',
      '├─────────────────┼──────────────────┼────────┼────────┼──────────┤',
      '│ Orbit, the Game │               12 │ 0.3333 │ 1234.5 │ true     │',
      '│ Chess "Lite"    │ 9007199254740993 │ 0.5000 │    7.0 │ false    │',
      '│                 │                  │        │        │          │',
      '└─────────────────┴──────────────────┴────────┴────────┴──────────┘',
    ]);
  });

  it('shows the columns of an answer without rows', () => {
    expect(toTable({ ...ANSWER, rows: [] })).toContain('counts');
  });
});

describe('an answer as CSV', () => {
  it('quotes commas, quotes and line ends, keeps every digit, and tells an empty text from no value', () => {
    const lineEnd = { columns: ANSWER.columns.slice(0, 1), rows: [['a\nb']] };
    expect(toCsv(ANSWER)).toBe(
      [
        'name,counts,share,money,is_final',
        '"Orbit, the Game",12,0.3333333333333333,1234.5,true',
        '"Chess ""Lite""",9007199254740993,0.5,7,false',
        '"",,,,',
        '',
      ].join('\r\n'),
    );
    expect(toCsv(lineEnd)).toBe('name\r\n"a\nb"\r\n');
  });
});

describe('a bar chart', () => {
  it('draws each value against the largest, to an eighth of a character, and none for 0', () => {
    const bars = [
      { label: '2026-06-01', value: 80 },
      { label: '2026-06-02', value: 41 },
      { label: '2026-06-10', value: 0 },
    ];
    expect(toBarChart('downloads', bars, 10).split('\n')).toEqual([
      'downloads',
      '2026-06-01 ██████████ 80',
      '2026-06-02 █████▏     41',
      '2026-06-10             0',
    ]);
  });

  it('draws no bar at all when every value is 0', () => {
    expect(toBarChart('none', [{ label: 'a', value: 0 }], 3)).toBe('none\na     0');
  });
});
