import { readFileSync } from 'node:fs';
import { App, Stack } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  readWorkflowDefinition,
  substitutionDifferences,
  Workflow,
} from '../../infra/constructs/workflow.ts';
import {
  ANALYTICS_SYNC_FUNCTIONS,
  type FunctionDefinition,
  REBUILD_CURATED_FUNCTIONS,
} from '../../infra/functions.ts';
import { account } from '../../lambdas/lib/analytics/contracts.ts';
import {
  PROJECT_DIRECTORY,
  type Resource,
  readable,
  resourcesOf,
  synthesizeTemplates,
} from './synthesized.ts';

const FILE = `${PROJECT_DIRECTORY}statemachines/analytics-sync.asl.json`;
const definition = readWorkflowDefinition(FILE);
const { pipeline, lake } = synthesizeTemplates();

function functionResource(id: string): Resource {
  const found = [...resourcesOf(pipeline, 'AWS::Lambda::Function')].find(([logicalId]) =>
    logicalId.startsWith(id),
  );
  if (found === undefined) throw new Error(`no function ${id}`);
  return found[1];
}

function variablesOf(id: string): Record<string, unknown> {
  return z
    .looseObject({ Variables: z.record(z.string(), z.unknown()) })
    .parse(functionResource(id).Properties.Environment).Variables;
}

describe('the functions', () => {
  const definitions = Object.entries<FunctionDefinition>({
    ...ANALYTICS_SYNC_FUNCTIONS,
    ...REBUILD_CURATED_FUNCTIONS,
  });

  it.each(definitions)('%s has the runtime, limits, tracing and log group that it should', (id, wanted) => {
    expect(functionResource(id).Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      Timeout: wanted.timeoutSeconds,
      MemorySize: wanted.memoryMegabytes,
      ...(wanted.diskMegabytes === undefined ? {} : { EphemeralStorage: { Size: wanted.diskMegabytes } }),
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogGroup: { Ref: expect.stringMatching(new RegExp(`^${id}Logs`)) } },
    });
    expect(functionResource(id).Properties).not.toHaveProperty('VpcConfig');
  });

  it.each(definitions)('%s has the environment that its handler reads', (id, wanted) => {
    const { ANALYTICS_BUCKET, ...rest } = variablesOf(id);
    expect(readable(ANALYTICS_BUCKET)).toBe('<lake Analytics>');
    expect(rest).toEqual({
      NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=4',
      POWERTOOLS_SERVICE_NAME: 'apple-data-pipeline',
      POWERTOOLS_METRICS_NAMESPACE: 'AppleDataPipeline',
      POWERTOOLS_LOG_LEVEL: 'INFO',
      ...(wanted.secrets.length > 0
        ? { APP_STORE_CONNECT_BASE_URL: 'https://api.appstoreconnect.apple.com', TRUSTED_ORIGINS: '[]' }
        : {}),
      ...(id === 'TakeAccountLease' ? { LEASE_SECONDS: String(definition.timeoutSeconds) } : {}),
    });
  });

  it('hold no secret in their environment, and take Apple and trusted origins from the configuration', () => {
    const trustedOrigins = ['http://127.0.0.1:1', 'https://127.0.0.1:2'];
    const appleDataPipeline = {
      accounts: [{ name: 'main' }],
      appleBaseUrl: trustedOrigins[0],
      trustedOrigins,
    };
    const text = JSON.stringify(synthesizeTemplates({ appleDataPipeline }).pipeline.toJSON());
    expect(text.includes('"APP_STORE_CONNECT_BASE_URL":"http://127.0.0.1:1"')).toBe(true);
    expect(text.includes(JSON.stringify(JSON.stringify(trustedOrigins)))).toBe(true);
    for (const [id] of definitions)
      expect(JSON.stringify(variablesOf(id))).not.toMatch(/Secret|ReaderKey|AdminKey/);
  });

  it('keep their logs for the configured time, as the state machines do', () => {
    const appleDataPipeline = { accounts: [{ name: 'main' }], retention: { logs: 7 } };
    const groups = resourcesOf(synthesizeTemplates({ appleDataPipeline }).pipeline, 'AWS::Logs::LogGroup');
    expect(groups.size).toBe(definitions.length + 2);
    for (const group of groups.values()) expect(group.Properties.RetentionInDays).toBe(7);
  });
});

