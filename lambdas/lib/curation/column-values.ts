import { isUtf8 } from 'node:buffer';
import type { ColumnType } from '../analytics/report-catalog.ts';

/**
 * What a field becomes: days since 1970 for DATE; a whole number is a bigint only where it may not be safe as a
 * number; text stays the bytes that it is (undefined).
 */
export type ColumnValue = number | bigint | undefined;

const DAY_MILLISECONDS = 86_400_000;
const CALENDAR_DAY = /^\d{4}-\d{2}-\d{2}$/;
const WHOLE_NUMBER = /^-?\d{1,40}$/;
/** Writers of floating-point columns print large and small amounts with an exponent. */
const DECIMAL_NUMBER = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;
/** So many digits, or a sign and digits, are a safe integer. */
const SAFE_CHARACTERS = 15;
const LEAST_BIGINT = -(2n ** 63n);
const MOST_BIGINT = 2n ** 63n - 1n;
/** DOUBLE columns are money, which queries add up as DECIMAL(18, 6). */
const MONEY_LIMIT = 1e12;

/** Days from 1970-01-01 to a calendar day `YYYY-MM-DD`; undefined when there is no such day. */
export function daysOf(text: string): number | undefined {
  if (!CALENDAR_DAY.test(text)) return undefined;
  const milliseconds = Date.parse(`${text}T00:00:00Z`);
  // V8 takes February 30 for a day in March.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, 10) !== text)
    return undefined;
  return milliseconds / DAY_MILLISECONDS;
}

function wholeNumber(text: string): ColumnValue {
  if (!WHOLE_NUMBER.test(text)) return undefined;
  if (text.length <= SAFE_CHARACTERS) return Number(text);
  const value = BigInt(text);
  return value < LEAST_BIGINT || value > MOST_BIGINT ? undefined : value;
}

function amount(text: string): number | undefined {
  if (!DECIMAL_NUMBER.test(text)) return undefined;
  const value = Number(text);
  // Adding 0 makes one zero of the two.
  return Math.abs(value) < MONEY_LIMIT ? value + 0 : undefined;
}

/** What a column holds, for the error about a field that does not fit. */
export const FITTING_VALUES: Readonly<Record<ColumnType, string>> = {
  DATE: 'a calendar day YYYY-MM-DD',
  BIGINT: 'a whole number from -2^63 to 2^63-1 in digits',
  DOUBLE: 'a decimal number of less than 10^12',
  VARCHAR: 'UTF-8 text',
};

/** Reads a field that is not NULL; `fits` is false when the column's type cannot hold it. */
export function readValue(
  type: ColumnType,
  bytes: Buffer,
  start: number,
  end: number,
): { readonly fits: boolean; readonly value: ColumnValue } {
  if (type === 'VARCHAR') return { fits: isUtf8(bytes.subarray(start, end)), value: undefined };
  const text = bytes.toString('latin1', start, end);
  const read = { DATE: daysOf, BIGINT: wholeNumber, DOUBLE: amount }[type];
  const value = read(text);
  return { fits: value !== undefined, value };
}

/**
 * Whether four bytes are the word for "no value": in any case for numbers and days, which no such word can be. A text
 * column may hold a name, and only the lower-case word, as programs print a missing value, is none.
 */
export function isNullWord(type: ColumnType, bytes: Buffer, start: number): boolean {
  const initial = bytes[start];
  if (initial !== 0x6e && initial !== 0x4e) return false;
  const word = bytes.toString('latin1', start, start + 4);
  return (type === 'VARCHAR' ? word : word.toLowerCase()) === 'null';
}
