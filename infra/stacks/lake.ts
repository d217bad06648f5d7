import { CfnOutput, Duration, RemovalPolicy, SecretValue, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type LifecycleRule, StorageClass } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { AccountConfiguration, Configuration } from '../config.ts';
import { LandingBucket } from '../constructs/landing-bucket.ts';
import { acknowledge } from '../nag.ts';

/**
 * What a new secret holds until the key is put in. It must never change: CloudFormation would write the new
 * text over the keys of every deployed account.
 */
export const SECRET_PLACEHOLDER = '{"privateKey":"","keyId":"","issuerId":""}';

/** The same for the key of Account & Organizational Data Sharing. */
export const DATA_SHARING_PLACEHOLDER = '{"privateKey":"","keyId":"","teamId":"","clientId":""}';

/** Longer than an unpacking that was interrupted may take to be begun again. */
const UNPACKING_DAYS = 7;

/** The keys of one account of App Store Connect. */
export interface AccountSecrets {
  readonly reader: Secret;
  /** Only where the account has an Admin key. */
  readonly admin?: Secret;
}

/** A secret that a person puts one of Apple's keys into. */
interface KeySecret {
  readonly id: string;
  readonly description: string;
  readonly placeholder: string;
  /** Which key, and what its file holds. */
  readonly putIn: string;
  /** Where a person makes it. */
  readonly madeIn: string;
  readonly disposable: boolean;
}

export interface LakeStackProps extends StackProps {
  readonly configuration: Configuration;
  /** Lifts retention and termination protection; tests only. */
  readonly disposable: boolean;
}

/** Everything that must outlive a mistake: buckets, their keys, Apple's keys. Retained, termination-protected. */
export class LakeStack extends Stack {
  readonly analytics: LandingBucket;
  readonly personal: LandingBucket;
  readonly results: LandingBucket;
  /** Encrypts grants (people's refresh tokens) under a key of their own, apart from their data. */
  readonly grantsKey: Key;
  /** By account name. */
  readonly secrets: ReadonlyMap<string, AccountSecrets>;
  /** Signs client secrets for people's tokens; only where account data is configured. */
  readonly dataSharingKey: Secret | undefined;

  constructor(scope: Construct, id: string, props: LakeStackProps) {
    super(scope, id, { ...props, terminationProtection: !props.disposable });
    const { configuration, disposable } = props;
    this.analytics = new LandingBucket(this, 'Analytics', {
      holds: 'analytics reports and what the pipeline knows about them',
      versioned: true,
      lifecycleRules: analyticsLifecycle(configuration.retention),
      disposable,
    });
    this.personal = new LandingBucket(this, 'Personal', {
      holds: 'account data of people who authorised its transfer',
      // An erased object must be gone, not an old version.
      versioned: false,
      lifecycleRules: [
        { id: 'consents', prefix: 'consents/', expiration: Duration.days(1) },
        { id: 'unpacking', prefix: 'unpacking/', expiration: Duration.days(UNPACKING_DAYS) },
      ],
      disposable,
    });
    this.results = new LandingBucket(this, 'Results', {
      holds: 'query results',
      versioned: false,
      lifecycleRules: [{ id: 'results', expiration: Duration.days(configuration.retention.queryResults) }],
      disposable,
    });
    this.grantsKey = new Key(this, 'GrantsKey', {
      description: 'Encrypts grants of account data transfer, apart from the data itself.',
      enableKeyRotation: true,
      removalPolicy: disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    this.secrets = new Map(
      configuration.accounts.map((account) => [account.name, this.#createSecrets(account, disposable)]),
    );
    this.dataSharingKey =
      configuration.accountData === undefined ? undefined : this.#createDataSharingKey(disposable);
    this.#outputBuckets();
  }

  #createSecrets(account: AccountConfiguration, disposable: boolean): AccountSecrets {
    const reader = this.#createSecret(account, 'Reader', disposable);
    return account.adminKey
      ? { reader, admin: this.#createSecret(account, 'Admin', disposable) }
      : { reader };
  }

  #createSecret(account: AccountConfiguration, use: 'Reader' | 'Admin', disposable: boolean): Secret {
    const shape = account.key === 'individual' ? '{privateKey, keyId}' : '{privateKey, keyId, issuerId}';
    return this.#createKeySecret({
      id: `${use}Key-${account.name}`,
      description: `App Store Connect ${use.toLowerCase()} key of account ${account.name}, JSON.`,
      placeholder: SECRET_PLACEHOLDER,
      putIn: `the ${use.toLowerCase()} key in: key.json holds ${shape}`,
      madeIn: 'App Store Connect',
      disposable,
    });
  }

  #createDataSharingKey(disposable: boolean): Secret {
    return this.#createKeySecret({
      id: 'DataSharingKey',
      description: 'Key of Account & Organizational Data Sharing, JSON.',
      placeholder: DATA_SHARING_PLACEHOLDER,
      putIn: 'the data sharing key in: key.json holds {privateKey, keyId, teamId, clientId}',
      madeIn: 'the developer account',
      disposable,
    });
  }

  #createKeySecret(key: KeySecret): Secret {
    const secret = new Secret(this, key.id, {
      description: key.description,
      secretStringValue: SecretValue.unsafePlainText(key.placeholder),
      removalPolicy: key.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    acknowledge(
      secret,
      'AwsSolutions-SMG4',
      `Apple's keys are made and revoked by a person in ${key.madeIn}; no API rotates them.`,
    );
    new CfnOutput(secret, 'Arn', { value: secret.secretArn });
    new CfnOutput(secret, 'Command', {
      description: `Puts ${key.putIn}, privateKey being the text of the .p8 file.`,
      value: `aws secretsmanager put-secret-value --secret-id ${secret.secretArn} --secret-string file://key.json`,
    });
    return secret;
  }

  #outputBuckets(): void {
    new CfnOutput(this, 'AnalyticsBucket', { value: this.analytics.bucket.bucketName });
    new CfnOutput(this, 'PersonalBucket', { value: this.personal.bucket.bucketName });
    new CfnOutput(this, 'ResultsBucket', { value: this.results.bucket.bucketName });
    if (this.dataSharingKey !== undefined) {
      new CfnOutput(this, 'GrantsKeyArn', { value: this.grantsKey.keyArn });
    }
  }
}

function analyticsLifecycle(retention: Configuration['retention']): LifecycleRule[] {
  return [
    {
      id: 'noncurrent-versions',
      noncurrentVersionExpiration: Duration.days(retention.noncurrentVersions),
      expiredObjectDeleteMarker: true,
    },
    // Objects under 128 KiB stay where they are: S3 does not tier them by default.
    {
      id: 'raw-to-intelligent-tiering',
      prefix: 'raw/',
      transitions: [{ storageClass: StorageClass.INTELLIGENT_TIERING, transitionAfter: Duration.days(90) }],
    },
    { id: 'runs', prefix: 'runs/', expiration: Duration.days(retention.runs) },
  ];
}
