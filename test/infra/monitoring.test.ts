import { readFileSync } from 'node:fs';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { readConfiguration } from '../../infra/config.ts';
import { readWorkflowDefinition } from '../../infra/constructs/workflow.ts';
import { hoursWithoutSuccess } from '../../infra/stacks/pipeline.ts';
import { ACCOUNT_DATA_METRICS } from '../../lambdas/lib/account-data/metric-names.ts';
import type { RunOutcome } from '../../lambdas/lib/analytics/contracts.ts';
import { runMetrics } from '../../lambdas/lib/analytics/run-metrics.ts';
import {
  buildApp,
  PROJECT_DIRECTORY,
  readable,
  resourcesOf,
  synthesizeAccountData,
  synthesizeTemplates,
} from './synthesized.ts';

const EMPTY_RUN: RunOutcome = {
  apps: 0,
  instances: { landed: 0, pending: 0, expired: 0, failed: 0 },
  bytes: 0,
  calls: 0,
  lowestBudget: 0,
  freshness: { emptyReports: 0, missingDays: 0, daysUntilDeleted: 0 },
  outcomes: {},
  failedApps: 0,
};

const { pipeline } = synthesizeTemplates();
const runbook = readFileSync(`${PROJECT_DIRECTORY}docs/runbook.md`, 'utf8');

const alarmShape = z.looseObject({
  AlarmActions: z.array(z.unknown()),
  AlarmDescription: z.string(),
  MetricName: z.string(),
  Namespace: z.string(),
  Threshold: z.number(),
  ComparisonOperator: z.string(),
  EvaluationPeriods: z.number(),
  Period: z.number(),
  TreatMissingData: z.string(),
  Dimensions: z.array(z.looseObject({ Name: z.string(), Value: z.unknown() })),
});

function alarmsOf(template: typeof pipeline): Map<string, z.infer<typeof alarmShape>> {
  const alarms = [...resourcesOf(template, 'AWS::CloudWatch::Alarm')];
  return new Map(
    alarms.map(([id, found]) => [
      id.replace(/^Monitoring/, '').replace(/[0-9A-F]{8}$/, ''),
      alarmShape.parse(found.Properties),
    ]),
  );
}

const alarms = alarmsOf(pipeline);
const accountDataAlarms = alarmsOf(synthesizeAccountData());
const outcomes = [...alarms].filter(
  ([name, alarm]) => alarm.Namespace === 'AppleDataPipeline' && name !== 'NoSuccess',
);

