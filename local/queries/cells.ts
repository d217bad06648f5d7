import { DuckDBListValue, DuckDBMapValue, type DuckDBValue } from '@duckdb/node-api';

/**
 * A value of an answer: maps and lists as JSON text, dates, times, decimals and whatever else has no JavaScript type
 * as their own text.
 */
export type Cell = string | number | bigint | boolean | null;

/** The cell for a value of DuckDB's. */
export function cellOf(value: DuckDBValue): Cell {
  if (typeof value !== 'object' || value === null) return value;
  return value instanceof DuckDBMapValue || value instanceof DuckDBListValue ? jsonOf(value) : String(value);
}

/** DuckDB's own text of a map quotes its texts as SQL does, which no other program reads. */
function jsonOf(value: DuckDBValue): string {
  if (value instanceof DuckDBListValue) return `[${value.items.map(jsonOf).join(',')}]`;
  if (value instanceof DuckDBMapValue) {
    return `{${value.entries.map(({ key, value: inner }) => `${JSON.stringify(String(key))}:${jsonOf(inner)}`).join(',')}}`;
  }
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'object' && value !== null ? JSON.stringify(String(value)) : JSON.stringify(value);
}