describe('the state machine', () => {
  const machine = [...resourcesOf(pipeline, 'AWS::StepFunctions::StateMachine').values()][0];

  it('stands in the template as the text of its file', () => {
    expect(machine?.Properties.DefinitionString).toBe(readFileSync(FILE, 'utf8'));
  });

  it('is a traced Standard machine that logs everything but data', () => {
    expect(machine?.Properties).toMatchObject({
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
    });
    pipeline.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: '/aws/vendedlogs/states/AppleDataPipelinePipeline-AnalyticsSync',
    });
  });

  it('gives each placeholder the function of its name, or the bucket', () => {
    const substitutions = z
      .record(z.string(), z.unknown())
      .parse(machine?.Properties.DefinitionSubstitutions);
    const { AnalyticsBucketName, ...functions } = substitutions;
    expect(readable(AnalyticsBucketName)).toBe('<lake Analytics>');
    for (const [name, value] of Object.entries(functions)) {
      expect(readable(value)).toBe(`<${name.replace(/Arn$/, '')}.Arn>`);
    }
  });

  it('refuses substitutions that differ from the placeholders, in both directions', () => {
    const text = (...names: string[]) => names.map((name) => `"\${${name}}"`).join(' ');
    expect(substitutionDifferences(text('A', 'B'), ['A', 'B'])).toEqual([]);
    expect(substitutionDifferences(text('A', 'B'), ['A'])).toEqual(['B (not given)']);
    expect(substitutionDifferences(text('A'), ['A', 'C'])).toEqual(['C (not used)']);
    const stack = new Stack(new App(), 'Planted');
    const props = { definition, functions: {}, logRetention: RetentionDays.ONE_DAY };
    expect(() => new Workflow(stack, 'Sync', { ...props, substitutions: { Other: 'x' } })).toThrow(
      /analytics-sync\.asl\.json: substitutions differ: .*ListAppsArn \(not given\).*Other \(not used\)/,
    );
  });

  it('refuses a definition without TimeoutSeconds', () => {
    expect(() => readWorkflowDefinition(`${PROJECT_DIRECTORY}tsconfig.json`)).toThrow(/TimeoutSeconds/);
  });
});

describe('the schedules', () => {
  function schedulesOf(accounts: unknown): Resource[] {
    const templates = synthesizeTemplates({ appleDataPipeline: { accounts } });
    return [...resourcesOf(templates.pipeline, 'AWS::Scheduler::Schedule').values()];
  }

  const target = z.looseObject({ Input: z.unknown() });

  function inputOf(schedule: Resource | undefined): unknown {
    return JSON.parse(readable(target.parse(schedule?.Properties.Target).Input));
  }

  it('start one run per account with an input of the contract', () => {
    const [first, second] = schedulesOf([
      { name: 'first', apps: ['1'], reports: ['App Crashes'], granularities: ['DAILY'] },
      { name: 'second', key: 'individual', adminKey: false, schedule: 'cron(0 9 * * ? *)' },
    ]);
    expect(inputOf(first)).toEqual({
      account: {
        name: 'first',
        key: 'team',
        readerSecretArn: '<lake ReaderKeyfirst>',
        adminSecretArn: '<lake AdminKeyfirst>',
        apps: ['1'],
        exclude: [],
        reports: ['App Crashes'],
        granularities: ['DAILY'],
        backfill: 'none',
        backfillApps: 'all',
        callBudgetReserve: 0.2,
        concurrency: 2,
        callsInFlight: 4,
      },
    });
    expect(z.strictObject({ account: account.strict() }).safeParse(inputOf(first)).error).toBeUndefined();
    expect(inputOf(second)).not.toHaveProperty('account.adminSecretArn');
    expect(inputOf(second)).toHaveProperty('account.key', 'individual');
    expect(second?.Properties).toMatchObject({
      Name: 'analytics-sync-second',
      ScheduleExpression: 'cron(0 9 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
    });
  });

  it('have a flexible window, a retry age and an encrypted queue for what fails', () => {
    const [schedule] = [...resourcesOf(pipeline, 'AWS::Scheduler::Schedule').values()];
    expect(schedule?.Properties).toMatchObject({
      State: 'ENABLED',
      ScheduleExpression: 'rate(12 hours)',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      Target: {
        RetryPolicy: { MaximumEventAgeInSeconds: 7200 },
        DeadLetterConfig: { Arn: expect.anything() },
      },
    });
    pipeline.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
  });
});

describe('the templates', () => {
  it('stay under 900 kB and 450 resources with four accounts', () => {
    const accounts = ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      reports: ['Commerce', 'App Store Engagement', 'App Usage', 'Frameworks Usage', 'Performance'],
    }));
    for (const template of Object.values(synthesizeTemplates({ appleDataPipeline: { accounts } }))) {
      expect(JSON.stringify(template.toJSON(), undefined, 1).length).toBeLessThan(900_000);
      expect(resourcesOf(template).size).toBeLessThan(450);
    }
  });

  it('hold neither a URL with a query nor anything that looks like a key', () => {
    for (const template of [lake, pipeline]) {
      expect(
        JSON.stringify(template.toJSON()).match(/https?:\/\/[^"]*\?|BEGIN [A-Z ]*PRIVATE KEY/),
      ).toBeNull();
    }
  });

  it('carry the configured tags beside the service', () => {
    const appleDataPipeline = { accounts: [{ name: 'main' }], tags: { owner: 'data' } };
    const templates = synthesizeTemplates({ appleDataPipeline });
    for (const found of resourcesOf(templates.lake, 'AWS::S3::Bucket').values()) {
      expect(found.Properties.Tags).toEqual(
        expect.arrayContaining([
          { Key: 'owner', Value: 'data' },
          { Key: 'service', Value: 'apple-data-pipeline' },
        ]),
      );
    }
  });
});
