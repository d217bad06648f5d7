import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { grantsOf, PROJECT_DIRECTORY, resourcesOf, synthesizeTemplates } from './synthesized.ts';

const { pipeline } = synthesizeTemplates();

/** What every function has beside its own purpose. */
const COMMON = [
  /^logs:(CreateLogStream|PutLogEvents) <\w+Logs\.Arn>$/,
  /^xray:(PutTelemetryRecords|PutTraceSegments) \*$/,
];

function purposeOf(functionId: string): string[] {
  return grantsOf(pipeline, `${functionId}Role`).filter((grant) => !COMMON.some((rule) => rule.test(grant)));
}

const EXECUTIONS =
  'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<AnalyticsSync.Name>';

describe('grants of the functions', () => {
  const expected: Record<string, string[]> = {
    TakeAccountLease: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/leases/*',
      's3:PutObject <lake Analytics.Arn>/leases/*',
      `states:DescribeExecution ${EXECUTIONS}:*`,
    ],
    ListApps: [
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:PutObject <lake Analytics.Arn>/runs/*',
      'secretsmanager:GetSecretValue <lake ReaderKeymain>',
    ],
    EnsureReportRequests: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/requests/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/requests/*',
      's3:PutObject <lake Analytics.Arn>/runs/*',
      'secretsmanager:GetSecretValue <lake AdminKeymain>',
      'secretsmanager:GetSecretValue <lake ReaderKeymain>',
    ],
    ListNewInstances: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/requests/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/requests/*',
      's3:PutObject <lake Analytics.Arn>/runs/*',
      'secretsmanager:GetSecretValue <lake ReaderKeymain>',
    ],
    LandSegments: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:AbortMultipartUpload <lake Analytics.Arn>/quarantine/*',
      's3:AbortMultipartUpload <lake Analytics.Arn>/raw/*',
      's3:DeleteObject <lake Analytics.Arn>/raw/*',
      's3:GetObject <lake Analytics.Arn>/ledger/*',
      's3:GetObject <lake Analytics.Arn>/raw/*',
      's3:GetObject <lake Analytics.Arn>/runs/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/ledger/*',
      's3:PutObject <lake Analytics.Arn>/quarantine/*',
      's3:PutObject <lake Analytics.Arn>/raw/*',
      's3:PutObject <lake Analytics.Arn>/runs/*',
      's3:PutObject <lake Analytics.Arn>/superseded/*',
      'secretsmanager:GetSecretValue <lake ReaderKeymain>',
    ],
    CurateInstances: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/curated/*',
      's3:GetObject <lake Analytics.Arn>/curation/*',
      's3:GetObject <lake Analytics.Arn>/deliveries/*',
      's3:GetObject <lake Analytics.Arn>/freshness/*',
      's3:GetObject <lake Analytics.Arn>/ledger/*',
      's3:GetObject <lake Analytics.Arn>/raw/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/curated/*',
      's3:PutObject <lake Analytics.Arn>/curation/*',
      's3:PutObject <lake Analytics.Arn>/deliveries/*',
      's3:PutObject <lake Analytics.Arn>/freshness/*',
      's3:PutObject <lake Analytics.Arn>/runs/*',
    ],
    ReplaceStoppedRequest: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/requests/*',
      's3:PutObject <lake Analytics.Arn>/requests/*',
      's3:PutObject <lake Analytics.Arn>/runs/*',
      'secretsmanager:GetSecretValue <lake AdminKeymain>',
    ],
    SummarizeRun: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/runs/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/runs/*',
    ],
    ReleaseAccountLease: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/leases/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/leases/*',
    ],
    ListLedger: [
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/runs/rebuild/*',
    ],
    RebuildTable: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/curated/*',
      's3:GetObject <lake Analytics.Arn>/ledger/*',
      's3:GetObject <lake Analytics.Arn>/raw/*',
      's3:GetObject <lake Analytics.Arn>/runs/rebuild/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/curated/*',
      's3:PutObject <lake Analytics.Arn>/deliveries/*',
      's3:PutObject <lake Analytics.Arn>/runs/rebuild/*',
    ],
    SummarizeRebuild: [
      'kms:Decrypt <lake AnalyticsKey.Arn>',
      'kms:GenerateDataKey <lake AnalyticsKey.Arn>',
      's3:GetObject <lake Analytics.Arn>/runs/rebuild/*',
      's3:ListBucket <lake Analytics.Arn>',
      's3:PutObject <lake Analytics.Arn>/runs/rebuild/*',
    ],
  };

  it.each(Object.entries(expected))('%s may do exactly this', (functionId, grants) => {
    expect(purposeOf(functionId)).toEqual(grants);
  });

  it('lets every function that reads the bucket tell a missing object (404) from a refused one (403)', () => {
    const conditions = [...resourcesOf(pipeline, 'AWS::IAM::Policy').values()].filter((policy) =>
      /s3:ListBucket.*"Condition"|"Condition".*s3:ListBucket/.test(JSON.stringify(policy.Properties)),
    );
    const reading = Object.keys(expected).filter((id) => purposeOf(id).join().includes('s3:GetObject'));
    const withoutList = reading.filter((id) => !purposeOf(id).join().includes('s3:ListBucket'));

    expect(conditions).toEqual([]);
    // They read only what has been written before: a lease that already lies there, and the record that Ensure
    // Report Requests wrote in the same run.
    expect(withoutList).toEqual(['TakeAccountLease', 'ReplaceStoppedRequest']);
  });

  it('names every function of the stack', () => {
    const functions = resourcesOf(pipeline, 'AWS::Lambda::Function');
    const names = [...functions.keys()].map((id) => id.replace(/[0-9A-F]{8}$/, ''));
    expect(names.sort()).toEqual(Object.keys(expected).sort());
  });

  it('gives each function a role of its own, without managed policies', () => {
    const functions = [...resourcesOf(pipeline, 'AWS::Lambda::Function').values()];
    const roles = new Set(functions.map((found) => JSON.stringify(found.Properties.Role)));
    expect(roles.size).toBe(functions.length);
    for (const role of resourcesOf(pipeline, 'AWS::IAM::Role').values()) {
      expect(role.Properties).not.toHaveProperty('ManagedPolicyArns');
    }
  });

  it('lets only Ensure Report Requests and Replace Stopped Request read an Admin key', () => {
    const readers = Object.keys(expected).filter((id) =>
      purposeOf(id).some((grant) => /AdminKey/.test(grant)),
    );
    expect(readers).toEqual(['EnsureReportRequests', 'ReplaceStoppedRequest']);
  });

  it('gives no secret to the function that reads the bytes of files', () => {
    expect(purposeOf('LandSegments').join()).toContain('secretsmanager');
    expect(purposeOf('CurateInstances').join()).not.toContain('secretsmanager');
  });

  it('lets only Land Segments delete, and only under raw/', () => {
    const deleting = Object.keys(expected).flatMap((id) =>
      purposeOf(id).filter((grant) => /Delete/.test(grant)),
    );
    expect(deleting).toEqual(['s3:DeleteObject <lake Analytics.Arn>/raw/*']);
  });

  it('lets nothing in the pipeline touch the personal bucket, its keys or query results', () => {
    const outputs = JSON.stringify(pipeline.toJSON()).match(/PublishOutput\w+/g) ?? [];
    expect(outputs.length).toBeGreaterThan(0);
    expect(outputs.filter((name) => /Personal|GrantsKey|Results/.test(name))).toEqual([]);
  });

  it('grants no action by wildcard', () => {
    for (const policy of resourcesOf(pipeline, 'AWS::IAM::Policy').values()) {
      expect(JSON.stringify(policy.Properties.PolicyDocument)).not.toMatch(/"\w+:\*"|"\*:\*"/);
    }
  });

  it('reads no Admin secret where the account has no Admin key', () => {
    const accounts = [{ name: 'main', adminKey: false }];
    const { lake, pipeline: without } = synthesizeTemplates({ appleDataPipeline: { accounts } });
    expect(resourcesOf(lake, 'AWS::SecretsManager::Secret').size).toBe(1);
    expect(JSON.stringify(without.toJSON()).includes('AdminKeymain')).toBe(false);
    expect(grantsOf(without, 'ReplaceStoppedRequestRole').join()).not.toContain('secretsmanager');
  });
});

/** What a definition asks of its machine's role, read from the text alone. */
function neededBy(definition: string): string[] {
  const needed = new Set<string>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    const parsed = z.record(z.string(), z.unknown()).safeParse(node);
    if (!parsed.success) return;
    const state = parsed.data;
    if (state.Type === 'Task') for (const grant of neededByTask(state)) needed.add(grant);
    const config = z.looseObject({ ProcessorConfig: z.looseObject({ Mode: z.string() }) });
    if (config.safeParse(state.ItemProcessor).data?.ProcessorConfig.Mode === 'DISTRIBUTED') {
      needed.add('states:StartExecution <AnalyticsSync>');
      needed.add(`states:DescribeExecution ${EXECUTIONS}:*`);
      needed.add(`states:StopExecution ${EXECUTIONS}:*`);
      needed.add(`states:RedriveExecution ${EXECUTIONS}/${z.string().parse(state.Label)}:*`);
    }
    Object.values(state).forEach(visit);
  };
  visit(JSON.parse(definition));
  return [...needed].sort();
}

/** The constant parts of a key's expression, with `*` for what is known at run time only. */
function keyPattern(expression: string): string {
  const parts = expression.replace(/^\{% | %\}$/g, '').split(' & ');
  const pattern = parts.map((part) => (/^'.*'$/.test(part) ? part.slice(1, -1) : '*')).join('');
  return pattern.replace(/\*\.json$/, '*').replace(/\*\/\*\//, '*/');
}

function neededByTask(state: Record<string, unknown>): string[] {
  const task = z
    .looseObject({ Resource: z.string(), Arguments: z.record(z.string(), z.unknown()) })
    .parse(state);
  if (task.Resource === 'arn:aws:states:::lambda:invoke') {
    const name = /^\$\{(\w+)Arn\}$/.exec(z.string().parse(task.Arguments.FunctionName))?.[1];
    return [`lambda:InvokeFunction <${name}.Arn>`];
  }
  if (task.Resource === 'arn:aws:states:::aws-sdk:s3:putObject') {
    const pattern = keyPattern(z.string().parse(task.Arguments.Key));
    return [`s3:PutObject <lake Analytics.Arn>/${pattern}`, 'kms:GenerateDataKey <lake AnalyticsKey.Arn>'];
  }
  throw new Error(`no rule says what ${task.Resource} needs`);
}

describe('grants of the state machine', () => {
  const definition = readFileSync(`${PROJECT_DIRECTORY}statemachines/analytics-sync.asl.json`, 'utf8');
  const isLoggingOrTracing = (grant: string) => /^(logs|xray):\w+ \*$/.test(grant);
  const granted = grantsOf(pipeline, 'AnalyticsSyncRole').filter((grant) => !isLoggingOrTracing(grant));

  it('are what its definition needs, no more and no less', () => {
    expect(granted).toEqual(neededBy(definition));
  });

  it('would differ if the definition called one more service', () => {
    const planted = definition.replace('aws-sdk:s3:putObject', 'aws-sdk:sns:publish');
    expect(() => neededBy(planted)).toThrow('no rule says what arn:aws:states:::aws-sdk:sns:publish needs');
  });

  it('would differ if the definition wrote elsewhere or called another function', () => {
    const elsewhere = definition.replace("'/failures/'", "'/other/'");
    const renamed = definition.replace('{ListAppsArn}', '{ListOtherAppsArn}');
    expect(neededBy(elsewhere)).not.toEqual(granted);
    expect(neededBy(renamed)).not.toEqual(granted);
  });

  it('put what names the machine into policies that the machine does not depend on', () => {
    const machines = [...resourcesOf(pipeline, 'AWS::StepFunctions::StateMachine').values()];
    const depends = machines.flatMap((machine) => z.array(z.string()).parse(machine.DependsOn));
    expect(depends.some((id) => id.startsWith('AnalyticsSyncDistributedMap'))).toBe(false);
    expect(depends.some((id) => id.startsWith('AnalyticsSyncRoleDefaultPolicy'))).toBe(true);
  });
});

describe('grants of the schedules', () => {
  it('start the machine and give failed starts to the queue, nothing else', () => {
    const roles = [...resourcesOf(pipeline, 'AWS::IAM::Role').keys()].filter((id) => /^Scheduler/.test(id));
    const grants = roles.flatMap((id) => grantsOf(pipeline, id.replace(/[0-9A-F]{8}$/, '')));
    expect(grants).toEqual([
      'sqs:SendMessage <ScheduleDeadLetters.Arn>',
      'states:StartExecution <AnalyticsSync>',
    ]);
  });
});
