import { join } from 'node:path';
import type { AccessType } from '../analytics/contracts.ts';
import type { ReportTable } from '../analytics/report-tables.ts';
import { DeliveryTooLargeError } from '../errors.ts';
import { DateFileWriter } from './date-file-writer.ts';
import { DeliveryColumns } from './delivery-columns.ts';
import { isFinalDate } from './finality.ts';
import { RowsByDate } from './rows-by-date.ts';
import type { SegmentSource } from './segment-lines.ts';
import { SpillFile } from './spill-file.ts';

export type { SegmentSource } from './segment-lines.ts';

/** An instance of Apple's with everything that its rows get beside Apple's own columns. */
export interface DeliveryToCurate {
  readonly table: ReportTable;
  readonly appId: string;
  readonly processingDate: string;
  readonly access: AccessType;
  readonly instanceId: string;
  /** All segments of the instance, in the order of their keys. */
  readonly segments: readonly SegmentSource[];
  /** Fresh and empty; the caller deletes it. */
  readonly workDirectory: string;
  /** False once the time of the invocation is over. */
  mayGoOn(): boolean;
}

export interface CuratedDate {
  readonly date: string;
  readonly isFinal: boolean;
  readonly rows: number;
  /** SQL column name to the sum over the rows, for measures that may be added up over dimensions. */
  readonly sums: Readonly<Record<string, number>>;
  /** Parquet file in the work directory. */
  readonly file: string;
  readonly bytes: number;
}

export interface CuratedDelivery {
  /** Ascending; none when the files have header lines only. */
  readonly dates: readonly CuratedDate[];
  /** Apple's names of columns that the catalog lacks, sorted. */
  readonly unknownColumns: readonly string[];
  /** Apple's names of the catalog's columns that a file lacks, in the catalog's order. */
  readonly missingColumns: readonly string[];
}

class OutOfTime extends Error {}

function assertTime(delivery: DeliveryToCurate): void {
  if (!delivery.mayGoOn()) throw new OutOfTime();
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}

async function readSegments(delivery: DeliveryToCurate, rows: RowsByDate): Promise<void> {
  for (const segment of delivery.segments) {
    assertTime(delivery);
    await rows.readSegment(segment, () => assertTime(delivery));
  }
}

function writeDates(
  delivery: DeliveryToCurate,
  columns: DeliveryColumns,
  { dates, layouts }: RowsByDate,
  runs: SpillFile,
): CuratedDate[] {
  const { table, access, processingDate, workDirectory } = delivery;
  const newestDate = dates.at(-1)?.date ?? '';
  const writer = new DateFileWriter(delivery, columns, layouts, runs);
  return dates.map(({ date, rows }) => {
    const isFinal = isFinalDate(date, {
      ...{ access, processingDate, newestDate, granularity: table.granularity },
      completenessDays: table.report.completenessDays,
    });
    const file = join(workDirectory, `${date}.parquet`);
    const written = writer.write(file, isFinal, rows, () => assertTime(delivery));
    rows.release();
    return { date, isFinal, file, ...written };
  });
}

async function curate(delivery: DeliveryToCurate): Promise<CuratedDelivery> {
  const { table, processingDate, workDirectory } = delivery;
  const columns = new DeliveryColumns(table);
  const spill = new SpillFile(join(workDirectory, 'rows.spill'));
  try {
    const runs = new SpillFile(join(workDirectory, 'runs.spill'));
    try {
      const rows = new RowsByDate(table, processingDate, columns, spill);
      await readSegments(delivery, rows);
      return {
        dates: writeDates(delivery, columns, rows, runs),
        unknownColumns: columns.unknown.map(({ name }) => name),
        missingColumns: columns.missing,
      };
    } finally {
      runs.close();
    }
  } finally {
    spill.close();
  }
}

/**
 * Makes one typed, sorted Parquet file of each Date of an instance. Everything is parsed and encoded before it
 * returns, so that nothing of a bad delivery is ever published. Equal rows give equal files, whatever their order
 * and whatever segments they came in; repeated runs need a fresh work directory. `out-of-time` once `mayGoOn` says
 * so, asked for each 256 KiB of rows and each 100,000 rows of a Date.
 *
 * Fails with `SegmentDamagedError`, `SchemaDriftError` or `HistoryRangeError` (file, line and column in the message
 * and in `details`), with `DeliveryTooLargeError` when the disk is full, and with what a segment's source throws.
 */
export async function curateDelivery(delivery: DeliveryToCurate): Promise<CuratedDelivery | 'out-of-time'> {
  try {
    return await curate(delivery);
  } catch (error) {
    if (error instanceof OutOfTime) return 'out-of-time';
    if (!isDiskFull(error)) throw error;
    const { instanceId, table, appId } = delivery;
    throw new DeliveryTooLargeError(
      `instance ${instanceId} of ${table.name}, app ${appId}: the disk is full. Give the function more ephemeral storage; the delivery needs about twice the size of its segments.`,
      { details: { instanceId, table: table.name, appId }, cause: error },
    );
  }
}
