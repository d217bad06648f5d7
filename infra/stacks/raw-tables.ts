import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { CatalogReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import { RawTable } from '../constructs/report-table.ts';
import type { LakeStack } from './lake.ts';

export interface RawTablesStackProps extends StackProps {
  /** Name of the database, which another stack creates first. */
  readonly database: string;
  readonly reports: readonly CatalogReport[];
  readonly lake: LakeStack;
}

/** Tables over Apple's files as they came, where the configuration asks for them; in the catalog they would not fit. */
export class RawTablesStack extends Stack {
  constructor(scope: Construct, id: string, props: RawTablesStackProps) {
    super(scope, id, { ...props, suppressTemplateIndentation: true });
    const place = { database: props.database, bucket: props.lake.analytics.bucket.bucketName };
    for (const report of props.reports) new RawTable(this, report.slug, place, report);
  }
}
