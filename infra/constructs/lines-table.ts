import type { CfnTable } from 'aws-cdk-lib/aws-glue';
import { Construct } from 'constructs';
import type { TableColumn } from '../../lambdas/lib/analytics/report-tables.ts';
import { glueColumn, glueTable, JSON_LINES, type TablePlace } from './glue-table.ts';

export interface LinesTableProps extends TablePlace {
  /** In SQL, and the prefix of its objects. */
  readonly name: string;
  readonly description: string;
  readonly columns: readonly TableColumn[];
}

/** The Glue table over what the pipeline itself tells as JSON Lines, without partitions: every object of a prefix. */
export class LinesTable extends Construct {
  readonly resource: CfnTable;

  constructor(scope: Construct, id: string, props: LinesTableProps) {
    super(scope, id);
    this.resource = glueTable(this, 'Resource', {
      database: props.database,
      name: props.name,
      description: props.description,
      format: JSON_LINES,
      columns: props.columns.map(glueColumn),
      partitionKeys: [],
      location: `s3://${props.bucket}/${props.name}/`,
      parameters: {},
    });
  }
}
