import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { distinctNames } from './distinct-names.ts';
import { TableUnreadable } from './refusals.ts';
import { assertFieldCount, ROW_CHARACTERS, type TableRow } from './table-row.ts';

/** Rows that are handed on together. */
const BATCH_ROWS = 256;

/** The header's names, and more of them for rows that are longer than the header. */
class RowNames {
  readonly #header: readonly string[];
  #names: readonly string[];

  constructor(header: readonly string[]) {
    this.#header = header;
    this.#names = distinctNames(header);
  }

  for(cells: number): readonly string[] {
    if (cells > this.#names.length) {
      const extra = Array.from({ length: cells - this.#header.length }, (_, index) => `_extra_${index + 1}`);
      this.#names = distinctNames([...this.#header, ...extra]);
    }
    return this.#names;
  }
}

function unreadable(error: unknown): unknown {
  if (!(error instanceof CsvError)) return error;
  return new TableUnreadable(error.code === 'CSV_MAX_RECORD_SIZE' ? 'row-too-large' : 'broken-csv');
}

/**
 * The rows of delimited text, the first record being the header. Cells are taken as they are, formulas too. A row that
 * is too short has no field for what is missing; what is beyond the header is `_extra_1`, `_extra_2`, ... Blank lines
 * are no rows. Fails with TableUnreadable, or with what the text fails with.
 */
export async function* delimitedRows(
  text: AsyncIterable<string>,
  delimiter: string,
): AsyncGenerator<readonly TableRow[]> {
  const parser = parse({
    delimiter,
    columns: false,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: ROW_CHARACTERS,
  });
  const records = pipeline(Readable.from(text, { highWaterMark: 1 }), parser, () => undefined);
  let names: RowNames | undefined;
  let batch: TableRow[] = [];
  try {
    for await (const record of records) {
      const cells = record as string[];
      assertFieldCount(cells.length);
      if (names === undefined) {
        names = new RowNames(cells);
        continue;
      }
      batch.push({ names: names.for(cells.length), values: cells });
      // A wide row is as much as many narrow ones.
      if (batch.length * cells.length < BATCH_ROWS * 16 && batch.length < BATCH_ROWS) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    throw unreadable(error);
  }
  if (batch.length > 0) yield batch;
}
