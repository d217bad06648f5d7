import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll } from 'vitest';
import { z } from 'zod';
import { buildStacks, type Stacks } from '../../infra/build-stacks.ts';
import { CONTEXT_KEY, readConfiguration } from '../../infra/config.ts';

export const PROJECT_DIRECTORY = fileURLToPath(new URL('../../', import.meta.url));

const cdkJson = z
  .looseObject({ context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(`${PROJECT_DIRECTORY}cdk.json`, 'utf8')));

/** The context of `cdk.json` with some keys replaced; functions are not bundled. */
export function contextWith(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { ...cdkJson.context, 'aws:cdk:bundling-stacks': [], ...changes };
}

/** A folder that is gone when the test file ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'apple-data-pipeline-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const assemblies = temporaryDirectory();

/** The app as `infra/app.ts` builds it, without being synthesized. */
export function buildApp(changes: Readonly<Record<string, unknown>> = {}): { app: App; stacks: Stacks } {
  const app = new App({ context: contextWith(changes), outdir: mkdtempSync(join(assemblies, 'cdk-')) });
  return { app, stacks: buildStacks(app, readConfiguration(app.node.tryGetContext(CONTEXT_KEY))) };
}

const resourceShape = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
});
export type Resource = z.infer<typeof resourceShape>;

/** The resources of a template by logical id, of one type or all. */
export function resourcesOf(template: Template, type?: string): Map<string, Resource> {
  const { Resources } = z
    .looseObject({ Resources: z.record(z.string(), resourceShape) })
    .parse(template.toJSON());
  return new Map(Object.entries(Resources).filter(([, found]) => type === undefined || found.Type === type));
}

export interface Templates {
  readonly lake: Template;
  readonly pipeline: Template;
  readonly catalog: Template;
  /** Only where account data is configured. */
  readonly accountData?: Template;
}

/** The configuration of `cdk.json` with account data, every default taken. */
export const WITH_ACCOUNT_DATA = {
  appleDataPipeline: { accounts: [{ name: 'main' }], accountData: {} },
} as const;

const synthesized = new Map<string, Templates>();

/** The templates of one configuration, synthesized once per test file. */
export function synthesizeTemplates(changes: Readonly<Record<string, unknown>> = {}): Templates {
  const key = JSON.stringify(changes);
  const known = synthesized.get(key);
  if (known !== undefined) return known;
  const { stacks } = buildApp(changes);
  const templates = {
    lake: Template.fromStack(stacks.lake),
    pipeline: Template.fromStack(stacks.pipeline),
    catalog: Template.fromStack(stacks.catalog),
    ...(stacks.accountData === undefined ? {} : { accountData: Template.fromStack(stacks.accountData) }),
  };
  synthesized.set(key, templates);
  return templates;
}

/** The template of account data; throws for a configuration without. */
export function synthesizeAccountData(
  changes: Readonly<Record<string, unknown>> = WITH_ACCOUNT_DATA,
): Template {
  const { accountData } = synthesizeTemplates(changes);
  if (accountData === undefined) throw new Error('account data is not configured');
  return accountData;
}

const OUTPUT_NAME = /^PublishOutput(?:FnGetAtt|Ref)(\w+?)[0-9A-F]{8}(Arn)?[0-9A-F]{8}$/;

function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '');
}

/** A template's value as text: `<Id.Attribute>`, `<Id>`, `<lake Id.Attribute>` of another stack; generated hashes are left out. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  const intrinsic = z
    .union([
      z.strictObject({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) }),
      z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) }),
      z.strictObject({
        'Fn::GetStackOutput': z.looseObject({ StackName: z.string(), OutputName: z.string() }),
      }),
      z.strictObject({ Ref: z.string() }),
    ])
    .parse(value);
  if ('Fn::Join' in intrinsic) {
    const [delimiter, parts] = intrinsic['Fn::Join'];
    return parts.map(readable).join(delimiter);
  }
  if ('Fn::GetAtt' in intrinsic) {
    const [id, attribute] = intrinsic['Fn::GetAtt'];
    return `<${withoutHash(id)}.${attribute}>`;
  }
  if ('Ref' in intrinsic) {
    return intrinsic.Ref.startsWith('AWS::') ? `<${intrinsic.Ref}>` : `<${withoutHash(intrinsic.Ref)}>`;
  }
  const { StackName, OutputName } = intrinsic['Fn::GetStackOutput'];
  const stack = StackName.replace('AppleDataPipeline', '').toLowerCase();
  const [, id, attribute] = OUTPUT_NAME.exec(OutputName) ?? [];
  return attribute === undefined ? `<${stack} ${id}>` : `<${stack} ${id}.${attribute}>`;
}

const statementShape = z.looseObject({
  Effect: z.string(),
  Action: z.union([z.string(), z.array(z.string())]),
  Resource: z.unknown(),
});

/** One granted action on one resource, as text. */
export type Grant = string;

/** All that a role is granted, one `action resource` each, sorted; every statement must be an Allow. */
export function grantsOf(template: Template, roleId: string): Grant[] {
  const grants: Grant[] = [];
  for (const policy of resourcesOf(template, 'AWS::IAM::Policy').values()) {
    const roles = z.array(z.unknown()).parse(policy.Properties.Roles).map(readable);
    if (!roles.includes(`<${roleId}>`)) continue;
    const document = z
      .looseObject({ Statement: z.array(statementShape) })
      .parse(policy.Properties.PolicyDocument);
    for (const statement of document.Statement) {
      if (statement.Effect !== 'Allow') throw new Error(`${roleId} has a statement that allows nothing`);
      const resources = Array.isArray(statement.Resource) ? statement.Resource : [statement.Resource];
      for (const action of [statement.Action].flat()) {
        grants.push(...resources.map((resource) => `${action} ${readable(resource)}`));
      }
    }
  }
  return grants.sort();
}
