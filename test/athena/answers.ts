import type { QueryAnswer } from '../../local/queries/lake-database.ts';
import { AthenaProofError } from './proof-error.ts';

/**
 * One value as text that tells its kind: text in quotes, numbers and days without, `NULL`. The same number is the
 * same text whatever its type, because the engines derive types of sums differently.
 */
export type Cell = string;

/** What a query answers, by either engine. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** `-0012.50` is `-12.5`. */
function decimalText(text: string): Cell {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)0*(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '') throw new AthenaProofError(`${text} is no decimal number`);
  const digits = fraction.replace(/0+$/, '');
  const number = digits === '' ? whole : `${whole}.${digits}`;
  return number === '0' ? '0' : sign + number;
}

function doubleText(value: number): Cell {
  const text = String(value);
  return /^-?\d+(\.\d+)?$/.test(text) ? decimalText(text) : text;
}

function mapText(entries: readonly (readonly [string, Cell])[]): Cell {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, cell]) => `${JSON.stringify(key)}: ${cell}`).join(', ')}}`;
}

function listText(cells: readonly Cell[]): Cell {
  return `[${cells.join(', ')}]`;
}

/** `2026-11-01 08:00:00.5`: no zeros at the end of the fraction, whatever the precision of the type. */
function timestampText(text: string): Cell {
  const [, seconds = '', fraction = ''] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  if (seconds === '') throw new AthenaProofError(`${text} is no time of a day`);
  const digits = fraction.replace(/0+$/, '');
  return digits === '' ? seconds : `${seconds}.${digits}`;
}

/** A value of Trino's protocol by its SQL type; numbers of the protocol come as text. */
export function trinoCell(type: string, value: unknown): Cell {
  if (value === null) return 'NULL';
  if (/^(var)?char\b/.test(type)) return JSON.stringify(value);
  if (/^(bigint|integer|smallint|tinyint|decimal\b)/.test(type)) return decimalText(String(value));
  if (type === 'double' || type === 'real') return doubleText(Number(value));
  if (type === 'date' || type === 'boolean') return String(value);
  if (/^timestamp(\(\d+\))?$/.test(type)) return timestampText(String(value));
  const ofMap = /^map\(varchar, (.+)\)$/.exec(type)?.[1];
  if (ofMap !== undefined) {
    const entries = Object.entries(value as Record<string, unknown>);
    return mapText(entries.map(([key, inner]) => [key, trinoCell(ofMap, inner)]));
  }
  const ofArray = /^array\((.+)\)$/.exec(type)?.[1];
  if (ofArray !== undefined) return listText((value as unknown[]).map((inner) => trinoCell(ofArray, inner)));
  throw new AthenaProofError(`values of Trino's type ${type} are not compared yet`);
}

/** A value of a map or list, which DuckDB's answers have as JSON. */
function jsonCell(value: unknown): Cell {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return doubleText(value);
  if (Array.isArray(value)) return listText(value.map(jsonCell));
  if (typeof value === 'object')
    return mapText(Object.entries(value).map(([key, inner]) => [key, jsonCell(inner)]));
  return JSON.stringify(value);
}

function duckdbCell(type: string, value: QueryAnswer['rows'][number][number]): Cell {
  if (value === null) return 'NULL';
  if (/^MAP\(VARCHAR, |\[\]$/.test(type)) return jsonCell(JSON.parse(String(value)));
  if (type === 'VARCHAR') return JSON.stringify(value);
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\b.*)$/.test(type)) return decimalText(String(value));
  if (type === 'DOUBLE' || type === 'FLOAT') return doubleText(Number(value));
  if (type === 'DATE' || type === 'BOOLEAN') return String(value);
  if (type === 'TIMESTAMP') return timestampText(String(value));
  throw new AthenaProofError(`values of DuckDB's type ${type} are not compared yet`);
}

/** DuckDB's answer over the lake's files, in the form that is compared. */
export function duckdbAnswer({ columns, rows }: QueryAnswer): Answer {
  return {
    columns: columns.map(({ name }) => name),
    rows: rows.map((row) => row.map((value, index) => duckdbCell(columns[index]?.type ?? '', value))),
  };
}

/** The rows in an order of their own, for tables, which have none. */
export function sorted({ columns, rows }: Answer): Answer {
  const keyed = rows.map((row) => ({ row, key: row.join('\t') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { columns, rows: keyed.map(({ row }) => row) };
}

const MOST_DIFFERENCES = 5;

function rowProblem(
  index: number,
  columns: readonly string[],
  expected: readonly Cell[],
  row: readonly Cell[],
) {
  const differing = columns.flatMap((name, column) =>
    row[column] === expected[column] ? [] : [`${name} is ${row[column]} instead of ${expected[column]}`],
  );
  return differing.length === 0 ? [] : [`row ${index + 1}: ${differing.join(', ')}`];
}

/** Where Trino's answer is not DuckDB's, in order of the rows; none when they are equal. */
export function differences(duckdb: Answer, trino: Answer): string[] {
  const names = (answer: Answer) => answer.columns.map((name) => name.toLowerCase()).join(', ');
  if (names(duckdb) !== names(trino)) {
    return [`Trino's columns are ${names(trino)} instead of ${names(duckdb)}`];
  }
  const problems =
    duckdb.rows.length === trino.rows.length
      ? []
      : [`Trino answers ${trino.rows.length} rows, DuckDB ${duckdb.rows.length}`];
  for (const [index, row] of duckdb.rows.entries()) {
    const other = trino.rows[index];
    if (other === undefined || problems.length > MOST_DIFFERENCES) break;
    problems.push(...rowProblem(index, duckdb.columns, row, other));
  }
  return problems;
}
