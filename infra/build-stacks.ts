import { type App, Tags } from 'aws-cdk-lib';
import type { Configuration } from './config.ts';
import { addNagChecks } from './nag.ts';
import { AccountDataStack } from './stacks/account-data.ts';
import { CatalogStack } from './stacks/catalog.ts';
import { LakeStack } from './stacks/lake.ts';
import { PipelineStack } from './stacks/pipeline.ts';
import { RawTablesStack } from './stacks/raw-tables.ts';
import { configuredTables, DATABASE_NAME, reportsOf } from './tables.ts';

/** What an application is made of, for whoever looks into its templates. */
export interface Stacks {
  readonly lake: LakeStack;
  readonly pipeline: PipelineStack;
  readonly catalog: CatalogStack;
  /** Only where the configuration asks for raw tables. */
  readonly rawTables?: RawTablesStack;
  /** Only where account data is configured. */
  readonly accountData?: AccountDataStack;
}

/**
 * Builds the stacks of one deployment, tagged and checked. The context flag `disposable` (tests only)
 * lifts retention and termination protection.
 */
export function buildStacks(app: App, configuration: Configuration): Stacks {
  const flag: unknown = app.node.tryGetContext('disposable');
  const disposable = flag === true || flag === 'true';
  const environment = configuration.region === undefined ? {} : { env: { region: configuration.region } };
  const lake = new LakeStack(app, 'AppleDataPipelineLake', { ...environment, configuration, disposable });
  const pipeline = new PipelineStack(app, 'AppleDataPipelinePipeline', {
    ...environment,
    configuration,
    lake,
    disposable,
  });
  const catalog = new CatalogStack(app, 'AppleDataPipelineCatalog', {
    ...environment,
    configuration,
    lake,
    disposable,
  });
  const rawTables = configuration.rawTables
    ? new RawTablesStack(app, 'AppleDataPipelineRawTables', {
        ...environment,
        database: DATABASE_NAME,
        reports: reportsOf(configuredTables(configuration)),
        lake,
      })
    : undefined;
  rawTables?.addStackDependency(catalog, 'It creates the database.');
  const accountData =
    configuration.accountData === undefined
      ? undefined
      : new AccountDataStack(app, 'AppleDataPipelineAccountData', {
          ...environment,
          configuration,
          accountData: configuration.accountData,
          lake,
          pipeline,
        });
  for (const [key, value] of Object.entries({ service: 'apple-data-pipeline', ...configuration.tags })) {
    Tags.of(app).add(key, value);
  }
  addNagChecks(app);
  return {
    lake,
    pipeline,
    catalog,
    ...(rawTables === undefined ? {} : { rawTables }),
    ...(accountData === undefined ? {} : { accountData }),
  };
}
