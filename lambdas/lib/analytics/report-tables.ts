import { addDays } from '../runtime/clock.ts';
import type { Granularity } from './contracts.ts';
import { type CatalogColumn, type CatalogReport, type ColumnType, REPORTS } from './report-catalog.ts';

/**
 * The curated tables as the catalog defines them (decision 024): one per report and granularity, read by curation,
 * by the Glue tables and by the queries' local views.
 */

export type TableColumnType =
  | ColumnType
  | 'BOOLEAN'
  | 'TIMESTAMP'
  | 'MAP(VARCHAR, VARCHAR)'
  | 'MAP(VARCHAR, DOUBLE)';

export interface TableColumn {
  /** In SQL: lower case, words joined by `_`. */
  readonly name: string;
  readonly type: TableColumnType;
  /** One sentence for the reader of the table. */
  readonly comment: string;
}

/** A column that comes from Apple's file. */
export interface ReportColumn extends TableColumn {
  readonly type: ColumnType;
  readonly apple: CatalogColumn;
}

export interface ReportTable {
  /** Name in SQL and in keys, e.g. `app_downloads_standard_daily`. */
  readonly name: string;
  readonly report: CatalogReport;
  readonly granularity: Granularity;
  /** Apple's columns in the catalog's order, without the one that holds the Date: that is the partition. */
  readonly columns: readonly ReportColumn[];
  /** The earliest Date that a partition may have, `YYYY-MM-DD`; Athena would not see an earlier one. */
  readonly firstDate: string;
  /**
   * Days from one partition to the next, counted from `firstDate`: 7 for weeks. Months are counted by days, because
   * Trino projects no partitions by the month (decision 027).
   */
  readonly partitionStepDays: number;
  /** Deliveries of a Date stand beside each other, because it is not known that the newer one replaces the older. */
  readonly keepsDeliveries: boolean;
}

/** A column of a curated file: sums by measure stand in the pipeline's own tables only. */
export interface CuratedColumn extends TableColumn {
  readonly type: ColumnType | 'BOOLEAN' | 'MAP(VARCHAR, VARCHAR)';
}

/** What every curated row has beside Apple's columns, in this order at the end of each file. */
export const ADDED_COLUMNS: readonly CuratedColumn[] = [
  {
    name: 'app_id',
    type: 'VARCHAR',
    comment: 'Apple id of the app; most reports name no app in their rows.',
  },
  {
    name: 'processing_date',
    type: 'DATE',
    comment: 'Day on which Apple made the delivery that owns the Date.',
  },
  {
    name: 'access',
    type: 'VARCHAR',
    comment: 'ongoing or snapshot: which kind of request delivered the row.',
  },
  { name: 'is_final', type: 'BOOLEAN', comment: 'True once the Date was complete when Apple delivered it.' },
  { name: 'source_instance', type: 'VARCHAR', comment: "Apple's id of the instance that delivered the row." },
  {
    name: 'extra',
    type: 'MAP(VARCHAR, VARCHAR)',
    comment: 'Columns of the file that the catalog does not know, by their names.',
  },
];

/** The partition column of every curated table. */
export const DATE_COLUMN: TableColumn = {
  name: 'date',
  type: 'DATE',
  comment: 'The day, or the first day of the week or month, that the row is about.',
};

/** All columns of a table's files in their order, the partition not among them. */
export function columnsInFiles({ columns }: Pick<ReportTable, 'columns'>): readonly CuratedColumn[] {
  return [...columns, ...ADDED_COLUMNS];
}

/** A name as SQL takes it without quotes: `Proceeds in USD` is `proceeds_in_usd`. */
export function columnName(appleName: string): string {
  return (appleName.toLowerCase().match(/[a-z0-9]+/g) ?? []).join('_');
}

function commentOf({ name, sumOver }: CatalogColumn, semantics: CatalogReport['semantics']): string {
  if (sumOver === undefined) return `Apple: ${name}.`;
  if (sumOver.length === 0) return `Apple: ${name}. Counts distinct users or devices: never add it up.`;
  const over = sumOver.includes('dates') ? 'rows and Dates' : 'the rows of one Date, never over Dates';
  const within = semantics === 'unknown' ? ', never over processing dates' : '';
  return `Apple: ${name}. May be added up over ${over}${within}.`;
}

/** The Monday of a day's week, or the first of its month. */
function firstDateOf({ historyStart }: CatalogReport, granularity: Granularity): string {
  if (granularity === 'MONTHLY') return `${historyStart.slice(0, 8)}01`;
  if (granularity === 'DAILY') return historyStart;
  return addDays(historyStart, -((new Date(historyStart).getUTCDay() + 6) % 7));
}

/** The table of a report in one of its granularities. */
export function reportTable(report: CatalogReport, granularity: Granularity): ReportTable {
  return {
    name: `${report.slug.replaceAll('-', '_')}_${granularity.toLowerCase()}`,
    report,
    granularity,
    columns: report.columns
      .filter(({ name }) => name !== report.dateColumn)
      .map((apple) => ({
        name: columnName(apple.name),
        type: apple.type,
        comment: commentOf(apple, report.semantics),
        apple,
      })),
    firstDate: firstDateOf(report, granularity),
    partitionStepDays: granularity === 'WEEKLY' ? 7 : 1,
    keepsDeliveries: report.semantics === 'increment' || report.semantics === 'unknown',
  };
}

/** Every table that the catalog can make. */
export const REPORT_TABLES: readonly ReportTable[] = REPORTS.flatMap((report) =>
  report.granularities.map((granularity) => reportTable(report, granularity)),
);

const bySlugAndGranularity = new Map(
  REPORT_TABLES.map((table) => [`${table.report.slug} ${table.granularity}`, table]),
);

/** The table of a report by its slug, or undefined where the catalog has none: what Apple delivers is landed raw only. */
export function findReportTable(slug: string, granularity: Granularity): ReportTable | undefined {
  return bySlugAndGranularity.get(`${slug} ${granularity}`);
}
