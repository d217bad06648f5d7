import { type ColumnData, type FileColumn, ParquetFile } from '../../curation/parquet-file.ts';
import { countingNumbers, sameNumber, sameText, TextMapColumn } from '../../curation/text-columns.ts';
import { ACCOUNT_DATA_RECORDS_COLUMNS } from '../table-columns.ts';
import { TableUnreadable } from './refusals.ts';
import type { TableRow } from './table-row.ts';

/** What is the same in every row of a member. */
export interface RecordsOf {
  readonly dataset: string;
  readonly grantId: string;
  readonly requestId: string;
  /** ISO 8601. */
  readonly instanceAt: string;
  readonly partial: boolean;
  readonly archive: number;
  readonly member: string;
}

/** What can surely be read within one invocation: a table of more rows, or values, is kept as a file. */
export interface TableBounds {
  readonly rows: number;
  readonly values: number;
}

const TABLE_BOUNDS: TableBounds = { rows: 20_000_000, values: 100_000_000 };

/** A row group ends with the row that reaches one of these. */
const GROUP_ROWS = 20_000;
const GROUP_ENTRIES = 125_000;
const GROUP_CHARACTERS = 4 * 1024 * 1024;

function isFull({ rows, entries, size }: TextMapColumn): boolean {
  return rows >= GROUP_ROWS || entries >= GROUP_ENTRIES || size >= GROUP_CHARACTERS;
}

/** The columns of a row group, in the order of the table's. */
function rowGroup(of: RecordsOf, firstRow: number, fields: TextMapColumn): ColumnData[] {
  const { rows } = fields;
  return [
    sameText(of.dataset, rows),
    sameText(of.grantId, rows),
    sameText(of.requestId, rows),
    sameNumber(Date.parse(of.instanceAt), rows),
    sameNumber(of.archive, rows),
    sameText(of.member, rows),
    countingNumbers(firstRow, rows),
    of.partial,
    fields.encoded(),
  ];
}

/**
 * The bytes of a member's Parquet file, in pieces as its row groups are written, one row group in memory.
 * `onEnd` gets the number of rows before the generator ends. Fails with TableUnreadable (`table-too-large`), or with
 * what the rows fail with.
 */
export async function* recordsFile(
  of: RecordsOf,
  rows: AsyncIterable<readonly TableRow[]>,
  onEnd: (rows: number) => void,
  bounds = TABLE_BOUNDS,
): AsyncGenerator<Buffer> {
  let written: Buffer[] = [];
  const file = new ParquetFile(
    { write: (bytes) => void written.push(Buffer.from(bytes)), close: () => undefined },
    ACCOUNT_DATA_RECORDS_COLUMNS as readonly FileColumn[],
  );
  const taken = (): Buffer => {
    const bytes = Buffer.concat(written);
    written = [];
    return bytes;
  };
  let [count, values] = [0, 0];
  let fields = new TextMapColumn();
  const writeGroup = (): void => {
    file.writeRowGroup(fields.rows, rowGroup(of, count + 1, fields));
    count += fields.rows;
    values += fields.entries;
    if (count > bounds.rows || values > bounds.values) throw new TableUnreadable('table-too-large');
    fields = new TextMapColumn();
  };
  for await (const batch of rows) {
    for (const row of batch) {
      fields.add(row.names, row.values);
      if (isFull(fields)) writeGroup();
    }
    if (written.length > 0) yield taken();
  }
  if (fields.rows > 0) writeGroup();
  file.finish();
  onEnd(count);
  yield taken();
}
