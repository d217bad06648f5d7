import type { ColumnType } from '../analytics/report-catalog.ts';
import { ColumnDictionary, FIRST_ROWS, NULL_CODE, UNFIT } from './column-dictionary.ts';
import { FITTING_VALUES } from './column-values.ts';
import type { SegmentLayout } from './delivery-columns.ts';
import { shown } from './schema-drift.ts';
import { ROW_PREFIX_BYTES, type SpilledRows } from './spill-file.ts';

/** Rows of a row group, and of a sorted run: what is held in memory at once. */
const MOST_ROWS = 100_000;
/** Of a chunk's fields together, so that long fields make chunks of fewer rows. */
const MOST_FIELD_BYTES = 33_554_432;

const ROW_END = 10;
const FNV_OFFSET = -2_128_831_035;
const FNV_PRIME = 16_777_619;
/** Between the fields of a sorted row: lower than any byte of a field, so that rows sort as their bytes do. */
export const SORTED_ROW_SEPARATOR = 0;

/** By which columns the rows of a Date are sorted, as indexes of the delivery's columns. */
export interface SortKey {
  /** Dimensions, then columns that the catalog does not know. */
  readonly dimensions: readonly number[];
  /** Decide between rows of equal dimensions. */
  readonly measures: readonly number[];
}

/** Rows in columns: a code for each field. Memory grows to the largest chunk and is used again. */
export class RowChunk {
  readonly columns: readonly ColumnDictionary[];
  rows = 0;
  readonly #key: SortKey;
  #fieldBytes = 0;
  #capacity = FIRST_ROWS;

  constructor(types: readonly ColumnType[], key: SortKey) {
    this.columns = types.map((type) => new ColumnDictionary(type));
    this.#key = key;
  }

  /** True when no further row may be added. */
  get isFull(): boolean {
    return this.rows >= MOST_ROWS || this.#fieldBytes >= MOST_FIELD_BYTES;
  }

  clear(): void {
    for (const column of this.columns) column.clear(this.rows);
    this.rows = 0;
    this.#fieldBytes = 0;
  }

  /**
   * Adds the row at `position` of a block of `SpilledRows`; returns the position after it. Fails with
   * `SchemaDriftError` when the number of fields is not that of the header, or a field does not fit its column.
   */
  add(block: Buffer, position: number, layout: SegmentLayout): number {
    const { separator, columns } = layout;
    const { rows } = this;
    if (rows === this.#capacity) this.#grow();
    let field = 0;
    let at = position + ROW_PREFIX_BYTES;
    let start = at;
    let hash = FNV_OFFSET;
    for (;;) {
      let byte = block[at] as number;
      while (byte > ROW_END || (byte !== separator && byte !== ROW_END)) {
        hash = Math.imul(hash ^ byte, FNV_PRIME);
        at += 1;
        byte = block[at] as number;
      }
      const column = columns[field];
      if (column === undefined) throw this.#wrongFieldCount(block, position, layout);
      if (column >= 0) {
        const dictionary = this.columns[column] as ColumnDictionary;
        const code = dictionary.intern(block, start, at, hash);
        if (code === UNFIT) throw this.#unfit(block, position, layout, field, start, at);
        dictionary.codes[rows] = code;
        if (code !== NULL_CODE) this.#fieldBytes += at - start;
      }
      field += 1;
      at += 1;
      if (byte === ROW_END) break;
      start = at;
      hash = FNV_OFFSET;
    }
    if (field !== columns.length) throw this.#wrongFieldCount(block, position, layout);
    this.rows = rows + 1;
    return at;
  }

  /** Also for columns that no row has had so far: their codes are NULL. */
  #grow(): void {
    this.#capacity *= 2;
    for (const column of this.columns) column.reserve(this.#capacity);
  }

  #wrongFieldCount(block: Buffer, position: number, layout: SegmentLayout): Error {
    const end = block.indexOf(ROW_END, position + ROW_PREFIX_BYTES);
    let fields = 1;
    for (let at = position + ROW_PREFIX_BYTES; at < end; at++)
      if (block[at] === layout.separator) fields += 1;
    const expected = layout.columns.length;
    return layout.refusal(
      `the line has ${fields} fields, the header has ${expected}`,
      block.readUInt32LE(position),
      Math.min(fields, expected - 1),
    );
  }

