import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ACCOUNT_DATA_FUNCTIONS,
  ACCOUNT_DATA_TRANSFER_FUNCTIONS,
  type AccountDataFunctionDefinition,
} from '../../infra/account-data-functions.ts';
import { DATA_SHARING_PLACEHOLDER } from '../../infra/stacks/lake.ts';
import { DEFAULT_UNPACK_LIMITS, readUnpackLimits } from '../../lambdas/lib/account-data/unpack-limits.ts';
import { PERSONAL_KINDS } from '../../lambdas/lib/lake/personal-keys.ts';
import {
  buildApp,
  grantsOf,
  PROJECT_DIRECTORY,
  type Resource,
  readable,
  resourcesOf,
  synthesizeAccountData,
  synthesizeTemplates,
  WITH_ACCOUNT_DATA,
} from './synthesized.ts';

const FILE = `${PROJECT_DIRECTORY}statemachines/account-data-transfer.asl.json`;
const accountData = synthesizeAccountData();
const definitions = Object.entries<AccountDataFunctionDefinition>({
  ...ACCOUNT_DATA_TRANSFER_FUNCTIONS,
  ...ACCOUNT_DATA_FUNCTIONS,
});

function functionResource(id: string, template = accountData): Resource {
  const functions = [...resourcesOf(template, 'AWS::Lambda::Function')];
  const found = functions.find(([logicalId]) => logicalId.startsWith(id))?.[1];
  if (found === undefined) throw new Error(`no function ${id}`);
  return found;
}

function variablesOf(id: string, template = accountData): Record<string, string> {
  const { Variables } = z
    .looseObject({ Variables: z.record(z.string(), z.unknown()) })
    .parse(functionResource(id, template).Properties.Environment);
  return Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, readable(value)]));
}

const OF_EVERY_FUNCTION = {
  NODE_OPTIONS: '--enable-source-maps --max-semi-space-size=4',
  PERSONAL_BUCKET: '<lake Personal>',
  POWERTOOLS_SERVICE_NAME: 'apple-data-pipeline',
  POWERTOOLS_METRICS_NAMESPACE: 'AppleDataPipeline',
  POWERTOOLS_LOG_LEVEL: 'INFO',
};

const OF_CALLERS = {
  GRANTS_KEY_ARN: '<lake GrantsKey.Arn>',
  DATA_SHARING_SECRET_ARN: '<lake DataSharingKey>',
  ACCOUNT_DATA_TRANSFER_BASE_URL: 'https://accountdatatransfer.apple.com',
  APP_DATA_TRANSFER_BASE_URL: 'https://appdatatransfer.apple.com',
  OAUTH_BASE_URL: 'https://appleid.apple.com',
  TRUSTED_ORIGINS: '[]',
  ASSET_HOSTS: '[]',
  RENEW_SERIES: 'false',
};

describe('a configuration without account data', () => {
  it('has none of its resources, and the secret and outputs of none', () => {
    const { stacks } = buildApp();
    expect(stacks).not.toHaveProperty('accountData');
    const { lake, pipeline } = synthesizeTemplates();
    expect(JSON.stringify(lake.toJSON()).includes('DataSharing')).toBe(false);
    expect(Object.keys(lake.findOutputs('*'))).not.toContain('GrantsKeyArn');
    expect(JSON.stringify(pipeline.findOutputs('*')).includes('MonitoringTopic')).toBe(true);
  });

  it('keeps every resource of the other stacks as it is, but for what account data adds to the lake', () => {
    const without = synthesizeTemplates();
    const withAccountData = synthesizeTemplates(WITH_ACCOUNT_DATA);
    const added = [...resourcesOf(withAccountData.lake).keys()].filter(
      (id) => !resourcesOf(without.lake).has(id),
    );
    expect(added.map((id) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual(['DataSharingKey']);
    expect(resourcesOf(withAccountData.pipeline)).toEqual(resourcesOf(without.pipeline));
  });
});

describe('the functions of account data', () => {
  it.each(definitions)(
    '%s has the limits that it should, and the environment that its handler reads',
    (id, wanted) => {
      expect(functionResource(id).Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Timeout: wanted.timeoutSeconds,
        MemorySize: wanted.memoryMegabytes,
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogGroup: { Ref: expect.stringMatching(new RegExp(`^${id}Logs`)) } },
      });
      expect(variablesOf(id)).toEqual({
        ...OF_EVERY_FUNCTION,
        ...(wanted.callsApple ? OF_CALLERS : {}),
        ...(id === 'CancelRequest' ? { MACHINE_ARN: '<AccountDataTransfer>' } : {}),
        ...(id === 'UnpackArchives' ? { UNPACK_LIMITS: JSON.stringify(DEFAULT_UNPACK_LIMITS) } : {}),
        ...(id === 'DeleteSupersededInstances' ? { KEEP_SUPERSEDED: '2' } : {}),
      });
    },
  );

  it('take what is configured', () => {
    const origin = 'http://127.0.0.1:4711';
    const configured = synthesizeAccountData({
      appleDataPipeline: {
        accounts: [{ name: 'main' }],
        trustedOrigins: [origin],
        accountData: {
          accountDataTransferBaseUrl: origin,
          oauthBaseUrl: origin,
          assetHosts: ['.cdn-apple.com'],
          keepSuperseded: 5,
          renewSeries: true,
          limits: { entries: 10 },
        },
      },
    });
    expect(variablesOf('FetchArchives', configured)).toMatchObject({
      ACCOUNT_DATA_TRANSFER_BASE_URL: origin,
      OAUTH_BASE_URL: origin,
      APP_DATA_TRANSFER_BASE_URL: 'https://appdatatransfer.apple.com',
      TRUSTED_ORIGINS: JSON.stringify([origin]),
      ASSET_HOSTS: '[".cdn-apple.com"]',
      RENEW_SERIES: 'true',
    });
    expect(variablesOf('DeleteSupersededInstances', configured).KEEP_SUPERSEDED).toBe('5');
    expect(readUnpackLimits(variablesOf('UnpackArchives', configured).UNPACK_LIMITS ?? '')).toEqual({
      ...DEFAULT_UNPACK_LIMITS,
      entries: 10,
    });
  });

  it('delete every kind of personal object and nothing else', () => {
    const { access } = ACCOUNT_DATA_FUNCTIONS.DeleteSupersededInstances;
    expect([...access.delete].sort()).toEqual(PERSONAL_KINDS.map((kind) => `${kind}/*`).sort());
  });
});

