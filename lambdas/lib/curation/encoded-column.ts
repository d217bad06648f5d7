import type { ColumnDictionary } from './column-dictionary.ts';
import { NULL_CODE } from './column-dictionary.ts';

/** Values of one Parquet leaf in a row group, in the order of the file. */
export interface EncodedColumn {
  /** Of the values that are not NULL: each one's place in the dictionary. */
  readonly indexes: Uint32Array;
  readonly dictionary: PlainDictionary;
  /** For each value or gap how much of its path is present; without it every value is. */
  readonly definitionLevels?: Uint8Array;
  /** 1 for a value that goes on in the row of the one before; only for repeated columns. */
  readonly repetitionLevels?: Uint8Array;
  readonly nulls: number;
  readonly least?: Bound;
  readonly most?: Bound;
}

/** In front of each text. */
const LENGTH_BYTES = 4;
const VALUE_BYTES = { BIGINT: 8, DOUBLE: 8, DATE: 4 } as const;

export type Bound = number | bigint | Uint8Array;

const TWO_TO_32 = 2 ** 32;

function writeWholeNumber(bytes: Buffer, value: number | bigint, start: number): void {
  if (typeof value === 'bigint') {
    bytes.writeBigInt64LE(value, start);
  } else {
    const high = Math.floor(value / TWO_TO_32);
    bytes.writeUInt32LE(value - high * TWO_TO_32, start);
    bytes.writeInt32LE(high, start + 4);
  }
}

/** Distinct values in Parquet's plain encoding, in the order in which they appear. */
export class PlainDictionary {
  count = 0;
  #bytes: Buffer = Buffer.allocUnsafe(1_024);
  /** Value `place` is from `#starts[place]` to `#starts[place + 1]`. */
  #starts = new Int32Array(64);

  #room(bytes: number): number {
    const start = this.#starts[this.count] as number;
    if (this.count + 2 > this.#starts.length) {
      const larger = new Int32Array(2 * this.#starts.length);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    if (start + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(start + bytes, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    this.count += 1;
    this.#starts[this.count] = start + bytes;
    return start;
  }

  /** Appends the value that a column's dictionary has under a code. */
  add(source: ColumnDictionary, code: number): void {
    const { type } = source;
    const value = source.values[code];
    const length = source.lengthOf(code);
    const start = this.#room(type === 'VARCHAR' ? LENGTH_BYTES + length : VALUE_BYTES[type]);
    const bytes = this.#bytes;
    if (type === 'BIGINT') writeWholeNumber(bytes, value as number | bigint, start);
    else if (type === 'DOUBLE') bytes.writeDoubleLE(value as number, start);
    else if (type === 'DATE') bytes.writeInt32LE(value as number, start);
    else source.copy(code, bytes, bytes.writeUInt32LE(length, start));
  }

  addText(text: string): void {
    const length = Buffer.byteLength(text);
    const start = this.#room(LENGTH_BYTES + length);
    this.#bytes.write(text, this.#bytes.writeUInt32LE(length, start));
  }

  addWholeNumber(value: number | bigint): void {
    const start = this.#room(VALUE_BYTES.BIGINT);
    writeWholeNumber(this.#bytes, value, start);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#starts[this.count]);
  }

  /** How many bytes the values take one by one; counted no further than to more than `limit`. */
  plainSize(indexes: Uint32Array, limit = Number.POSITIVE_INFINITY): number {
    const starts = this.#starts;
    let bytes = 0;
    for (let at = 0; at < indexes.length && bytes <= limit; at++) {
      const place = indexes[at] as number;
      bytes += (starts[place + 1] as number) - (starts[place] as number);
    }
    return bytes;
  }

  plain(indexes: Uint32Array): Buffer {
    const starts = this.#starts;
    const target = Buffer.allocUnsafe(this.plainSize(indexes));
    let end = 0;
    for (let at = 0; at < indexes.length; at++) {
      const place = indexes[at] as number;
      end += this.#bytes.copy(target, end, starts[place], starts[place + 1]);
    }
    return target;
  }
}

/** Takes values of one or more dictionaries of a column into one. */
class PlainCodes {
  readonly plain = new PlainDictionary();
  readonly #of = new Map<ColumnDictionary, Int32Array>();
  least: Bound | undefined;
  most: Bound | undefined;

  /** For each code of a column its place in the plain dictionary, -1 before its first use. */
  placesOf(source: ColumnDictionary): Int32Array {
    const places = this.#of.get(source) ?? new Int32Array(source.count + 1).fill(-1);
    this.#of.set(source, places);
    return places;
  }

  add(source: ColumnDictionary, code: number, places: Int32Array): number {
    const place = this.plain.count;
    this.plain.add(source, code);
    places[code] = place;
    return place;
  }

  /** Takes the bounds of all values of a column. */
  bound(source: ColumnDictionary): void {
    if (source.count === 0) return;
    let [least, most] = [1, 1];
    for (let code = 2; code <= source.count; code++) {
      if (source.compareValues(code, least) < 0) least = code;
      if (source.compareValues(code, most) > 0) most = code;
    }
    const [low, high] = [source.boundOf(least), source.boundOf(most)];
    if (this.least === undefined || isLess(low, this.least)) this.least = low;
    if (this.most === undefined || isLess(this.most, high)) this.most = high;
  }

  get bounds(): { least: Bound; most: Bound } | object {
    return this.least === undefined || this.most === undefined ? {} : { least: this.least, most: this.most };
  }
}

function isLess(left: Bound, right: Bound): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) < 0;
  return left < right;
}

