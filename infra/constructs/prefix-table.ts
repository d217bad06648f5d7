import type { CfnTable } from 'aws-cdk-lib/aws-glue';
import { Construct } from 'constructs';
import type { PrefixTableDescription } from '../tables.ts';
import { FORMAT_OF_FILES, glueColumn, glueTable, type TablePlace } from './glue-table.ts';

/** The Glue table over every object of a prefix, without partitions. */
export class PrefixTable extends Construct {
  readonly resource: CfnTable;

  constructor(scope: Construct, id: string, place: TablePlace, table: PrefixTableDescription) {
    super(scope, id);
    this.resource = glueTable(this, 'Resource', {
      database: place.database,
      name: table.name,
      description: table.description,
      format: FORMAT_OF_FILES[table.extension],
      columns: table.columns.map(glueColumn),
      partitionKeys: [],
      location: `s3://${place.bucket}/${table.prefix}`,
      parameters: {},
    });
  }
}
