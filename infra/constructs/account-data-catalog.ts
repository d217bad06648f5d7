import { CfnOutput, Stack } from 'aws-cdk-lib';
import { CfnDatabase } from 'aws-cdk-lib/aws-glue';
import { Construct } from 'constructs';
import { ACCOUNT_DATA_DATABASE_NAME, ACCOUNT_DATA_TABLES } from '../tables.ts';
import type { LandingBucket } from './landing-bucket.ts';
import { PrefixTable } from './prefix-table.ts';
import { QueryWorkgroup } from './query-workgroup.ts';

/** Name of the workgroup, which is also the prefix of its results. */
export const ACCOUNT_DATA_WORKGROUP_NAME = 'apple-account-data';

export interface AccountDataCatalogProps {
  readonly personal: LandingBucket;
  readonly results: LandingBucket;
  /** What one query may read before Athena cancels it. */
  readonly limitGigabytes: number;
  /** The workgroup goes with everything in it; tests only. */
  readonly disposable: boolean;
}

/**
 * What queries see of people's data: a database, its tables and a workgroup apart from those of analytics. Results
 * are encrypted as the data is: whoever may not decrypt the one cannot read the other.
 */
export class AccountDataCatalog extends Construct {
  readonly workgroup: QueryWorkgroup;

  constructor(scope: Construct, id: string, props: AccountDataCatalogProps) {
    super(scope, id);
    const { personal, results, limitGigabytes, disposable } = props;
    const database = new CfnDatabase(this, 'Database', {
      catalogId: Stack.of(this).account,
      databaseInput: {
        name: ACCOUNT_DATA_DATABASE_NAME,
        description: "What people's archives held, who authorised the transfer of their account data.",
      },
    });
    const place = { database: ACCOUNT_DATA_DATABASE_NAME, bucket: personal.bucket.bucketName };
    for (const table of ACCOUNT_DATA_TABLES) {
      new PrefixTable(this, table.name, place, table).node.addDependency(database);
    }
    this.workgroup = new QueryWorkgroup(this, 'Workgroup', {
      name: ACCOUNT_DATA_WORKGROUP_NAME,
      description: "Queries over people's account data.",
      limitGigabytes,
      results,
      resultsKey: personal.key,
      disposable,
    });
    new CfnOutput(this, 'DatabaseName', { value: ACCOUNT_DATA_DATABASE_NAME });
    new CfnOutput(this, 'WorkgroupName', { value: ACCOUNT_DATA_WORKGROUP_NAME });
  }
}