  #unfit(
    block: Buffer,
    position: number,
    layout: SegmentLayout,
    field: number,
    start: number,
    end: number,
  ): Error {
    const type = this.columns[layout.columns[field] as number]?.type ?? 'VARCHAR';
    const value = shown(block.toString('utf8', start, end));
    return layout.refusal(`${value} is not ${FITTING_VALUES[type]}`, block.readUInt32LE(position), field);
  }

  /** The rows' numbers in sorted order, decided by the bytes of their fields alone. */
  sorted(): Uint32Array {
    const { rows } = this;
    let order = Uint32Array.from({ length: rows }, (_, row) => row);
    let target = new Uint32Array(rows);
    const dimensions = this.#key.dimensions
      .map((index) => this.columns[index] as ColumnDictionary)
      .filter(({ count, codes }) => count > 1 || codes.subarray(0, rows).includes(NULL_CODE));
    // Stable counting sorts from the last column to the first: no comparison of rows at all.
    for (const column of dimensions.toReversed()) {
      sortBy(column, order, target);
      [order, target] = [target, order];
    }
    this.#sortEqualRows(order, dimensions);
    return order;
  }

  #sortEqualRows(order: Uint32Array, dimensions: readonly ColumnDictionary[]): void {
    // The last dimension differs most often.
    const codesLastFirst = dimensions.toReversed().map(({ codes }) => codes);
    const areEqual = (left: number, right: number) => {
      for (const codes of codesLastFirst) if (codes[left] !== codes[right]) return false;
      return true;
    };
    const measures = this.#key.measures.map((index) => this.columns[index] as ColumnDictionary);
    const compare = (left: number, right: number) => {
      for (const column of measures) {
        const difference = column.compare(column.codes[left] as number, column.codes[right] as number);
        if (difference !== 0) return difference;
      }
      return 0;
    };
    let first = 0;
    for (let next = 1; next <= order.length; next++) {
      if (next < order.length && areEqual(order[next - 1] as number, order[next] as number)) continue;
      if (next - first > 1) order.subarray(first, next).sort(compare);
      first = next;
    }
  }

  /** Adds the rows in this order to a sequence, their fields in the order of the key. */
  writeSorted(order: Uint32Array, target: SpilledRows): void {
    const key = [...this.#key.dimensions, ...this.#key.measures].map(
      (index) => this.columns[index] as ColumnDictionary,
    );
    let bytes: Buffer = Buffer.allocUnsafeSlow(4_096);
    for (const row of order) {
      let length = key.length;
      for (const column of key) length += column.lengthOf(column.codes[row] as number);
      if (length > bytes.length) bytes = Buffer.allocUnsafeSlow(2 * length);
      let end = 0;
      for (const column of key) {
        end = column.copy(column.codes[row] as number, bytes, end);
        bytes[end++] = SORTED_ROW_SEPARATOR;
      }
      target.add(0, 0, bytes, 0, end - 1);
    }
    target.flush();
  }
}

/** A stable counting sort: the rows of `order` into `target` by the ranks of their values. */
function sortBy(column: ColumnDictionary, order: Uint32Array, target: Uint32Array): void {
  const { codes } = column;
  const ranks = column.ranks();
  const places = new Int32Array(ranks.length + 1);
  for (const row of order) {
    const after = (ranks[codes[row] as number] as number) + 1;
    places[after] = (places[after] as number) + 1;
  }
  for (let rank = 1; rank < places.length; rank++) {
    places[rank] = (places[rank] as number) + (places[rank - 1] as number);
  }
  for (const row of order) {
    const rank = ranks[codes[row] as number] as number;
    const place = places[rank] as number;
    target[place] = row;
    places[rank] = place + 1;
  }
}
