import { describe, expect, it } from 'vitest';
import type { QueryAnswer } from '../../local/queries/lake-database.ts';
import { type Answer, differences, duckdbAnswer, sorted, trinoCell } from './answers.ts';

const columns = ['date', 'counts'];
const answer = (...rows: string[][]): Answer => ({ columns, rows });

describe('differences', () => {
  it('are none between equal answers, whatever the case of the column names', () => {
    const duckdb = answer(['2026-06-01', '5'], ['2026-06-02', 'NULL']);
    expect(differences(duckdb, { columns: ['Date', 'COUNTS'], rows: duckdb.rows })).toEqual([]);
  });

  it('name the row, the column and both values', () => {
    expect(differences(answer(['2026-06-01', '5']), answer(['2026-06-01', '6']))).toEqual([
      'row 1: counts is 6 instead of 5',
    ]);
  });

  it('tell a missing row and rows in another order', () => {
    const [first, second] = [
      ['2026-06-01', '5'],
      ['2026-06-02', '6'],
    ];
    expect(differences(answer(first, second), answer(first))).toEqual(['Trino answers 1 rows, DuckDB 2']);
    expect(differences(answer(first, second), answer(second, first))).toHaveLength(2);
    expect(differences(sorted(answer(first, second)), sorted(answer(second, first)))).toEqual([]);
  });

  it('tell other columns, and a row too many', () => {
    expect(differences(answer(), { columns: ['date'], rows: [] })).toEqual([
      "Trino's columns are date instead of date, counts",
    ]);
    expect(differences(answer(), answer(['2026-06-01', '5']))).toEqual(['Trino answers 1 rows, DuckDB 0']);
  });
});

describe('values', () => {
  const duckdbCells = (type: string, ...values: QueryAnswer['rows'][number][number][]) =>
    duckdbAnswer({
      columns: values.map((_, index) => ({ name: `c${index}`, type })),
      rows: [values],
    }).rows[0];

  it('are equal when the number is, whatever type an engine derives for it', () => {
    expect(trinoCell('bigint', '12')).toBe('12');
    expect(trinoCell('decimal(18,6)', '12.000000')).toBe('12');
    expect(trinoCell('double', '1.2E1')).toBe('12');
    expect(duckdbCells('HUGEINT', 12n)).toEqual(['12']);
    expect(duckdbCells('DECIMAL(38,6)', '12.500000', '-0.000000')).toEqual(['12.5', '0']);
    expect(duckdbCells('DOUBLE', 12.5, -0)).toEqual(['12.5', '0']);
  });

  it('keep every digit of a BIGINT', () => {
    expect(trinoCell('bigint', '9007199254740993')).toBe('9007199254740993');
    expect(duckdbCells('BIGINT', 9007199254740993n)).toEqual(['9007199254740993']);
  });

  it('tell texts from numbers, days and the absence of a value', () => {
    expect(trinoCell('varchar(2)', '12')).toBe('"12"');
    expect(duckdbCells('VARCHAR', '12', 'NULL', null)).toEqual(['"12"', '"NULL"', 'NULL']);
    expect(trinoCell('varchar', '2026-06-01')).not.toBe(trinoCell('date', '2026-06-01'));
  });

  it('compare maps by content, lists by order', () => {
    const map = trinoCell('map(varchar, double)', { b: '2.50', a: '1' });
    expect(duckdbCells('MAP(VARCHAR, DOUBLE)', '{"a":1,"b":2.5}')).toEqual([map]);
    expect(trinoCell('array(varchar)', ['a', 'b'])).not.toBe(trinoCell('array(varchar)', ['b', 'a']));
  });

  it('are the same time whatever the digits behind the second, and another one with other digits', () => {
    expect(trinoCell('timestamp(3)', '2026-06-01 08:30:00.000')).toBe('2026-06-01 08:30:00');
    expect(trinoCell('timestamp', '2026-06-01 08:30:00.120')).toBe('2026-06-01 08:30:00.12');
    expect(duckdbCells('TIMESTAMP', '2026-06-01 08:30:00', '2026-06-01 08:30:00.12')).toEqual([
      '2026-06-01 08:30:00',
      '2026-06-01 08:30:00.12',
    ]);
    expect(() => duckdbCells('TIMESTAMP', 'infinity')).toThrow(/infinity/);
  });

  it('of a type that nothing here compares are refused', () => {
    expect(() => trinoCell('time(3)', '00:00:00.000')).toThrow(/time\(3\)/);
    expect(() => duckdbCells('TIME', '00:00:00')).toThrow(/TIME/);
  });
});
