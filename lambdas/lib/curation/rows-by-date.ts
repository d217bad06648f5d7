import type { ReportTable } from '../analytics/report-tables.ts';
import { daysOf } from './column-values.ts';
import type { DeliveryColumns, SegmentLayout } from './delivery-columns.ts';
import { outOfHistory, schemaDrift, shown } from './schema-drift.ts';
import { type LineConsumer, readLines, type SegmentSource } from './segment-lines.ts';
import type { SpilledRows, SpillFile } from './spill-file.ts';

const TAB = 9;
const HYPHEN = 45;
const DATE_BYTES = 10;

/** Digits of `YYYY-MM-DD` as one number; -1 when the bytes are not of this form. */
function dateNumber(bytes: Buffer, start: number): number {
  let number = 0;
  for (let at = 0; at < DATE_BYTES; at++) {
    const byte = bytes[start + at] as number;
    if (at === 4 || at === 7) {
      if (byte !== HYPHEN) return -1;
      continue;
    }
    const digit = byte - 48;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}

/** Rows of all segments of a delivery, split by their Date; lines stay as they are until a Date's turn comes. */
export class RowsByDate {
  readonly layouts: SegmentLayout[] = [];
  readonly #table: ReportTable;
  readonly #processingDate: string;
  readonly #columns: DeliveryColumns;
  readonly #file: SpillFile;
  readonly #dates = new Map<number, { readonly date: string; readonly rows: SpilledRows }>();

  constructor(table: ReportTable, processingDate: string, columns: DeliveryColumns, file: SpillFile) {
    this.#table = table;
    this.#processingDate = processingDate;
    this.#columns = columns;
    this.#file = file;
  }

  /** Ascending. */
  get dates(): readonly { readonly date: string; readonly rows: SpilledRows }[] {
    return [...this.#dates.values()].sort((a, b) => (a.date < b.date ? -1 : 1));
  }

  /**
   * Reads one segment. Fails as `readLines` does, with `SchemaDriftError` for its header line and its Dates, and with
   * `HistoryRangeError`.
   */
  async readSegment(source: SegmentSource, beforeChunk: () => void): Promise<void> {
    const segment = this.layouts.length;
    let layout: SegmentLayout | undefined;
    const consumer: LineConsumer = {
      beforeChunk,
      line: (bytes, start, end, number) => {
        if (layout === undefined) layout = this.#columns.bind(source.key, number, bytes.subarray(start, end));
        else this.#addRow(layout, segment, bytes, start, end, number);
      },
      refusal: (what, line, field) =>
        schemaDrift({ file: source.key, line, column: layout?.names[field] }, what),
    };
    await readLines(source, consumer);
    if (layout === undefined) throw schemaDrift({ file: source.key, line: 1 }, 'there is no header line');
    this.layouts.push(layout);
  }

  #addRow(
    layout: SegmentLayout,
    segment: number,
    bytes: Buffer,
    start: number,
    end: number,
    line: number,
  ): void {
    let field = start;
    for (let skipped = 0; skipped < layout.dateField; skipped++) {
      const tab = bytes.indexOf(TAB, field);
      if (tab < 0 || tab >= end) {
        throw layout.refusal(
          `the line has ${skipped + 1} fields, the header has ${layout.names.length}`,
          line,
          skipped + 1,
        );
      }
      field = tab + 1;
    }
    const after = field + DATE_BYTES;
    const isWhole = after === end || (after < end && bytes[after] === TAB);
    const number = isWhole ? dateNumber(bytes, field) : -1;
    const rows = this.#dates.get(number)?.rows ?? this.#newDate(layout, bytes, field, end, line, number);
    rows.add(segment, line, bytes, start, end);
  }

  #newDate(
    layout: SegmentLayout,
    bytes: Buffer,
    start: number,
    end: number,
    line: number,
    number: number,
  ): SpilledRows {
    const [text = ''] = bytes.toString('utf8', start, end).split('\t', 1);
    const days = daysOf(text);
    if (number < 0 || days === undefined) {
      throw layout.refusal(`${shown(text)} is not a calendar day YYYY-MM-DD`, line, layout.dateField);
    }
    const { firstDate: first, name: table, partitionStepDays: step } = this.#table;
    const last = this.#processingDate;
    if (text < first || text > last || (days - (daysOf(first) ?? 0)) % step !== 0) {
      throw outOfHistory(layout.position(line, layout.dateField), text, { table, first, last, step });
    }
    const rows = this.#file.rows();
    this.#dates.set(number, { date: text, rows });
    return rows;
  }
}
