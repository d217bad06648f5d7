import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SECRET_PLACEHOLDER } from '../../infra/stacks/lake.ts';
import { buildApp, type Resource, resourcesOf, synthesizeTemplates } from './synthesized.ts';

const { lake } = synthesizeTemplates();
const buckets = resourcesOf(lake, 'AWS::S3::Bucket');

function bucket(name: string): Resource {
  const found = [...buckets].find(([id]) => id.startsWith(name))?.[1];
  if (found === undefined) throw new Error(`no bucket ${name}`);
  return found;
}

function lifecycleOf(name: string): Map<string, Record<string, unknown>> {
  const rules = z
    .looseObject({ Rules: z.array(z.looseObject({ Id: z.string() })) })
    .parse(bucket(name).Properties.LifecycleConfiguration).Rules;
  return new Map(rules.map(({ Id, ...rule }) => [Id, rule]));
}

describe('the lake', () => {
  it('keeps the logical ids under which deployed buckets, keys and secrets stand', () => {
    const stateful = ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret'];
    const ids = [...resourcesOf(lake)].filter(([, found]) => stateful.includes(found.Type)).map(([id]) => id);
    expect(ids).toEqual([
      'AnalyticsKey2D13EA34',
      'AnalyticsF5FDC64B',
      'PersonalKeyEC1978D8',
      'Personal1D628065',
      'ResultsKey3631D39F',
      'ResultsABA27CA0',
      'GrantsKeyCB11CD15',
      'ReaderKeymainBCF09DF2',
      'AdminKeymain3D7AFF5B',
    ]);
  });

  it('keeps the logical ids of an account when another is added before it', () => {
    const accounts = [{ name: 'added' }, { name: 'main' }];
    const ids = [...resourcesOf(synthesizeTemplates({ appleDataPipeline: { accounts } }).lake).keys()];
    expect(ids).toContain('ReaderKeymainBCF09DF2');
    expect(ids).toContain('AdminKeymain3D7AFF5B');
  });

  it('retains every bucket, key and secret', () => {
    for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret']) {
      for (const resource of resourcesOf(lake, type).values()) {
        expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
      }
    }
  });

  it('is termination-protected, the other stacks are not', () => {
    const { stacks } = buildApp();
    expect(stacks.lake.terminationProtection).toBe(true);
    expect(stacks.pipeline.terminationProtection).toBe(false);
    expect(stacks.catalog.terminationProtection).toBe(false);
  });

  it.each([true, 'true'])(
    'loses retention and termination protection by the context flag disposable=%s',
    (disposable) => {
      const { stacks } = buildApp({ disposable });
      expect(stacks.lake.terminationProtection).toBe(false);
      const templates = synthesizeTemplates({ disposable });
      for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret']) {
        for (const resource of resourcesOf(templates.lake, type).values()) {
          expect(resource).toMatchObject({ DeletionPolicy: 'Delete' });
        }
      }
    },
  );

  it('has Lambda functions that empty buckets only when disposable', () => {
    expect(resourcesOf(lake, 'AWS::Lambda::Function').size).toBe(0);
    const disposable = synthesizeTemplates({ disposable: true }).lake;
    expect(resourcesOf(disposable, 'AWS::Lambda::Function').size).toBe(1);
  });

  it('encrypts every bucket with a key of its own, bucket key on', () => {
    const keys = [...buckets.values()].map((found) => JSON.stringify(found.Properties.BucketEncryption));
    expect(new Set(keys).size).toBe(3);
    for (const encryption of keys) {
      expect(encryption).toContain('"BucketKeyEnabled":true');
      expect(encryption).toContain('"SSEAlgorithm":"aws:kms"');
    }
    for (const key of resourcesOf(lake, 'AWS::KMS::Key').values()) {
      expect(key.Properties.EnableKeyRotation).toBe(true);
    }
  });

  it('blocks the public, enforces the owner and refuses plain HTTP on every bucket', () => {
    for (const found of buckets.values()) {
      expect(found.Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(found.Properties.OwnershipControls).toEqual({
        Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }],
      });
    }
    const policies = [...resourcesOf(lake, 'AWS::S3::BucketPolicy').values()];
    expect(policies).toHaveLength(3);
    for (const policy of policies) {
      expect(policy.Properties.PolicyDocument).toMatchObject({
        Statement: [
          { Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        ],
      });
    }
  });

  it('keeps versions of analytics only, and drops unfinished uploads after a day everywhere', () => {
    expect(bucket('Analytics').Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(bucket('Personal').Properties).not.toHaveProperty('VersioningConfiguration');
    for (const name of ['Analytics', 'Personal', 'Results']) {
      expect(lifecycleOf(name).get('abort-multipart')).toMatchObject({
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
        Status: 'Enabled',
      });
    }
    expect(lifecycleOf('Analytics').get('noncurrent-versions')).toMatchObject({
      NoncurrentVersionExpiration: { NoncurrentDays: 90 },
    });
  });

  it('never lets raw objects, manifests, quarantine or superseded objects expire', () => {
    const expiring = [...lifecycleOf('Analytics').values()].filter((rule) => 'ExpirationInDays' in rule);
    expect(expiring.map((rule) => rule.Prefix)).toEqual(['runs/']);
  });

  it('takes retentions from the configuration', () => {
    const retention = { noncurrentVersions: 30, runs: 40, queryResults: 2 };
    const templates = synthesizeTemplates({ appleDataPipeline: { accounts: [{ name: 'main' }], retention } });
    const rules = [...resourcesOf(templates.lake, 'AWS::S3::Bucket').values()].map((found) =>
      JSON.stringify(found.Properties.LifecycleConfiguration),
    );
    expect(rules[0]).toContain('"NoncurrentDays":30');
    expect(rules[0]).toContain('"ExpirationInDays":40');
    expect(rules[2]).toContain('"ExpirationInDays":2');
  });

  it('creates secrets with a placeholder that never changes, whatever the kind of key', () => {
    expect(SECRET_PLACEHOLDER).toBe('{"privateKey":"","keyId":"","issuerId":""}');
    const accounts = [{ name: 'main', key: 'individual' }];
    for (const changes of [{}, { appleDataPipeline: { accounts } }]) {
      for (const secret of resourcesOf(
        synthesizeTemplates(changes).lake,
        'AWS::SecretsManager::Secret',
      ).values()) {
        expect(secret.Properties.SecretString).toBe('{"privateKey":"","keyId":"","issuerId":""}');
      }
    }
  });

  it('tells how to put each key in, in the shape of the kind of key', () => {
    const accounts = [{ name: 'main', key: 'individual', adminKey: false }];
    const templates = synthesizeTemplates({ appleDataPipeline: { accounts } });
    const text = (template: typeof lake) => JSON.stringify(Object.values(template.findOutputs('*')));
    expect(text(lake)).toContain('key.json holds {privateKey, keyId, issuerId}');
    expect(text(lake).match(/put-secret-value/g)).toHaveLength(2);
    expect(text(templates.lake)).toContain('key.json holds {privateKey, keyId}');
    expect(text(templates.lake).match(/put-secret-value/g)).toHaveLength(1);
  });

  it('tells apart accounts whose names differ by a hyphen only', () => {
    const accounts = [{ name: 'ab' }, { name: 'a-b' }];
    const templates = synthesizeTemplates({ appleDataPipeline: { accounts } });
    expect(resourcesOf(templates.lake, 'AWS::SecretsManager::Secret').size).toBe(4);
  });
});
