import { isUtf8 } from 'node:buffer';
import type { ReportTable } from '../analytics/report-tables.ts';
import type { SchemaDriftError } from '../errors.ts';
import { type FilePosition, schemaDrift, shown } from './schema-drift.ts';

const MOST_COLUMNS = 256;
const BYTE_ORDER_MARK = '\uFEFF';
const DATE_FIELD = -1;

/** How names of columns are compared: Apple's spelling of case and blanks drifts, positions change at any time. */
function comparable(name: string): string {
  return name.trim().replace(/\s+/g, ' ').toLowerCase();
}

/** How the fields of one segment's lines map to the columns of its delivery. */
export class SegmentLayout {
  readonly file: string;
  /** Apple's names as the header line has them. */
  readonly names: readonly string[];
  /** For each field the index of its column in the delivery; negative for the Date. */
  readonly columns: Int32Array;
  readonly dateField: number;
  readonly separator: number;

  constructor(file: string, names: readonly string[], columns: Int32Array, separator: number) {
    this.file = file;
    this.names = names;
    this.columns = columns;
    this.dateField = columns.indexOf(DATE_FIELD);
    this.separator = separator;
  }

  position(line: number, field: number): FilePosition {
    return { file: this.file, line, column: this.names[field] };
  }

  refusal(what: string, line: number, field: number): SchemaDriftError {
    return schemaDrift(this.position(line, field), what);
  }
}

interface UnknownColumn {
  /** Of the segments' spellings the first in byte order, so that the order of segments does not matter. */
  readonly name: string;
  readonly index: number;
}

/**
 * The columns of a delivery: those of its table (index 0 on, in the catalog's order), then those that only its files
 * have, in the order in which they turn up.
 */
export class DeliveryColumns {
  readonly #table: ReportTable;
  readonly #known: ReadonlyMap<string, number>;
  readonly #unknown = new Map<string, UnknownColumn>();
  readonly #missing = new Set<number>();

  constructor(table: ReportTable) {
    this.#table = table;
    this.#known = new Map([
      [comparable(table.report.dateColumn), DATE_FIELD],
      ...table.columns.map(({ apple }, index) => [comparable(apple.name), index] as const),
    ]);
  }

  /**
   * Binds the columns of a segment by its header line. Fails with `SchemaDriftError` for a name that is empty or
   * stands twice, for a header without the report's date column, and for one that is no text.
   */
  bind(file: string, line: number, header: Buffer): SegmentLayout {
    const refusal = (what: string, column?: string) => schemaDrift({ file, line, column }, what);
    if (!isUtf8(header)) throw refusal('the header line is not UTF-8');
    const text = header.toString('utf8');
    const names = (text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text)
      .split('\t')
      .map((name) => name.trim());
    if (names.length > MOST_COLUMNS) throw refusal(`there are more than ${MOST_COLUMNS} columns`);
    const seen = new Set<string>();
    for (const [field, name] of names.entries()) {
      if (name === '') throw refusal(`column ${field + 1} has no name`);
      if (seen.has(comparable(name))) throw refusal('two columns have this name', name);
      seen.add(comparable(name));
    }
    const { dateColumn } = this.#table.report;
    if (!seen.has(comparable(dateColumn))) {
      throw refusal(`there is no column ${dateColumn}; the line begins with ${shown(text)}`);
    }
    for (const [index, { apple }] of this.#table.columns.entries()) {
      if (!seen.has(comparable(apple.name))) this.#missing.add(index);
    }
    const columns = Int32Array.from(names, (name) => this.#indexOf(name));
    return new SegmentLayout(file, names, columns, '\t'.charCodeAt(0));
  }

  #indexOf(name: string): number {
    const key = comparable(name);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const earlier = this.#unknown.get(key);
    const index = earlier?.index ?? this.#table.columns.length + this.#unknown.size;
    this.#unknown.set(key, {
      index,
      name: earlier === undefined || name < earlier.name ? name : earlier.name,
    });
    return index;
  }

  /** The columns that the catalog does not know, sorted by name. */
  get unknown(): readonly UnknownColumn[] {
    return [...this.#unknown.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Apple's names of the catalog's columns that a segment lacks, in the catalog's order. */
  get missing(): readonly string[] {
    return this.#table.columns.filter((_, index) => this.#missing.has(index)).map(({ apple }) => apple.name);
  }
}
