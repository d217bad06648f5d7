import { FRESHNESS_COLUMNS } from '../lambdas/lib/analytics/freshness-columns.ts';
import type { CatalogReport } from '../lambdas/lib/analytics/report-catalog.ts';
import { REPORT_TABLES, type ReportTable } from '../lambdas/lib/analytics/report-tables.ts';
import { DELIVERY_COLUMNS } from '../lambdas/lib/lake/delivery-columns.ts';
import type { Configuration } from './config.ts';

/** Which tables there are, in words: read by the stacks and by the data contract, which needs no CDK for it. */

/** Name of the database in queries. */
export const DATABASE_NAME = 'apple_analytics';

/** What the pipeline tells about its own work. */
export const LINES_TABLES = [
  {
    name: 'deliveries',
    description:
      'One line per instance of Apple and Date in it, newer deliveries beside older ones: how far a Date moved, and whether it is final.',
    columns: DELIVERY_COLUMNS,
  },
  {
    name: 'freshness',
    description:
      'One line per account, app, report and granularity: how far its data reaches, and what is missing.',
    columns: FRESHNESS_COLUMNS,
  },
] as const;

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
