import { type EncodedColumn, PlainDictionary } from './encoded-column.ts';

/*
 * Columns of rows whose fields nobody knows beforehand: texts that are the same in every row, whole numbers, and a
 * map from field to text. Statistics stand where they let a reader skip rows: never in the map.
 */

/** One text in every row. */
export function sameText(text: string, rows: number): EncodedColumn {
  const dictionary = new PlainDictionary();
  dictionary.addText(text);
  const bound = Buffer.from(text);
  return { indexes: new Uint32Array(rows), dictionary, nulls: 0, least: bound, most: bound };
}

/** One whole number, or time in milliseconds, in every row. */
export function sameNumber(value: number, rows: number): EncodedColumn {
  const dictionary = new PlainDictionary();
  dictionary.addWholeNumber(value);
  const bound = BigInt(value);
  return { indexes: new Uint32Array(rows), dictionary, nulls: 0, least: bound, most: bound };
}

/** `first`, `first + 1`, ... in the order of the rows. */
export function countingNumbers(first: number, rows: number): EncodedColumn {
  const dictionary = new PlainDictionary();
  for (let row = 0; row < rows; row += 1) dictionary.addWholeNumber(first + row);
  return {
    indexes: Uint32Array.from({ length: rows }, (_, row) => row),
    dictionary,
    nulls: 0,
    least: BigInt(first),
    most: BigInt(first + rows - 1),
  };
}

/** How much of a map's path is present: the map without any entry, a key, a value. */
const EMPTY_MAP = 1;
const KEY_PRESENT = 2;
const VALUE_PRESENT = 3;

/** Whole numbers in an array that grows. */
class GrowingNumbers<Numbers extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
  #numbers: Numbers;
  readonly #larger: (length: number) => Numbers;
  length = 0;

  constructor(make: (length: number) => Numbers) {
    this.#larger = make;
    this.#numbers = make(1_024);
  }

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const larger = this.#larger(2 * this.length);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.length] = value;
    this.length += 1;
  }

  get numbers(): Numbers {
    return this.#numbers.subarray(0, this.length) as Numbers;
  }
}

/** Distinct texts by their place. */
class TextPlaces {
  readonly dictionary = new PlainDictionary();
  readonly #places = new Map<string, number>();
  /** UTF-16 units of the distinct texts. */
  size = 0;

  placeOf(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.dictionary.count;
    this.dictionary.addText(text);
    this.#places.set(text, place);
    this.size += text.length;
    return place;
  }
}

/** A column of maps, row by row. */
export class TextMapColumn {
  readonly #keys = new TextPlaces();
  readonly #values = new TextPlaces();
  readonly #keyIndexes = new GrowingNumbers((length) => new Uint32Array(length));
  readonly #valueIndexes = new GrowingNumbers((length) => new Uint32Array(length));
  readonly #repetitionLevels = new GrowingNumbers((length) => new Uint8Array(length));
  readonly #keyLevels = new GrowingNumbers((length) => new Uint8Array(length));
  readonly #valueLevels = new GrowingNumbers((length) => new Uint8Array(length));
  rows = 0;

  /** Entries of all rows. */
  get entries(): number {
    return this.#keyIndexes.length;
  }

  /** About how much is held of texts, in UTF-16 units: each distinct one counts once. */
  get size(): number {
    return this.#keys.size + this.#values.size;
  }

  /** Adds a row; `names` are distinct, and a value of `null` is one that is there without being a text. */
  add(names: readonly string[], values: readonly (string | null)[]): void {
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at] ?? null;
      this.#keyIndexes.push(this.#keys.placeOf(names[at] as string));
      this.#repetitionLevels.push(at === 0 ? 0 : 1);
      this.#keyLevels.push(KEY_PRESENT);
      this.#valueLevels.push(value === null ? KEY_PRESENT : VALUE_PRESENT);
      if (value !== null) this.#valueIndexes.push(this.#values.placeOf(value));
    }
    if (values.length === 0) {
      this.#repetitionLevels.push(0);
      this.#keyLevels.push(EMPTY_MAP);
      this.#valueLevels.push(EMPTY_MAP);
    }
    this.rows += 1;
  }

  /** Keys and values as a file takes them. */
  encoded(): { readonly keys: EncodedColumn; readonly values: EncodedColumn } {
    const repetitionLevels = this.#repetitionLevels.numbers;
    return {
      keys: {
        indexes: this.#keyIndexes.numbers,
        dictionary: this.#keys.dictionary,
        definitionLevels: this.#keyLevels.numbers,
        repetitionLevels,
        nulls: repetitionLevels.length - this.#keyIndexes.length,
      },
      values: {
        indexes: this.#valueIndexes.numbers,
        dictionary: this.#values.dictionary,
        definitionLevels: this.#valueLevels.numbers,
        repetitionLevels,
        nulls: repetitionLevels.length - this.#valueIndexes.length,
      },
    };
  }
}