/** Headings of a runbook that no alarm names, and of alarms that the runbook lacks. */
function headingDifferences(text: string): string[] {
  const headings = new Set([...text.matchAll(/^## (.+)$/gm)].flatMap((match) => match[1] ?? []));
  const named = new Set(
    [...alarms.values(), ...accountDataAlarms.values()].map(
      (alarm) => /Runbook: docs\/runbook\.md, (\w+)\.$/.exec(alarm.AlarmDescription)?.[1] ?? '',
    ),
  );
  return [
    ...[...headings].filter((heading) => !named.has(heading)),
    ...[...named].filter((heading) => !headings.has(heading)),
  ];
}

describe('the alarms', () => {
  it('watch runs, schedules and every function', () => {
    const functions = [...resourcesOf(pipeline, 'AWS::Lambda::Function').keys()].map((id) =>
      id.replace(/[0-9A-F]{8}$/, ''),
    );
    expect([...alarms.keys()]).toEqual(
      expect.arrayContaining([
        ...['RunFailed', 'RunTimedOut', 'RunAborted', 'RunThrottled', 'NoSuccess', 'ScheduleFailed'],
        ...functions.flatMap((id) => [`${id}Errors`, `${id}Throttles`]),
      ]),
    );
  });

  it('watch every outcome that a person must act on, under the name of its metric', () => {
    const emitted = new Set(runMetrics(EMPTY_RUN).keys());
    const watched = new Set(outcomes.map(([name]) => name));

    expect([...watched].filter((name) => !emitted.has(name))).toEqual([]);
    expect([...emitted].filter((name) => !watched.has(name))).toEqual([
      'RunsCompleted',
      'InstancesLanded',
      'InstancesPending',
      'DeliveriesCurated',
      'AppleCalls',
      'BytesLanded',
      'EmptyReports',
      'MissingDays',
      'DaysUntilDeleted',
      'LowestCallBudget',
      'ReportsNotInCatalog',
      'SnapshotsRefused',
    ]);
    for (const [name, alarm] of outcomes) {
      expect(alarm).toMatchObject({
        MetricName: name,
        Dimensions: [{ Name: 'service', Value: 'apple-data-pipeline' }],
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        TreatMissingData: 'notBreaching',
        Period: 86_400,
      });
    }
  });

  it('all tell the topic, and none is metric math', () => {
    for (const alarm of alarms.values()) {
      expect(alarm.AlarmActions.map(readable)).toEqual(['<MonitoringTopic>']);
      expect(alarm).not.toHaveProperty('Metrics');
    }
  });

  it('take a missing success for a failure, and any other missing value for nothing', () => {
    expect(alarms.get('NoSuccess')).toMatchObject({
      Namespace: 'AppleDataPipeline',
      MetricName: 'RunsCompleted',
      Dimensions: [{ Name: 'service', Value: 'apple-data-pipeline' }],
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      Period: 3600,
      EvaluationPeriods: 37,
      TreatMissingData: 'breaching',
    });
    const breaching = [...alarms].filter(([, alarm]) => alarm.TreatMissingData === 'breaching');
    expect(breaching.map(([name]) => name)).toEqual(['NoSuccess']);
  });

  it('leave the alarm on missing runs out of a disposable stack', () => {
    expect([...alarmsOf(synthesizeTemplates({ disposable: true }).pipeline).keys()]).not.toContain(
      'NoSuccess',
    );
  });

  it('take a run for a success only when it summarised its work and no app failed', () => {
    expect(runMetrics(EMPTY_RUN).get('RunsCompleted')).toBe(1);
    expect(runMetrics({ ...EMPTY_RUN, apps: 2, failedApps: 1 }).get('RunsCompleted')).toBe(0);
  });

  it.each([
    [{ accounts: [{ name: 'a' }] }, 37],
    [{ accounts: [{ name: 'a', schedule: 'rate(1 hour)' }] }, 13],
    [{ accounts: [{ name: 'a' }, { name: 'b', schedule: 'rate(1 day)' }] }, 73],
    [{ accounts: [{ name: 'a', schedule: 'cron(0 9 * * ? *)' }] }, 73],
    [{ accounts: [{ name: 'a', schedule: 'cron(0 9 ? * MON,WED,FRI *)' }] }, 168],
    [{ accounts: [{ name: 'a', schedule: 'rate(156 hours)' }] }, 168],
    [{ accounts: [{ name: 'a', schedule: 'rate(157 hours)' }] }, undefined],
    [{ accounts: [{ name: 'a' }, { name: 'b', schedule: 'rate(14 days)' }] }, 37],
    [{ accounts: [{ name: 'a' }], alarmAfterHoursWithoutSuccess: 20 }, 20],
  ])('count hours without success for %j', (configuration, hours) => {
    expect(hoursWithoutSuccess(readConfiguration(configuration))).toBe(hours);
  });

  it('wait for a run that starts late and takes all its time', () => {
    const { timeoutSeconds } = readWorkflowDefinition(
      `${PROJECT_DIRECTORY}statemachines/analytics-sync.asl.json`,
    );
    const window = z
      .looseObject({ FlexibleTimeWindow: z.looseObject({ MaximumWindowInMinutes: z.number() }) })
      .parse([...resourcesOf(pipeline, 'AWS::Scheduler::Schedule').values()][0]?.Properties)
      .FlexibleTimeWindow.MaximumWindowInMinutes;
    const hours = hoursWithoutSuccess(
      readConfiguration({ accounts: [{ name: 'a', schedule: 'rate(156 hours)' }] }),
    );
    expect(hours).toBeGreaterThanOrEqual(156 + timeoutSeconds / 3600 + window / 60);
  });

  it('say when no schedule is frequent enough for the alarm on missing runs', () => {
    const appleDataPipeline = { accounts: [{ name: 'main', schedule: 'rate(7 days)' }] };
    // The app prints its warnings when it is synthesized.
    vi.spyOn(console, 'error').mockReturnValue(undefined);
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const { stacks } = buildApp({ appleDataPipeline });
    expect([...alarmsOf(Template.fromStack(stacks.pipeline)).keys()]).not.toContain('NoSuccess');
    expect(
      Annotations.fromStack(stacks.pipeline).findWarning('*', Match.stringLikeRegexp('NoSuccess')),
    ).toHaveLength(1);
    expect(Annotations.fromStack(buildApp().stacks.pipeline).findWarning('*', Match.anyValue())).toEqual([]);
  });

  it('have one heading each in the runbook, and the runbook has no other', () => {
    expect(headingDifferences(runbook)).toEqual([]);
    expect(headingDifferences(runbook.replace('## RunFailed', '## RunFaild'))).toEqual([
      'RunFaild',
      'RunFailed',
    ]);
  });

  it('have four answers under each heading of the runbook', () => {
    for (const section of runbook.split(/^## /m).slice(1)) {
      const answers = [...section.matchAll(/^- \*\*(.+)\*\*:/gm)].map((match) => match[1]);
      expect(answers).toEqual(['Meaning', 'Look here', 'Do this', 'When to stop']);
    }
  });
});

describe('the alarms of account data', () => {
  it('watch transfers, the deletion and every function', () => {
    const functions = [...resourcesOf(synthesizeAccountData(), 'AWS::Lambda::Function').keys()].map((id) =>
      id.replace(/[0-9A-F]{8}$/, ''),
    );
    expect(functions).toHaveLength(6);
    expect([...accountDataAlarms.keys()].sort()).toEqual(
      [
        ...['TransferFailed', 'TransferTimedOut', 'TransferAborted', 'TransferThrottled', 'DeletionFailed'],
        ...functions.flatMap((id) => [`${id}Errors`, `${id}Throttles`]),
        ...Object.keys(ACCOUNT_DATA_METRICS),
      ].sort(),
    );
  });

  it('watch everything that the functions count, by the name of its metric', () => {
    for (const name of Object.keys(ACCOUNT_DATA_METRICS)) {
      expect(accountDataAlarms.get(name)).toMatchObject({
        Namespace: 'AppleDataPipeline',
        MetricName: name,
        Dimensions: [{ Name: 'service', Value: 'apple-data-pipeline' }],
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        TreatMissingData: 'notBreaching',
        Period: 86_400,
      });
    }
  });

  it('tell of one failed deletion a day, which ten faults an hour would never show', () => {
    expect(accountDataAlarms.get('DeletionFailed')).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Errors',
      Threshold: 1,
      Period: 86_400,
    });
  });

  it('name the days after which a transfer times out', () => {
    const { timeoutSeconds } = readWorkflowDefinition(
      `${PROJECT_DIRECTORY}statemachines/account-data-transfer.asl.json`,
    );
    expect(accountDataAlarms.get('TransferTimedOut')?.AlarmDescription).toContain(
      `${timeoutSeconds / 86_400} days`,
    );
  });

  it('tell the same topic as all others', () => {
    for (const alarm of accountDataAlarms.values()) {
      expect(alarm.AlarmActions.map(readable)).toEqual(['<pipeline MonitoringTopic>']);
    }
  });
});

describe('the alarm topic', () => {
  const fromThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
  const cloudWatch = { Service: 'cloudwatch.amazonaws.com' };

  it('is encrypted with a key that CloudWatch may use for this AWS account', () => {
    const keys = [...resourcesOf(pipeline, 'AWS::KMS::Key').values()];
    expect(keys).toHaveLength(1);
    expect(keys[0]?.Properties.KeyPolicy).toMatchObject({
      Statement: expect.arrayContaining([
        expect.objectContaining({
          Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
          Effect: 'Allow',
          Principal: cloudWatch,
          Condition: fromThisAccount,
        }),
      ]),
    });
    const [topic] = [...resourcesOf(pipeline, 'AWS::SNS::Topic').values()];
    expect(readable(topic?.Properties.KmsMasterKeyId)).toBe('<MonitoringTopicKey.Arn>');
  });

  it('lets CloudWatch publish, and nobody without TLS', () => {
    pipeline.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: [
          { Effect: 'Deny', Action: 'sns:Publish', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
          { Effect: 'Allow', Action: 'sns:Publish', Principal: cloudWatch, Condition: fromThisAccount },
        ],
      },
    });
  });

  it('mails only where an address is configured', () => {
    pipeline.resourceCountIs('AWS::SNS::Subscription', 0);
    const appleDataPipeline = { accounts: [{ name: 'main' }], alarmEmail: 'alarms@example.com' };
    synthesizeTemplates({ appleDataPipeline }).pipeline.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'alarms@example.com',
    });
  });
});
