import { Validations } from 'aws-cdk-lib';
import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildApp, WITH_ACCOUNT_DATA } from './synthesized.ts';

interface Acknowledgement {
  readonly path: string;
  readonly rule: string;
  readonly reason: string;
}

function acknowledgementsIn(scope: IConstruct): Acknowledgement[] {
  return scope.node.findAll().flatMap((construct) =>
    construct.node.metadata
      .filter((entry) => entry.type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap((entry) => Object.entries(z.record(z.string(), z.string()).parse(entry.data)))
      .map(([id, reason]) => ({ path: construct.node.path, rule: id.replace(/^\w+::/, ''), reason })),
  );
}

function countByRule(acknowledgements: readonly Acknowledgement[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { rule } of acknowledgements) {
    const name = rule.replace(/\[.*$/s, '');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('cdk-nag', () => {
  it('finds nothing that is not acknowledged, with this many acknowledgements per rule', () => {
    const { app } = buildApp();
    expect(() => app.synth()).not.toThrow();
    expect(countByRule(acknowledgementsIn(app))).toEqual({
      'AwsSolutions-IAM5': 50,
      'AwsSolutions-S1': 3,
      'AwsSolutions-SMG4': 2,
      'AwsSolutions-SQS3': 1,
      'Serverless-LambdaAsyncFailureDestination': 12,
      'Serverless-LambdaDLQ': 12,
      'Serverless-SQSRedrivePolicy': 1,
    });
  });

  it('is acknowledged on resources only, each time with a reason', () => {
    const { app, stacks } = buildApp();
    app.synth();
    const wide = new Set([app, ...Object.values(stacks)].map((construct) => construct.node.path));
    for (const { path, reason } of acknowledgementsIn(app)) {
      expect(wide.has(path)).toBe(false);
      expect(reason.split(' ').length).toBeGreaterThan(4);
    }
  });

  it('finds nothing with an alarm address, two accounts or a disposable stack either', () => {
    const accounts = [{ name: 'first' }, { name: 'second', key: 'individual', adminKey: false }];
    const { app } = buildApp({
      appleDataPipeline: { accounts, alarmEmail: 'alarms@example.com' },
      disposable: true,
    });
    expect(() => app.synth()).not.toThrow();
  });

  it('finds nothing in account data either, with this many acknowledgements more', () => {
    const { app, stacks } = buildApp(WITH_ACCOUNT_DATA);
    expect(() => app.synth()).not.toThrow();
    if (stacks.accountData === undefined) throw new Error('account data is not configured');
    const acknowledgements = acknowledgementsIn(stacks.accountData);
    expect(countByRule(acknowledgements)).toEqual({
      'AwsSolutions-IAM5': 36,
      'Serverless-LambdaAsyncFailureDestination': 6,
      'Serverless-LambdaDLQ': 6,
    });
    const machineInvokes = acknowledgements.filter(({ reason }) =>
      reason.includes('Step Functions invokes it'),
    );
    expect(new Set(machineInvokes.map(({ path }) => path)).size).toBe(4);
  });

  it('fails the synthesis on a planted bucket without TLS', () => {
    const { app, stacks } = buildApp();
    new Bucket(stacks.lake, 'Planted');
    expect(() => app.synth()).toThrow(/AppleDataPipelineLake\/Planted.*AwsSolutions-S10'/s);
  });

  it('fails the synthesis on a planted wildcard beside acknowledged ones', () => {
    const { app, stacks } = buildApp();
    const role = stacks.pipeline.node.findAll().find((found) => found.node.path.endsWith('ListApps/Role'));
    if (role === undefined) throw new Error('ListApps has no role');
    new Policy(role, 'Planted', {
      roles: [role as never],
      statements: [
        new PolicyStatement({
          actions: ['s3:GetObject'],
          resources: [stacks.lake.personal.bucket.arnForObjects('*')],
        }),
      ],
    });
    expect(() => app.synth()).toThrow(/ListApps\/Role\/Planted/);
  });
});
