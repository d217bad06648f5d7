import { TableUnreadable } from './refusals.ts';

/** One row: `names[i]` has `values[i]`, names are distinct; names beyond the last value are absent. */
export interface TableRow {
  readonly names: readonly string[];
  /** `null` where JSON says null. */
  readonly values: readonly (string | null)[];
}

/** A row is built in memory as a whole: at most so many characters, and so many fields. */
export const ROW_CHARACTERS = 4 * 1024 * 1024;
export const ROW_FIELDS = 50_000;

/** Fails with TableUnreadable (`too-many-columns`). */
export function assertFieldCount(count: number): void {
  if (count > ROW_FIELDS) throw new TableUnreadable('too-many-columns');
}
