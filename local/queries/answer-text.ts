import Table from 'cli-table3';
import type { Cell } from './cells.ts';
import type { QueryAnswer } from './lake-database.ts';

const NUMBER_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\b.*)$/;

/** Digits behind the point that a table shows of a fraction; --csv shows them all. */
const MOST_DECIMALS = 4;

function decimalsOf(value: Cell): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return 0;
  const fraction = value.toFixed(MOST_DECIMALS).split('.')[1] ?? '';
  return fraction.replace(/0+$/, '').length;
}

/** Fractions of a column with equally many digits, so that they stand below each other. */
function columnTexts(cells: readonly Cell[]): string[] {
  const decimals = Math.max(0, ...cells.map(decimalsOf));
  return cells.map((cell) => {
    if (cell === null) return '';
    return typeof cell === 'number' ? cell.toFixed(decimals) : String(cell);
  });
}

/** An answer for people: numbers right-aligned, no value as an empty cell. */
export function toTable({ columns, rows }: QueryAnswer): string {
  const table = new Table({
    head: columns.map(({ name }) => name),
    colAligns: columns.map(({ type }) => (NUMBER_TYPE.test(type) ? ('right' as const) : ('left' as const))),
    style: { head: [], border: [], compact: true },
  });
  const texts = columns.map((_, index) => columnTexts(rows.map((row) => row[index] ?? null)));
  for (const index of rows.keys()) table.push(texts.map((column) => column[index] ?? ''));
  return table.toString();
}

function field(cell: Cell): string {
  if (cell === null) return '';
  const text = String(cell);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** An answer as RFC 4180 describes CSV: a header line, CRLF; no value is an empty field, an empty text is `""`. */
export function toCsv({ columns, rows }: QueryAnswer): string {
  const lines = [columns.map(({ name }) => field(name)), ...rows.map((row) => row.map(field))];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}
