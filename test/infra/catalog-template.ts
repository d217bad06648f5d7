import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { z } from 'zod';
import { CONTEXT_KEY, readConfiguration } from '../../infra/config.ts';
import { CatalogStack } from '../../infra/stacks/catalog.ts';
import { LakeStack } from '../../infra/stacks/lake.ts';
import { contextWith, resourcesOf, temporaryDirectory } from './synthesized.ts';

const assemblies = temporaryDirectory();

const columnShape = z.strictObject({ Name: z.string(), Type: z.string(), Comment: z.string() });
const tableShape = z.object({
  DatabaseName: z.enum(['apple_analytics', 'apple_account_data']),
  TableInput: z.strictObject({
    Name: z.string(),
    Description: z.string(),
    TableType: z.literal('EXTERNAL_TABLE'),
    Parameters: z.record(z.string(), z.unknown()),
    PartitionKeys: z.array(columnShape),
    StorageDescriptor: z.strictObject({
      Columns: z.array(columnShape),
      Location: z.unknown(),
      InputFormat: z.string(),
      OutputFormat: z.string(),
      SerdeInfo: z.strictObject({
        SerializationLibrary: z.string(),
        Parameters: z.record(z.string(), z.string()),
      }),
    }),
  }),
});
type Database = z.infer<typeof tableShape>['DatabaseName'];
export type GlueTable = z.infer<typeof tableShape>['TableInput'];

/** The Glue tables of one database of a template by name. */
export function tablesOf(template: Template, database: Database = 'apple_analytics'): Map<string, GlueTable> {
  const tables = [...resourcesOf(template, 'AWS::Glue::Table').values()]
    .map(({ Properties }) => tableShape.parse(Properties))
    .filter(({ DatabaseName }) => DatabaseName === database)
    .map(({ TableInput }) => TableInput);
  return new Map(tables.map((table) => [table.Name, table]));
}

const templates = new Map<string, Template>();

/** The catalog's template alone, synthesized once: the pipeline's functions would cost ten times as much. */
export function catalogTemplate(changes: Readonly<Record<string, unknown>>, queries?: string): Template {
  const name = JSON.stringify([changes, queries]);
  const known = templates.get(name);
  if (known !== undefined) return known;
  const app = new App({ context: contextWith(changes), outdir: mkdtempSync(join(assemblies, 'cdk-')) });
  const configuration = readConfiguration(app.node.tryGetContext(CONTEXT_KEY));
  const disposable = app.node.tryGetContext('disposable') === true;
  const lake = new LakeStack(app, 'AppleDataPipelineLake', { configuration, disposable });
  const folder = queries === undefined ? {} : { queries };
  const catalog = new CatalogStack(app, 'AppleDataPipelineCatalog', {
    configuration,
    lake,
    disposable,
    ...folder,
  });
  const template = Template.fromStack(catalog);
  templates.set(name, template);
  return template;
}

/** Context of a configuration with one account. */
export function accountWith(
  fields: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
) {
  return { appleDataPipeline: { accounts: [{ name: 'main', ...fields }], ...more } };
}