/** The rows of a chunk's column in the given order; `codes` has the code of each row. */
export function encodeColumn(source: ColumnDictionary, codes: Int32Array, order: Uint32Array): EncodedColumn {
  const dictionary = new PlainCodes();
  const places = dictionary.placesOf(source);
  const indexes = new Uint32Array(order.length);
  const definitionLevels = new Uint8Array(order.length);
  let present = 0;
  for (let at = 0; at < order.length; at++) {
    const code = codes[order[at] as number] as number;
    if (code === NULL_CODE) continue;
    const place = places[code] as number;
    indexes[present++] = place < 0 ? dictionary.add(source, code, places) : place;
    definitionLevels[at] = 1;
  }
  dictionary.bound(source);
  const nulls = order.length - present;
  return {
    indexes: indexes.subarray(0, present),
    dictionary: dictionary.plain,
    ...(nulls > 0 && { definitionLevels }),
    nulls,
    ...dictionary.bounds,
  };
}

/** A column that has one value in every row; `source` holds nothing else. */
export function encodeConstant(source: ColumnDictionary, rows: number): EncodedColumn {
  const dictionary = new PlainCodes();
  dictionary.add(source, 1, dictionary.placesOf(source));
  dictionary.bound(source);
  return { indexes: new Uint32Array(rows), dictionary: dictionary.plain, nulls: 0, ...dictionary.bounds };
}

/** One key of a map column: its value in each row, or NULL where the row lacks it. */
interface MapEntry {
  readonly key: string;
  readonly values: ColumnDictionary;
}

/** Levels of a map column: absent map, present map; its keys are required, its values optional. */
const KEY_PRESENT = 2;
const VALUE_PRESENT = 3;

/** Keys and values of a map column; a row without any value has no map. */
export function encodeMap(
  entries: readonly MapEntry[],
  order: Uint32Array,
): { readonly keys: EncodedColumn; readonly values: EncodedColumn } {
  let present = 0;
  let levels = 0;
  const slots = entries.length * order.length + order.length;
  const repetitionLevels = new Uint8Array(slots);
  const keyLevels = new Uint8Array(slots);
  const valueLevels = new Uint8Array(slots);
  const keyIndexes = new Uint32Array(slots);
  const valueIndexes = new Uint32Array(slots);
  const keys = new PlainDictionary();
  for (const { key } of entries) keys.addText(key);
  const dictionary = new PlainCodes();
  const places = entries.map(({ values }) => dictionary.placesOf(values));
  for (const row of order) {
    const before = levels;
    for (let entry = 0; entry < entries.length; entry++) {
      const { values } = entries[entry] as MapEntry;
      const code = values.codes[row] as number;
      if (code === NULL_CODE) continue;
      const known = places[entry] as Int32Array;
      const place = known[code] as number;
      keyIndexes[present] = entry;
      valueIndexes[present++] = place < 0 ? dictionary.add(values, code, known) : place;
      repetitionLevels[levels] = levels === before ? 0 : 1;
      keyLevels[levels] = KEY_PRESENT;
      valueLevels[levels++] = VALUE_PRESENT;
    }
    if (levels === before) levels += 1;
  }
  for (const { values } of entries) dictionary.bound(values);
  const nulls = levels - present;
  const repeated = { nulls, repetitionLevels: repetitionLevels.subarray(0, levels) };
  return {
    keys: {
      ...repeated,
      indexes: keyIndexes.subarray(0, present),
      dictionary: keys,
      definitionLevels: keyLevels.subarray(0, levels),
      ...boundsOfKeys(entries),
    },
    values: {
      ...repeated,
      indexes: valueIndexes.subarray(0, present),
      dictionary: dictionary.plain,
      definitionLevels: valueLevels.subarray(0, levels),
      ...dictionary.bounds,
    },
  };
}

function boundsOfKeys(entries: readonly MapEntry[]): { least: Bound; most: Bound } | object {
  const used = entries
    .filter(({ values }) => values.count > 0)
    .map(({ key }) => Buffer.from(key))
    .sort(Buffer.compare);
  const [least, most] = [used[0], used.at(-1)];
  return least === undefined || most === undefined ? {} : { least, most };
}