describe('limits of unpacking in the environment', () => {
  it.each(['', 'none', '{"entries":0}', '{"bytes":1}'])('are refused as %j', (text) => {
    expect(() => readUnpackLimits(text)).toThrow(expect.objectContaining({ name: 'EnvironmentError' }));
  });
});

describe('the template of account data', () => {
  it('stays under 900 kB and 450 resources', () => {
    expect(JSON.stringify(accountData.toJSON(), undefined, 1).length).toBeLessThan(900_000);
    expect(resourcesOf(accountData).size).toBeLessThan(450);
  });
});

describe('the machine of account data', () => {
  it('stands in the template as the text of its file, traced, and logs everything but data', () => {
    const [machine] = [...resourcesOf(accountData, 'AWS::StepFunctions::StateMachine').values()];
    expect(machine?.Properties.DefinitionString).toBe(readFileSync(FILE, 'utf8'));
    expect(machine?.Properties).toMatchObject({
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
    });
  });
});

describe('the deletion of superseded instances', () => {
  const [schedule] = [...resourcesOf(accountData, 'AWS::Scheduler::Schedule').values()];

  it('is invoked once a day, and what could not be started goes to the queue of all schedules', () => {
    const { ScheduleExpression, Target } = z
      .looseObject({ ScheduleExpression: z.string(), Target: z.record(z.string(), z.unknown()) })
      .parse(schedule?.Properties);
    expect(ScheduleExpression).toBe('rate(1 day)');
    expect(readable(Target.Arn)).toBe('<DeleteSupersededInstances.Arn>');
    expect(readable(z.looseObject({ Arn: z.unknown() }).parse(Target.DeadLetterConfig).Arn)).toBe(
      '<pipeline ScheduleDeadLetters.Arn>',
    );
  });

  it('is started by a role that may do nothing else', () => {
    expect(grantsOf(accountData, 'DeletionScheduleRole')).toEqual([
      'lambda:InvokeFunction <DeleteSupersededInstances.Arn>',
      'lambda:InvokeFunction <DeleteSupersededInstances.Arn>:*',
      'sqs:SendMessage <pipeline ScheduleDeadLetters.Arn>',
    ]);
  });
});

describe('the lake with account data', () => {
  const { lake } = synthesizeTemplates(WITH_ACCOUNT_DATA);
  const secret = [...resourcesOf(lake, 'AWS::SecretsManager::Secret')].find(([id]) =>
    id.startsWith('DataSharingKey'),
  )?.[1];

  it('keeps the data sharing key in a retained secret, whose placeholder never changes', () => {
    expect(DATA_SHARING_PLACEHOLDER).toBe('{"privateKey":"","keyId":"","teamId":"","clientId":""}');
    expect(secret).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: { SecretString: DATA_SHARING_PLACEHOLDER },
    });
  });

  it('tells how to put the key in, and which key encrypts grants', () => {
    const outputs = JSON.stringify(lake.findOutputs('*'));
    expect(outputs).toContain('key.json holds {privateKey, keyId, teamId, clientId}');
    expect(outputs.match(/put-secret-value/g)).toHaveLength(3);
    expect(readable(lake.findOutputs('GrantsKeyArn').GrantsKeyArn?.Value)).toBe('<GrantsKey.Arn>');
  });

  it('lets only what unpacking keeps for itself, and consents, expire in the personal bucket', () => {
    const [, personal] = [...resourcesOf(lake, 'AWS::S3::Bucket').entries()].find(([id]) =>
      id.startsWith('Personal'),
    ) ?? [undefined, undefined];
    const rules = z
      .looseObject({ Rules: z.array(z.record(z.string(), z.unknown())) })
      .parse(personal?.Properties.LifecycleConfiguration).Rules;
    const expiring = rules.filter((rule) => 'ExpirationInDays' in rule);
    expect(expiring.map(({ Prefix, ExpirationInDays }) => [Prefix, ExpirationInDays])).toEqual([
      ['consents/', 1],
      ['unpacking/', 7],
    ]);
  });
});
