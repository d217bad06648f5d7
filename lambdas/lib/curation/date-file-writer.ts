import type { ColumnType } from '../analytics/report-catalog.ts';
import { columnsInFiles } from '../analytics/report-tables.ts';
import { accessName } from '../lake/keys.ts';
import { ColumnDictionary } from './column-dictionary.ts';
import type { CuratedDate, DeliveryToCurate } from './curate-delivery.ts';
import { type DeliveryColumns, SegmentLayout } from './delivery-columns.ts';
import { type EncodedColumn, encodeColumn, encodeConstant, encodeMap } from './encoded-column.ts';
import { MeasureSums } from './measure-sums.ts';
import { type ColumnData, ParquetFile } from './parquet-file.ts';
import { RowChunk, SORTED_ROW_SEPARATOR, type SortKey } from './row-chunk.ts';
import { mergeRuns } from './sorted-runs.ts';
import { ROW_PREFIX_BYTES, SEGMENT_MARK, type SpilledRows, type SpillFile } from './spill-file.ts';

function constant(type: ColumnType, text: string, rows: number): EncodedColumn {
  const dictionary = new ColumnDictionary(type);
  const bytes = Buffer.from(text);
  dictionary.intern(bytes, 0, bytes.length, 0);
  return encodeConstant(dictionary, rows);
}

/** Dimensions in the catalog's order, then unknown columns by name; measures only decide between equal ones. */
function sortKeyOf({ table }: DeliveryToCurate, columns: DeliveryColumns): SortKey {
  const isMeasure = (index: number) => table.columns[index]?.apple.sumOver !== undefined;
  const all = table.columns.map((_, index) => index);
  return {
    dimensions: [...all.filter((index) => !isMeasure(index)), ...columns.unknown.map(({ index }) => index)],
    measures: all.filter(isMeasure),
  };
}

/** Writes the files of a delivery's Dates one after the other, with one chunk of rows in memory. */
export class DateFileWriter {
  readonly #delivery: DeliveryToCurate;
  readonly #columns: DeliveryColumns;
  readonly #layouts: readonly SegmentLayout[];
  readonly #runs: SpillFile;
  readonly #chunk: RowChunk;
  readonly #sortedLayout: SegmentLayout;

  constructor(
    delivery: DeliveryToCurate,
    columns: DeliveryColumns,
    layouts: readonly SegmentLayout[],
    runs: SpillFile,
  ) {
    const { table } = delivery;
    this.#delivery = delivery;
    this.#columns = columns;
    this.#layouts = layouts;
    this.#runs = runs;
    const key = sortKeyOf(delivery, columns);
    const types = [
      ...table.columns.map(({ type }) => type),
      ...columns.unknown.map(() => 'VARCHAR' as const),
    ];
    this.#chunk = new RowChunk(types, key);
    this.#sortedLayout = new SegmentLayout(
      'sorted rows',
      [],
      Int32Array.from([...key.dimensions, ...key.measures]),
      SORTED_ROW_SEPARATOR,
    );
  }

  /** Fails with `SchemaDriftError` when a row does not fit its columns, and with what `beforeChunk` throws. */
  write(
    path: string,
    isFinal: boolean,
    rows: SpilledRows,
    beforeChunk: () => void,
  ): Pick<CuratedDate, 'rows' | 'sums' | 'bytes'> {
    const { table } = this.#delivery;
    const file = new ParquetFile(path, columnsInFiles(table));
    try {
      const sums = new MeasureSums(table);
      let count = 0;
      for (const { chunk, order } of this.#sortedChunks(rows, beforeChunk)) {
        file.writeRowGroup(chunk.rows, this.#rowGroup(order, isFinal));
        sums.add(chunk);
        count += chunk.rows;
      }
      return { rows: count, sums: sums.sums, bytes: file.finish() };
    } finally {
      file.close();
    }
  }

  *#sortedChunks(
    rows: SpilledRows,
    beforeChunk: () => void,
  ): Generator<{ readonly chunk: RowChunk; readonly order: Uint32Array }> {
    const chunk = this.#chunk;
    const runs: SpilledRows[] = [];
    const writeRun = () => {
      beforeChunk();
      const run = this.#runs.rows();
      chunk.writeSorted(chunk.sorted(), run);
      runs.push(run);
    };
    chunk.clear();
    beforeChunk();
    this.#fill(rows, writeRun);
    if (runs.length === 0) {
      yield { chunk, order: chunk.sorted() };
      return;
    }
    writeRun();
    for (const merged of mergeRuns(runs, chunk, this.#sortedLayout)) {
      beforeChunk();
      yield { chunk: merged, order: Uint32Array.from({ length: merged.rows }, (_, row) => row) };
    }
  }

  /** Adds all rows to the chunk; whenever it is full and another one comes, `makeRoom` is called and it is emptied. */
  #fill(rows: SpilledRows, makeRoom: () => void): void {
    const chunk = this.#chunk;
    let layout: SegmentLayout | undefined;
    for (const block of rows.blocks()) {
      for (let position = 0; position < block.length; ) {
        if (block.readUInt32LE(position) === SEGMENT_MARK) {
          layout = this.#layouts[block.readUInt32LE(position + ROW_PREFIX_BYTES)];
          position += 2 * ROW_PREFIX_BYTES;
          continue;
        }
        if (layout === undefined) throw new Error('spilled rows begin without the number of their segment');
        if (chunk.isFull) {
          makeRoom();
          chunk.clear();
        }
        position = chunk.add(block, position, layout);
      }
    }
  }

  #rowGroup(order: Uint32Array, isFinal: boolean): ColumnData[] {
    const { table, appId, processingDate, access, instanceId } = this.#delivery;
    const { columns } = this.#chunk;
    const apple = columns.slice(0, table.columns.length);
    const extra = this.#columns.unknown.flatMap(({ name, index }) => {
      const values = columns[index];
      return values === undefined ? [] : [{ key: name, values }];
    });
    return [
      ...apple.map((column) => encodeColumn(column, column.codes, order)),
      constant('VARCHAR', appId, order.length),
      constant('DATE', processingDate, order.length),
      constant('VARCHAR', accessName(access), order.length),
      isFinal,
      constant('VARCHAR', instanceId, order.length),
      encodeMap(extra, order),
    ];
  }
}
