import {
  ACCOUNT_DATA_FILES_COLUMNS,
  ACCOUNT_DATA_RECORDS_COLUMNS,
} from '../lambdas/lib/account-data/table-columns.ts';
import { FRESHNESS_COLUMNS } from '../lambdas/lib/analytics/freshness-columns.ts';
import type { CatalogReport } from '../lambdas/lib/analytics/report-catalog.ts';
import { REPORT_TABLES, type ReportTable, type TableColumn } from '../lambdas/lib/analytics/report-tables.ts';
import { DELIVERY_COLUMNS } from '../lambdas/lib/lake/delivery-columns.ts';
import { kindPrefix } from '../lambdas/lib/lake/personal-keys.ts';
import type { Configuration } from './config.ts';

/** Which tables there are, in words: read by the stacks and by the data contract, which needs no CDK for it. */

/** Name in queries of the database of analytics. */
export const DATABASE_NAME = 'apple_analytics';

/** Name in queries of the database of people's account data. */
export const ACCOUNT_DATA_DATABASE_NAME = 'apple_account_data';

/** A table over every object of a prefix, without partitions. */
export interface PrefixTableDescription {
  /** In SQL. */
  readonly name: string;
  readonly description: string;
  readonly columns: readonly TableColumn[];
  /** Beginning of the keys of its objects in their bucket, with the `/` at its end. */
  readonly prefix: string;
  /** Of the objects: JSON Lines but for Parquet. */
  readonly extension: '.json' | '.jsonl' | '.parquet';
}

/** What the pipeline tells about its own work. */
export const LINES_TABLES: readonly PrefixTableDescription[] = [
  {
    name: 'deliveries',
    description:
      'One line per instance of Apple and Date in it, newer deliveries beside older ones: how far a Date moved, and whether it is final.',
    columns: DELIVERY_COLUMNS,
    prefix: 'deliveries/',
    extension: '.json',
  },
  {
    name: 'freshness',
    description:
      'One line per account, app, report and granularity: how far its data reaches, and what is missing.',
    columns: FRESHNESS_COLUMNS,
    prefix: 'freshness/',
    extension: '.json',
  },
];

/** What people's archives held, in the personal bucket. */
export const ACCOUNT_DATA_TABLES: readonly PrefixTableDescription[] = [
  {
    name: 'account_data_files',
    description:
      'One line per member of every archive, and per archive that was refused as a whole: what arrived of each ' +
      'instance of a grant, and what became of it. An instance is a full snapshot, so instances of a grant repeat ' +
      'each other; the newest complete one is current.',
    columns: ACCOUNT_DATA_FILES_COLUMNS,
    prefix: kindPrefix('members'),
    extension: '.jsonl',
  },
  {
    name: 'account_data_records',
    description:
      'One row per row of every member that is a table, whatever its columns: they are in fields, by name. Several ' +
      'instances of a grant repeat each other: take the current one (account-data-current-rows does).',
    columns: ACCOUNT_DATA_RECORDS_COLUMNS,
    prefix: kindPrefix('records'),
    extension: '.parquet',
  },
];

const SEMANTICS_SENTENCES: Readonly<Record<CatalogReport['semantics'], string>> = {
  replace: 'One delivery owns each Date of an app: the newest true one.',
  'replace (assumed)':
    'One delivery owns each Date of an app: the newest true one, which Apple does not document for this report.',
  increment: 'Deliveries of a Date stand beside each other by processing_date and add up.',
  unknown:
    'Deliveries of a Date stand beside each other by processing_date: Apple does not say whether they replace each other or add up.',
};

/** When a Date of the table changes no more. */
export function finalitySentence({ report, granularity }: ReportTable): string {
  if (granularity !== 'DAILY') return 'A Date is the first day of its period and final when it appears.';
  const days = report.completenessDays;
  return days === 0
    ? 'A Date is final when it appears.'
    : `A Date is final in deliveries of ${days} days later.`;
}

/** Which deliveries of a Date the tables of a report hold. */
export function semanticsSentence({ semantics }: CatalogReport): string {
  return SEMANTICS_SENTENCES[semantics];
}

/** What a reader of the table has to know before the first query. */
export function describeReportTable(table: ReportTable): string {
  const { report, granularity } = table;
  return [
    `Apple's report ${report.name}, ${granularity.toLowerCase()}.`,
    finalitySentence(table),
    semanticsSentence(report),
  ].join(' ');
}

/** The curated tables of every report and granularity that any account asks for, in the catalog's order. */
export function configuredTables({ accounts }: Configuration): ReportTable[] {
  return REPORT_TABLES.filter(({ report, granularity }) =>
    accounts.some(
      (account) => account.reports.includes(report.name) && account.granularities.includes(granularity),
    ),
  );
}

/** The reports of those tables, each once. */
export function reportsOf(tables: readonly ReportTable[]): CatalogReport[] {
  return [...new Set(tables.map(({ report }) => report))];
}
