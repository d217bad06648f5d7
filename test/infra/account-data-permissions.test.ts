import { Policy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it, vi } from 'vitest';
import { PERSONAL_KINDS } from '../../lambdas/lib/lake/personal-keys.ts';
import { loadAssembly } from '../../local/assembly/load.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import { decide } from '../../local/iam/evaluate.ts';
import { loadPolicies } from '../../local/iam/load-policies.ts';
import { buildApp, grantsOf, resourcesOf, synthesizeAccountData, WITH_ACCOUNT_DATA } from './synthesized.ts';

// The templates are asked for their permissions here, not judged.
vi.stubEnv('CDK_VALIDATION', 'false');

const template = synthesizeAccountData();

/** What every function has beside its own purpose. */
const COMMON = [
  /^logs:(CreateLogStream|PutLogEvents) <\w+Logs\.Arn>$/,
  /^xray:(PutTelemetryRecords|PutTraceSegments) \*$/,
];

function purposeOf(functionId: string): string[] {
  return grantsOf(template, `${functionId}Role`).filter((grant) => !COMMON.some((rule) => rule.test(grant)));
}

const CALLER = [
  'kms:Decrypt <lake GrantsKey.Arn>',
  'kms:Decrypt <lake PersonalKey.Arn>',
  'kms:GenerateDataKey <lake GrantsKey.Arn>',
  'kms:GenerateDataKey <lake PersonalKey.Arn>',
  's3:GetObject <lake Personal.Arn>/control/*',
  's3:GetObject <lake Personal.Arn>/grants/*',
  's3:GetObject <lake Personal.Arn>/tombstones/*',
  's3:ListBucket <lake Personal.Arn>',
  's3:PutObject <lake Personal.Arn>/control/*',
  's3:PutObject <lake Personal.Arn>/grants/*',
  'secretsmanager:GetSecretValue <lake DataSharingKey>',
];

const EXECUTIONS =
  'arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<AccountDataTransfer.Name>:*';

