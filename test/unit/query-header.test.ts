import { describe, expect, it } from 'vitest';
import { hasQueryHeader, parseQueryHeader } from '../../local/queries/query-header.ts';

const LINES = [
  '-- How many rows',
  '-- are there?',
  '--',
  '-- Meaning: One row',
  '--   in all.',
  '--',
  '-- Columns:',
  '--   - rows_in_all: how many',
  '--     there are.',
  '--',
  '-- Caveats:',
  '--   - None that matters.',
  '--',
  '-- Parameters:',
  '--   - from (DATE, default 2024-01-01): first Date.',
  '--   - app (VARCHAR, default %): an app.',
  '',
  'SELECT 1',
];

function withLine(index: number, line: string): string {
  return LINES.with(index, line).join('\n');
}

function problemOf(sql: string): string {
  try {
    parseQueryHeader(sql, 'queries/some.sql');
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'none';
}

describe('the header of a query', () => {
  it('tells question, meaning, columns, caveats and parameters with their defaults', () => {
    expect(parseQueryHeader(LINES.join('\n'), 'some.sql')).toEqual({
      question: 'How many rows are there?',
      meaning: 'One row in all.',
      columns: [{ name: 'rows_in_all', text: 'how many there are.' }],
      caveats: ['None that matters.'],
      parameters: [
        { name: 'from', type: 'DATE', defaultValue: '2024-01-01', text: 'first Date.' },
        { name: 'app', type: 'VARCHAR', defaultValue: '%', text: 'an app.' },
      ],
    });
  });

  it('says none where a query has no parameters', () => {
    const sql = LINES.toSpliced(13, 3, '-- Parameters: none').join('\n');
    expect(parseQueryHeader(sql, 'some.sql').parameters).toEqual([]);
  });

  it.each([
    ['without a question', withLine(1, '-- are there'), 'it does not begin with a question'],
    ['without an empty line behind the question', withLine(2, '-- so'), 'it does not begin with a question'],
    ['with its sections in another order', withLine(3, '-- Caveats: One row'), 'Caveats stands in the wrong'],
    ['with a section less', LINES.toSpliced(13, 3).join('\n'), 'it has no section Parameters'],
    [
      'with a column that has no text',
      withLine(7, '--   - rows_in_all'),
      '"rows_in_all there are." is not of',
    ],
    [
      'with a parameter that has no default',
      withLine(14, '--   - from (DATE): first.'),
      'is not of the form',
    ],
    [
      'with a parameter of an unknown type',
      withLine(15, '--   - app (TEXT, default %): x.'),
      'is not of the',
    ],
    ['with a section that has no items', LINES.toSpliced(11, 1).join('\n'), 'Caveats has no items'],
    ['with a line before the first section', withLine(2, '--\n-- stray'), 'a line belongs to no section'],
  ])('is refused %s, with the name of the file', (_, sql, problem) => {
    expect(problemOf(sql)).toContain('QueryHeaderError: queries/some.sql: ');
    expect(problemOf(sql)).toContain(problem);
  });

  it('is told from any other comment', () => {
    expect(hasQueryHeader(LINES.join('\n'))).toBe(true);
    expect(hasQueryHeader('-- just a note\nSELECT 1')).toBe(false);
    expect(hasQueryHeader('SELECT 1')).toBe(false);
  });
});
