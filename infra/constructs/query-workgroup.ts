import { Stack } from 'aws-cdk-lib';
import { CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { LandingBucket } from './landing-bucket.ts';

const BYTES_PER_GIGABYTE = 1_000_000_000;

export interface QueryWorkgroupProps {
  /** In Athena, and first part of its results' keys. */
  readonly name: string;
  readonly description: string;
  /** What one query may read before Athena cancels it. */
  readonly limitGigabytes: number;
  /** Takes the results; they expire there. */
  readonly results: LandingBucket;
  /** Encrypts the results, so that whoever may not decrypt the data may not read them either. */
  readonly resultsKey: IKey;
  /** Deleted with its history and its users' own queries when the stack goes; tests only. */
  readonly disposable: boolean;
}

/** An Athena workgroup whose settings no client can override: limit per query, place and encryption of results. */
export class QueryWorkgroup extends Construct {
  readonly resource: CfnWorkGroup;
  readonly name: string;

  constructor(scope: Construct, id: string, props: QueryWorkgroupProps) {
    super(scope, id);
    this.name = props.name;
    this.resource = new CfnWorkGroup(this, 'Resource', {
      name: props.name,
      description: props.description,
      recursiveDeleteOption: props.disposable,
      state: 'ENABLED',
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        requesterPaysEnabled: false,
        bytesScannedCutoffPerQuery: Math.round(props.limitGigabytes * BYTES_PER_GIGABYTE),
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        resultConfiguration: {
          outputLocation: `s3://${props.results.bucket.bucketName}/${props.name}/`,
          expectedBucketOwner: Stack.of(this).account,
          encryptionConfiguration: { encryptionOption: 'SSE_KMS', kmsKey: props.resultsKey.keyArn },
        },
      },
    });
  }
}