describe('grants of the functions of account data', () => {
  const expected: Record<string, string[]> = {
    SubmitRequest: CALLER,
    CheckStatus: CALLER,
    FetchArchives: [
      ...CALLER,
      's3:AbortMultipartUpload <lake Personal.Arn>/archives/*',
      's3:GetObject <lake Personal.Arn>/archives/*',
      's3:GetObject <lake Personal.Arn>/transfers/*',
      's3:PutObject <lake Personal.Arn>/archives/*',
      's3:PutObject <lake Personal.Arn>/transfers/*',
    ],
    UnpackArchives: [
      'kms:Decrypt <lake PersonalKey.Arn>',
      'kms:GenerateDataKey <lake PersonalKey.Arn>',
      's3:AbortMultipartUpload <lake Personal.Arn>/files/*',
      's3:AbortMultipartUpload <lake Personal.Arn>/members/*',
      's3:AbortMultipartUpload <lake Personal.Arn>/records/*',
      's3:GetObject <lake Personal.Arn>/archives/*',
      's3:GetObject <lake Personal.Arn>/manifests/*',
      's3:GetObject <lake Personal.Arn>/tombstones/*',
      's3:GetObject <lake Personal.Arn>/transfers/*',
      's3:GetObject <lake Personal.Arn>/unpacking/*',
      's3:ListBucket <lake Personal.Arn>',
      's3:PutObject <lake Personal.Arn>/files/*',
      's3:PutObject <lake Personal.Arn>/manifests/*',
      's3:PutObject <lake Personal.Arn>/members/*',
      's3:PutObject <lake Personal.Arn>/records/*',
      's3:PutObject <lake Personal.Arn>/unpacking/*',
    ],
    CancelRequest: [
      ...CALLER.filter((grant) => !/PersonalKey|control|tombstones/.test(grant)),
      `states:DescribeExecution ${EXECUTIONS}`,
      'states:StartExecution <AccountDataTransfer>',
      `states:StopExecution ${EXECUTIONS}`,
    ],
    DeleteSupersededInstances: [
      'kms:Decrypt <lake PersonalKey.Arn>',
      ...PERSONAL_KINDS.map((kind) => `s3:DeleteObject <lake Personal.Arn>/${kind}/*`),
      's3:GetObject <lake Personal.Arn>/manifests/*',
      's3:GetObject <lake Personal.Arn>/transfers/*',
      's3:ListBucket <lake Personal.Arn>',
    ],
  };

  it.each(Object.entries(expected))('%s may do exactly this', (functionId, grants) => {
    expect(purposeOf(functionId)).toEqual(grants.toSorted());
  });

  it('names every function of the stack, each with a role of its own', () => {
    const functions = resourcesOf(template, 'AWS::Lambda::Function');
    expect([...functions.keys()].map((id) => id.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual(
      Object.keys(expected).sort(),
    );
    const roles = new Set([...functions.values()].map(({ Properties }) => JSON.stringify(Properties.Role)));
    expect(roles.size).toBe(functions.size);
  });
});

describe('grants of the machine of account data', () => {
  const isLoggingOrTracing = (grant: string) => /^(logs|xray):\w+ \*$/.test(grant);

  it('are the start of its four functions and of itself', () => {
    const granted = grantsOf(template, 'AccountDataTransferRole').filter(
      (grant) => !isLoggingOrTracing(grant),
    );
    expect(granted).toEqual([
      'lambda:InvokeFunction <CheckStatus.Arn>',
      'lambda:InvokeFunction <FetchArchives.Arn>',
      'lambda:InvokeFunction <SubmitRequest.Arn>',
      'lambda:InvokeFunction <UnpackArchives.Arn>',
      'states:StartExecution <AccountDataTransfer>',
    ]);
  });

  it('put the start of itself into a policy that the machine does not depend on', () => {
    const [machine] = [...resourcesOf(template, 'AWS::StepFunctions::StateMachine').values()];
    expect(JSON.stringify(machine?.DependsOn)).toContain('AccountDataTransferRoleDefaultPolicy');
    expect(JSON.stringify(machine?.DependsOn)).not.toContain('StartNextInstance');
  });
});

const TRANSFER_FUNCTIONS = ['submit-request', 'check-status', 'fetch-archives', 'cancel-request'];
const OBJECT_ACTIONS = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'];
const KEY_ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey'];
/** Beginnings of all keys of the personal bucket. */
const PERSONAL_PREFIXES = [...PERSONAL_KINDS, 'grants', 'tombstones', 'control', 'subjects', 'consents'];
/** Beginnings of all keys of the analytics bucket. */
const ANALYTICS_PREFIXES = [
  'raw',
  'ledger',
  'curated',
  'deliveries',
  'freshness',
  'runs',
  'leases',
  'requests',
];

/** Something that a role must not be able to do. */
interface Prohibition {
  readonly roleArn: string;
  readonly action: string;
  readonly resource: string;
}

/** The function, machine or schedule of a name. */
function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the assembly has no ${name}`);
  return found;
}

function prohibitions(
  roleArns: readonly string[],
  actions: readonly string[],
  resources: readonly string[],
): Prohibition[] {
  return roleArns.flatMap((roleArn) =>
    actions.flatMap((action) => resources.map((resource) => ({ roleArn, action, resource }))),
  );
}

/** Every sentence about what must stay apart, as calls that must be refused. */
function allProhibitions(assembly: Assembly): Record<string, Prohibition[]> {
  const { functions, machines, schedules, secrets } = assembly;
  const personal = named(assembly.buckets, 'personal');
  const analytics = named(assembly.buckets, 'analytics');
  const transfer = TRANSFER_FUNCTIONS.map((name) => named(functions, name));
  const unpack = named(functions, 'unpack-archives');
  const deletion = named(functions, 'delete-superseded-instances');
  const machine = named(machines, 'account-data-transfer');
  const grantsKey = transfer[0]?.environment.GRANTS_KEY_ARN ?? '';
  const ofAccountData = [...transfer, unpack, deletion, machine].map(({ roleArn }) => roleArn);
  const ofAnalytics = [...functions, ...machines, ...schedules]
    .map(({ roleArn }) => roleArn)
    .filter((roleArn) => roleArn.includes('AppleDataPipelinePipeline'));
  const inPersonal = (prefixes: readonly string[]) =>
    prefixes.map((prefix) => `${personal.arn}/${prefix}/1/2`);
  const transferRoles = transfer.map(({ roleArn }) => roleArn);
  const isDataSharing = ({ logicalId }: { logicalId: string }) => logicalId.startsWith('DataSharingKey');
  const analyticsSecrets = secrets.filter((secret) => !isDataSharing(secret)).map(({ arn }) => arn);
  return {
    'the transfer cannot delete': prohibitions(
      transferRoles,
      ['s3:DeleteObject'],
      inPersonal(PERSONAL_PREFIXES),
    ),
    'the transfer cannot read what was unpacked': prohibitions(
      transferRoles,
      ['s3:GetObject'],
      inPersonal(['records', 'files', 'members', 'manifests', 'unpacking']),
    ),
    'unpacking reads no secret': prohibitions(
      [unpack.roleArn],
      ['secretsmanager:GetSecretValue'],
      secrets.map(({ arn }) => arn),
    ),
    'unpacking touches no grant': [
      ...prohibitions([unpack.roleArn], OBJECT_ACTIONS, inPersonal(['grants', 'control', 'subjects'])),
      ...prohibitions([unpack.roleArn], KEY_ACTIONS, [grantsKey]),
    ],
    'the deletion spares grants and tombstones and reads no content': [
      ...prohibitions([deletion.roleArn], OBJECT_ACTIONS, inPersonal(['grants', 'tombstones', 'control'])),
      ...prohibitions(
        [deletion.roleArn],
        ['s3:GetObject'],
        inPersonal(['archives', 'records', 'files', 'members']),
      ),
      ...prohibitions([deletion.roleArn], KEY_ACTIONS, [grantsKey]),
    ],
    'nothing of account data touches the analytics bucket, its key or its secrets': [
      ...prohibitions(
        ofAccountData,
        [...OBJECT_ACTIONS],
        ANALYTICS_PREFIXES.map((prefix) => `${analytics.arn}/${prefix}/1`),
      ),
      ...prohibitions(ofAccountData, ['s3:ListBucket'], [analytics.arn]),
      ...prohibitions(ofAccountData, KEY_ACTIONS, [analytics.kmsKeyArn ?? '']),
      ...prohibitions(ofAccountData, ['secretsmanager:GetSecretValue'], analyticsSecrets),
    ],
    'nothing of analytics touches the personal bucket, its keys or its secret': [
      ...prohibitions(ofAnalytics, OBJECT_ACTIONS, inPersonal(PERSONAL_PREFIXES)),
      ...prohibitions(ofAnalytics, ['s3:ListBucket'], [personal.arn]),
      ...prohibitions(ofAnalytics, KEY_ACTIONS, [personal.kmsKeyArn ?? '', grantsKey]),
      ...prohibitions(
        ofAnalytics,
        ['secretsmanager:GetSecretValue'],
        secrets.filter(isDataSharing).map(({ arn }) => arn),
      ),
    ],
  };
}

/** The sentences that do not hold, each with the first call that should have been refused. */
function breaches(assembly: Assembly): string[] {
  const policies = loadPolicies(assembly);
  const isAllowed = (prohibition: Prohibition) =>
    decide(policies, { ...prohibition, conditionKeys: { 'aws:SecureTransport': 'true' } }).allowed;
  return Object.entries(allProhibitions(assembly)).flatMap(([sentence, prohibited]) => {
    const breach = prohibited.find(isAllowed);
    return breach === undefined ? [] : [`${sentence}: ${breach.action} ${breach.resource}`];
  });
}

describe('what must stay apart', () => {
  const { app } = buildApp(WITH_ACCOUNT_DATA);
  const directory = app.synth().directory;

  it('stays apart, by the policies that are deployed', async () => {
    const assembly = await loadAssembly(directory);
    const all = Object.values(allProhibitions(assembly));
    expect(all.every((prohibited) => prohibited.length > 0)).toBe(true);
    expect(all.flat().every(({ resource }) => /^arn:aws:.+/.test(resource))).toBe(true);
    expect(breaches(assembly)).toEqual([]);
  });

  it('is told from what the roles may do', async () => {
    const assembly = await loadAssembly(directory);
    const policies = loadPolicies(assembly);
    const { arn, kmsKeyArn = '' } = named(assembly.buckets, 'personal');
    const allowed = (name: string, action: string, resource: string) =>
      decide(policies, { roleArn: named(assembly.functions, name).roleArn, action, resource }).allowed;
    expect(allowed('fetch-archives', 's3:PutObject', `${arn}/archives/grant=1/request=2/1.zip`)).toBe(true);
    expect(allowed('unpack-archives', 's3:GetObject', `${arn}/archives/grant=1/request=2/1.zip`)).toBe(true);
    expect(allowed('unpack-archives', 'kms:Decrypt', kmsKeyArn)).toBe(true);
    expect(allowed('delete-superseded-instances', 's3:DeleteObject', `${arn}/records/grant=1/x`)).toBe(true);
  });

  const planted: readonly (readonly [string, string, string, string, string])[] = [
    ['the transfer cannot delete', 'accountData', 'FetchArchives', 's3:DeleteObject', 'archives/1/2'],
    [
      'the transfer cannot read what was unpacked',
      'accountData',
      'CheckStatus',
      's3:GetObject',
      'records/1/2',
    ],
    ['unpacking touches no grant', 'accountData', 'UnpackArchives', 's3:GetObject', 'grants/1/2'],
    [
      'the deletion spares grants and tombstones and reads no content',
      'accountData',
      'DeleteSupersededInstances',
      's3:DeleteObject',
      'tombstones/1/2',
    ],
    [
      'nothing of analytics touches the personal bucket, its keys or its secret',
      'pipeline',
      'CurateInstances',
      's3:GetObject',
      'records/1/2',
    ],
  ];

  it('is found not to when the roles are given more', async () => {
    const { app: faulty, stacks: faultyStacks } = buildApp(WITH_ACCOUNT_DATA);
    const { lake, accountData, pipeline } = faultyStacks;
    if (accountData === undefined || lake.dataSharingKey === undefined) throw new Error('not configured');
    const allow = (stack: 'accountData' | 'pipeline', id: string, action: string, resource: string) => {
      const owner = { accountData, pipeline }[stack];
      const role = owner.node.findChild(id).node.findChild('Role') as Role;
      new Policy(owner, `Planted${id}${action.replace(/\W/g, '')}`, {
        roles: [role],
        statements: [new PolicyStatement({ actions: [action], resources: [resource] })],
      });
    };
    for (const [, stack, id, action, keys] of planted) {
      allow(stack as 'accountData', id, action, lake.personal.bucket.arnForObjects(keys));
    }
    const { secretArn } = lake.dataSharingKey;
    allow('accountData', 'UnpackArchives', 'secretsmanager:GetSecretValue', secretArn);
    allow('accountData', 'SubmitRequest', 's3:ListBucket', lake.analytics.bucket.bucketArn);

    const found = breaches(await loadAssembly(faulty.synth().directory));

    const sentences = Object.keys(allProhibitions(await loadAssembly(directory)));
    expect(found.map((breach) => breach.split(':')[0])).toEqual(sentences);
  });
});
