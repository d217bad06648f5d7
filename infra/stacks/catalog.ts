import { fileURLToPath } from 'node:url';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnNamedQuery } from 'aws-cdk-lib/aws-athena';
import { CfnDatabase } from 'aws-cdk-lib/aws-glue';
import type { Construct } from 'constructs';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import type { Configuration } from '../config.ts';
import { AccountDataCatalog } from '../constructs/account-data-catalog.ts';
import type { TablePlace } from '../constructs/glue-table.ts';
import { PrefixTable } from '../constructs/prefix-table.ts';
import { QueryWorkgroup } from '../constructs/query-workgroup.ts';
import { CuratedTable } from '../constructs/report-table.ts';
import { type QueryFile, readQueryFiles, tablesOf } from '../query-files.ts';
import {
  ACCOUNT_DATA_DATABASE_NAME,
  ACCOUNT_DATA_TABLES,
  configuredTables,
  DATABASE_NAME,
  LINES_TABLES,
} from '../tables.ts';
import type { LakeStack } from './lake.ts';

/** Names of the workgroups, which are also the prefixes of their results. */
export const WORKGROUP_NAMES = {
  people: 'apple-analytics-people',
  automation: 'apple-analytics-automation',
} as const;

const QUERIES = fileURLToPath(new URL('../../queries', import.meta.url));

const KNOWN_TABLES = [...REPORT_TABLES, ...LINES_TABLES, ...ACCOUNT_DATA_TABLES].map(({ name }) => name);

export interface CatalogStackProps extends StackProps {
  readonly configuration: Configuration;
  readonly lake: LakeStack;
  /** Workgroups go with everything in them; tests only. */
  readonly disposable: boolean;
  /** Folder of the saved queries. Default `queries/`. */
  readonly queries?: string;
}

/** Where the queries over some tables are saved. */
interface QueryPlace {
  readonly database: string;
  readonly workgroup: QueryWorkgroup;
}

/** What queries see: the Glue databases with their tables, Athena's workgroups, the saved queries. */
export class CatalogStack extends Stack {
  readonly database: CfnDatabase;

  constructor(scope: Construct, id: string, props: CatalogStackProps) {
    // A table's text repeats in every table: without indentation all of Apple's reports fit into one template.
    super(scope, id, { ...props, suppressTemplateIndentation: true });
    const { configuration, lake, disposable } = props;
    this.database = new CfnDatabase(this, 'Database', {
      catalogId: this.account,
      databaseInput: {
        name: DATABASE_NAME,
        description: 'App Store Connect analytics reports, one table per report and granularity.',
      },
    });
    const tables = this.#createTables(configuration, lake.analytics.bucket.bucketName);
    const { results } = lake;
    const { queryLimits } = configuration;
    const people = new QueryWorkgroup(this, 'People', {
      name: WORKGROUP_NAMES.people,
      description: 'Queries of people.',
      limitGigabytes: queryLimits.people,
      results,
      resultsKey: results.key,
      disposable,
    });
    new QueryWorkgroup(this, 'Automation', {
      name: WORKGROUP_NAMES.automation,
      description: 'Queries of dashboards and jobs.',
      limitGigabytes: queryLimits.automation,
      results,
      resultsKey: results.key,
      disposable,
    });
    const analytics: QueryPlace = { database: DATABASE_NAME, workgroup: people };
    this.#saveQueries(
      readQueryFiles(props.queries ?? QUERIES),
      new Map([...tables.map((name) => [name, analytics] as const), ...this.#createAccountData(props)]),
    );
    new CfnOutput(this, 'DatabaseName', { value: DATABASE_NAME });
    new CfnOutput(this, 'PeopleWorkgroup', { value: WORKGROUP_NAMES.people });
    new CfnOutput(this, 'AutomationWorkgroup', { value: WORKGROUP_NAMES.automation });
  }

  /** Returns the names of the tables that queries may read. */
  #createTables(configuration: Configuration, bucket: string): string[] {
    const place: TablePlace = { database: DATABASE_NAME, bucket };
    const tables = configuredTables(configuration);
    for (const table of [
      ...tables.map((table) => new CuratedTable(this, table.name, place, table)),
      ...LINES_TABLES.map((table) => new PrefixTable(this, table.name, place, table)),
    ]) {
      table.node.addDependency(this.database);
    }
    return [...tables, ...LINES_TABLES].map(({ name }) => name);
  }

  /** Returns where the queries of each table are saved; none where no account data is transferred. */
  #createAccountData({ configuration, lake, disposable }: CatalogStackProps): [string, QueryPlace][] {
    if (configuration.accountData === undefined) return [];
    const { workgroup } = new AccountDataCatalog(this, 'AccountData', {
      personal: lake.personal,
      results: lake.results,
      limitGigabytes: configuration.queryLimits.accountData,
      disposable,
    });
    const place: QueryPlace = { database: ACCOUNT_DATA_DATABASE_NAME, workgroup };
    return ACCOUNT_DATA_TABLES.map(({ name }) => [name, place]);
  }

  /**
   * A query stays out when it reads a table that this deployment lacks. Throws an Error that names the query when it
   * reads tables of several databases: no workgroup may read them together.
   */
  #saveQueries(queries: readonly QueryFile[], places: ReadonlyMap<string, QueryPlace>): void {
    for (const query of queries) {
      const found = tablesOf(query, KNOWN_TABLES).map((table) => places.get(table));
      const [place] = found;
      if (place === undefined || found.includes(undefined)) continue;
      if (found.some((other) => other !== place)) {
        throw new Error(
          `queries/${query.name}.sql reads tables of several databases: make it several queries`,
        );
      }
      const saved = new CfnNamedQuery(this, `query-${query.name}`, {
        name: query.name,
        description: query.question,
        database: place.database,
        workGroup: place.workgroup.name,
        queryString: query.text,
      });
      saved.node.addDependency(place.workgroup);
    }
  }
}
