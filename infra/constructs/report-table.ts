import type { CfnTable } from 'aws-cdk-lib/aws-glue';
import { Construct } from 'constructs';
import type { CatalogReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import {
  columnName,
  columnsInFiles,
  DATE_COLUMN,
  type ReportTable,
} from '../../lambdas/lib/analytics/report-tables.ts';
import { describeReportTable } from '../tables.ts';
import {
  type GlueColumn,
  glueColumn,
  glueTable,
  PARQUET,
  TAB_SEPARATED,
  type TablePlace,
} from './glue-table.ts';

/**
 * First processingDate of the raw tables' partitions: Apple keeps an instance for 35 days, so nothing that this
 * project lands is older.
 */
const FIRST_PROCESSING_DATE = '2026-01-01';

/** Athena makes the partitions of a day column itself, from `first` to the present day. */
function projectDays(column: string, first: string, stepDays: number): Record<string, string> {
  return {
    [`projection.${column}.type`]: 'date',
    [`projection.${column}.format`]: 'yyyy-MM-dd',
    [`projection.${column}.range`]: `${first},NOW`,
    [`projection.${column}.interval`]: String(stepDays),
    [`projection.${column}.interval.unit`]: 'DAYS',
  };
}

function projectValues(column: string, values: readonly string[]): Record<string, string> {
  return { [`projection.${column}.type`]: 'enum', [`projection.${column}.values`]: values.join(',') };
}

/**
 * The Glue table of one report in one granularity, over `curated/<table>/date=<Date>/`. Partitions are projected
 * from the table's first Date to the present one, so nothing registers them (decision 027).
 */
export class CuratedTable extends Construct {
  readonly resource: CfnTable;

  constructor(scope: Construct, id: string, place: TablePlace, table: ReportTable) {
    super(scope, id);
    const location = `s3://${place.bucket}/curated/${table.name}/`;
    this.resource = glueTable(this, 'Resource', {
      database: place.database,
      name: table.name,
      description: describeReportTable(table),
      format: PARQUET,
      columns: columnsInFiles(table).map(glueColumn),
      partitionKeys: [glueColumn(DATE_COLUMN)],
      location,
      parameters: {
        'projection.enabled': 'true',
        ...projectDays(DATE_COLUMN.name, table.firstDate, table.partitionStepDays),
        'storage.location.template': `${location}date=\${date}`,
      },
    });
  }
}

/** Name in SQL of the table over a report's files as Apple sent them. */
export function rawTableName(report: CatalogReport): string {
  return `raw_${report.slug.replaceAll('-', '_')}`;
}

/**
 * The Glue table over a report's files as Apple sent them, for diagnosis: every column is text, bound by its place
 * in the catalog, and deliveries of a Date stand beside each other.
 */
export class RawTable extends Construct {
  readonly resource: CfnTable;

  constructor(scope: Construct, id: string, place: TablePlace, report: CatalogReport) {
    super(scope, id);
    const location = `s3://${place.bucket}/raw/${report.slug}/`;
    const text = (name: string, comment: string): GlueColumn =>
      glueColumn({ name, type: 'VARCHAR', comment });
    const granularities = report.granularities.map((granularity) => granularity.toLowerCase());
    this.resource = glueTable(this, 'Resource', {
      database: place.database,
      name: rawTableName(report),
      description:
        `Apple's files of ${report.name} as they came, for diagnosis. Columns are bound by position: a file whose ` +
        'header has another order shows its values under other names. Never sum it: each Date is delivered several times.',
      format: TAB_SEPARATED,
      columns: report.columns.map(({ name }) => text(columnName(name), `Apple: ${name}, as text.`)),
      partitionKeys: [
        text('granularity', granularities.join(', ')),
        text('access', 'ongoing or snapshot'),
        glueColumn({
          name: 'processing_date',
          type: 'DATE',
          comment: 'Day on which Apple made the delivery.',
        }),
      ],
      location,
      parameters: {
        'projection.enabled': 'true',
        ...projectValues('granularity', granularities),
        ...projectValues('access', ['ongoing', 'snapshot']),
        ...projectDays('processing_date', FIRST_PROCESSING_DATE, 1),
        'storage.location.template': `${location}granularity=\${granularity}/access=\${access}/processing_date=\${processing_date}`,
      },
    });
  }
}
