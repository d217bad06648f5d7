import type { TableColumn } from '../analytics/report-tables.ts';

/*
 * The columns of the two tables of account data: read by unpacking, by the Glue tables and by the queries' local
 * views. A time is a TIMESTAMP of UTC with milliseconds: in Parquet a number, in JSON Lines the text
 * `YYYY-MM-DD hh:mm:ss.mmm`, which both Athena's JSON SerDe and DuckDB read as that type.
 */

const GRANT_ID: TableColumn = {
  name: 'grant_id',
  type: 'VARCHAR',
  comment: "Our own id of the person's grant.",
};
const REQUEST_ID: TableColumn = {
  name: 'request_id',
  type: 'VARCHAR',
  comment: "Apple's id of the instance: one delivery of the person's data.",
};
const INSTANCE_AT: TableColumn = {
  name: 'instance_at',
  type: 'TIMESTAMP',
  comment: 'When the instance was asked for (UTC): orders the instances of a grant.',
};
const PARTIAL: TableColumn = {
  name: 'partial',
  type: 'BOOLEAN',
  comment: 'True when Apple completed the instance with an error, or an archive of it did not arrive.',
};

/** A time as the lines have it: `YYYY-MM-DD hh:mm:ss.mmm`, UTC. Takes ISO 8601. */
export function lineTimestamp(time: string): string {
  return new Date(time).toISOString().replace('T', ' ').replace('Z', '');
}

/** What became of one member of an archive, or of a whole archive that was not unpacked (`entry` is null then). */
export interface AccountDataFileLine {
  readonly grant_id: string;
  readonly request_id: string;
  /** As `lineTimestamp` writes it. */
  readonly instance_at: string;
  readonly partial: boolean;
  readonly complete: boolean;
  readonly archive: number;
  readonly archive_name: string;
  readonly entry: number | null;
  readonly member: string | null;
  readonly raw_name: string | null;
  readonly dataset: string | null;
  readonly kind: 'records' | 'file' | 'none';
  readonly outcome: string;
  readonly reason: string | null;
  readonly bytes: number;
  readonly rows: number | null;
  readonly crc32: string | null;
  readonly object_key: string | null;
}

interface FileColumn extends TableColumn {
  readonly name: keyof AccountDataFileLine;
}

/** The columns of `account_data_files`, in the order in which a line has them. */
export const ACCOUNT_DATA_FILES_COLUMNS: readonly FileColumn[] = [
  { ...GRANT_ID, name: 'grant_id' },
  { ...REQUEST_ID, name: 'request_id' },
  { ...INSTANCE_AT, name: 'instance_at' },
  { ...PARTIAL, name: 'partial' },
  {
    name: 'complete',
    type: 'BOOLEAN',
    comment: 'True when the instance is not partial and every member of every archive was unpacked.',
  },
  { name: 'archive', type: 'BIGINT', comment: "Number of the archive in Apple's list, from 1." },
  { name: 'archive_name', type: 'VARCHAR', comment: "The archive's name in Apple's list." },
  {
    name: 'entry',
    type: 'BIGINT',
    comment: 'Number of the member in the archive, from 1; null in the line of an archive that was refused.',
  },
  { name: 'member', type: 'VARCHAR', comment: 'Path of the member in the archive.' },
  {
    name: 'raw_name',
    type: 'VARCHAR',
    comment: 'Bytes of the path as the archive has them, in hex, where they are not UTF-8.',
  },
  {
    name: 'dataset',
    type: 'VARCHAR',
    comment: 'Path without its extension, digits and signs: the same in every instance.',
  },
  {
    name: 'kind',
    type: 'VARCHAR',
    comment: 'records: rows of account_data_records; file: kept as it is; none: nothing was written.',
  },
  {
    name: 'outcome',
    type: 'VARCHAR',
    comment: 'unpacked; unreadable: a table that could not be read, kept as a file; or why it was refused.',
  },
  { name: 'reason', type: 'VARCHAR', comment: 'Why a table could not be read.' },
  {
    name: 'bytes',
    type: 'BIGINT',
    comment: "Size of the member's content, or of an archive that was refused.",
  },
  { name: 'rows', type: 'BIGINT', comment: 'Rows in account_data_records; null unless kind is records.' },
  { name: 'crc32', type: 'VARCHAR', comment: "The archive's checksum of the content, 8 hex digits." },
  { name: 'object_key', type: 'VARCHAR', comment: 'Key in the personal bucket of what was written.' },
];

/** The columns of `account_data_records`, in the order in which its files have them. */
export const ACCOUNT_DATA_RECORDS_COLUMNS: readonly TableColumn[] = [
  {
    name: 'dataset',
    type: 'VARCHAR',
    comment: 'Path of the member without its extension, digits and signs: the same in every instance.',
  },
  GRANT_ID,
  REQUEST_ID,
  INSTANCE_AT,
  { name: 'archive', type: 'BIGINT', comment: "Number of the archive in Apple's list, from 1." },
  { name: 'member', type: 'VARCHAR', comment: 'Path of the member in the archive.' },
  { name: 'row_number', type: 'BIGINT', comment: 'Place of the row in its member, from 1.' },
  PARTIAL,
  {
    name: 'fields',
    type: 'MAP(VARCHAR, VARCHAR)',
    comment: 'Every value by its column or key, as the text that Apple sent; nested values as JSON.',
  },
];
