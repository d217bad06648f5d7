import type { ReportTable } from '../analytics/report-tables.ts';
import type { RowChunk } from './row-chunk.ts';

/** Queries add money up as DECIMAL(18, 6); so do we, and the order of rows cannot matter. */
const MICROS = 1_000_000;

/** Sums over the rows of one Date, exact to a whole number or to a millionth of a dollar. */
export class MeasureSums {
  readonly #measures: readonly { readonly index: number; readonly name: string; readonly isMoney: boolean }[];
  readonly #totals: bigint[];

  constructor({ columns }: ReportTable) {
    this.#measures = columns.flatMap(({ name, type, apple }, index) =>
      apple.sumOver?.includes('dimensions') === true ? [{ index, name, isMoney: type === 'DOUBLE' }] : [],
    );
    this.#totals = this.#measures.map(() => 0n);
  }

  add(chunk: RowChunk): void {
    for (const [place, { index, isMoney }] of this.#measures.entries()) {
      const column = chunk.columns[index];
      if (column === undefined) continue;
      const counts = new Int32Array(column.count + 1);
      for (let row = 0; row < chunk.rows; row++) {
        const code = column.codes[row] as number;
        counts[code] = (counts[code] as number) + 1;
      }
      let total = 0n;
      // Most sums are safe as a number, and adding those up is much faster.
      let part = 0;
      for (let code = 1; code <= column.count; code++) {
        const value = column.values[code] ?? 0;
        const count = counts[code] as number;
        const whole = isMoney ? Math.round(Number(value) * MICROS) : value;
        const next = typeof whole === 'number' ? part + whole * count : Number.NaN;
        if (Number.isSafeInteger(next)) part = next;
        else total += BigInt(whole) * BigInt(count);
      }
      this.#totals[place] = (this.#totals[place] ?? 0n) + total + BigInt(part);
    }
  }

  /** By SQL column name. */
  get sums(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      this.#measures.map(({ name, isMoney }, place) => {
        const total = Number(this.#totals[place] ?? 0n);
        return [name, isMoney ? total / MICROS : total];
      }),
    );
  }
}
