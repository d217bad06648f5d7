import type { ColumnType } from '../analytics/report-catalog.ts';
import { type ColumnValue, isNullWord, readValue } from './column-values.ts';

/** The code of NULL; values count from 1. */
export const NULL_CODE = 0;
/** What `intern` returns for a field that the column's type cannot hold. */
export const UNFIT = -1;

const FIRST_CODES = 64;
const FIRST_BYTES = 1_024;
/** For how many rows there is room before `reserve`. */
export const FIRST_ROWS = 1_024;

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}

/**
 * The distinct values of one column in a chunk of rows, found by their bytes, so that a repeated value costs no
 * allocation; and the code of each row's value.
 */
export class ColumnDictionary {
  readonly type: ColumnType;
  /** Code of each row. */
  codes = new Int32Array(FIRST_ROWS);
  /** How many distinct values there are; their codes are 1 to `count`. */
  count = 0;
  /** Bytes of all distinct values, one after the other. */
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Value `code` ends before `ends[code]` in `bytes` and begins at `ends[code - 1]`. */
  ends = new Int32Array(FIRST_CODES);
  /** Of numbers and days, by code. */
  values: ColumnValue[] = [undefined];
  #hashes = new Int32Array(FIRST_CODES);
  /** Open addressing; 0 is a free slot. */
  #slots = new Int32Array(2 * FIRST_CODES);

  constructor(type: ColumnType) {
    this.type = type;
  }

  /** Room for so many rows; the code of a row is NULL unless it is set. */
  reserve(rows: number): void {
    this.codes = grown(this.codes, rows);
  }

  /** The code of a field; `hash` is that of its bytes. */
  intern(source: Buffer, start: number, end: number, hash: number): number {
    const length = end - start;
    if (length === 0) return NULL_CODE;
    if (length === 4 && isNullWord(this.type, source, start)) return NULL_CODE;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const code = slots[slot] as number;
      if (code === 0) return this.#add(source, start, end, hash, slot);
      if (this.#hashes[code] === hash && this.#isValue(code, source, start, length)) return code;
      slot = (slot + 1) & mask;
    }
  }

  #isValue(code: number, source: Buffer, start: number, length: number): boolean {
    const from = this.ends[code - 1] as number;
    if ((this.ends[code] as number) - from !== length) return false;
    const { bytes } = this;
    for (let at = 0; at < length; at++) if (bytes[from + at] !== source[start + at]) return false;
    return true;
  }

  #add(source: Buffer, start: number, end: number, hash: number, slot: number): number {
    const { fits, value } = readValue(this.type, source, start, end);
    if (!fits) return UNFIT;
    const code = this.count + 1;
    const from = this.ends[this.count] as number;
    const to = from + end - start;
    if (code >= this.ends.length) {
      this.ends = grown(this.ends, 2 * this.ends.length);
      this.#hashes = grown(this.#hashes, 2 * this.#hashes.length);
    }
    if (to > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(to, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, from);
      this.bytes = larger;
    }
    source.copy(this.bytes, from, start, end);
    this.ends[code] = to;
    this.#hashes[code] = hash;
    if (this.type !== 'VARCHAR') this.values.push(value);
    this.#slots[slot] = code;
    this.count = code;
    if (2 * code > this.#slots.length) this.#rehash();
    return code;
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let code = 1; code <= this.count; code++) {
      let slot = (this.#hashes[code] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = code;
    }
    this.#slots = slots;
  }

  /** Where the bytes of a value begin; NULL has none. */
  startOf(code: number): number {
    return code === NULL_CODE ? 0 : (this.ends[code - 1] as number);
  }

  lengthOf(code: number): number {
    return (this.ends[code] as number) - this.startOf(code);
  }

  /** Copies the bytes of a value; returns the position behind them. */
  copy(code: number, target: Buffer, position: number): number {
    return position + this.bytes.copy(target, position, this.startOf(code), this.ends[code]);
  }

  /** Order of two values by their bytes, NULL first. */
  compare(left: number, right: number): number {
    const { bytes } = this;
    let at = this.startOf(left);
    let other = this.startOf(right);
    const end = this.ends[left] as number;
    const otherEnd = this.ends[right] as number;
    for (; at < end && other < otherEnd; at++, other++) {
      const difference = (bytes[at] as number) - (bytes[other] as number);
      if (difference !== 0) return difference;
    }
    return end - at - (otherEnd - other);
  }

  /** Order of two values that are not NULL as their type has it. */
  compareValues(left: number, right: number): number {
    if (this.type === 'VARCHAR') return this.compare(left, right);
    const [a, b] = [this.values[left], this.values[right]];
    if (a === undefined || b === undefined || a === b) return 0;
    return a < b ? -1 : 1;
  }

  /** A value for the statistics: bytes of a text of their own, or the number. */
  boundOf(code: number): number | bigint | Uint8Array {
    return this.values[code] ?? Uint8Array.from(this.bytes.subarray(this.startOf(code), this.ends[code]));
  }

  /** For each code its place in the order of `compare`; NULL is 0. */
  ranks(): Int32Array {
    const sorted = Int32Array.from({ length: this.count }, (_, index) => index + 1).sort((a, b) =>
      this.compare(a, b),
    );
    const ranks = new Int32Array(this.count + 1);
    for (let place = 0; place < sorted.length; place++) ranks[sorted[place] as number] = place + 1;
    return ranks;
  }

  /** Forgets values and rows; what was allocated is kept. */
  clear(rows: number): void {
    this.codes.fill(NULL_CODE, 0, rows);
    this.#slots.fill(0);
    this.count = 0;
    this.values = [undefined];
  }
}
