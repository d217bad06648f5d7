import { fileURLToPath } from 'node:url';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnNamedQuery } from 'aws-cdk-lib/aws-athena';
import { CfnDatabase } from 'aws-cdk-lib/aws-glue';
import type { Construct } from 'constructs';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import type { Configuration } from '../config.ts';
import type { TablePlace } from '../constructs/glue-table.ts';
import { LinesTable } from '../constructs/lines-table.ts';
import { QueryWorkgroup } from '../constructs/query-workgroup.ts';
import { CuratedTable } from '../constructs/report-table.ts';
import { type QueryFile, readQueryFiles, tablesOf } from '../query-files.ts';
import { configuredTables, DATABASE_NAME, LINES_TABLES } from '../tables.ts';
import type { LakeStack } from './lake.ts';

/** Names of the workgroups, which are also the prefixes of their results. */
export const WORKGROUP_NAMES = {
  people: 'apple-analytics-people',
  automation: 'apple-analytics-automation',
} as const;

const QUERIES = fileURLToPath(new URL('../../queries', import.meta.url));

export interface CatalogStackProps extends StackProps {
  readonly configuration: Configuration;
  readonly lake: LakeStack;
  /** Workgroups go with everything in them; tests only. */
  readonly disposable: boolean;
  /** Folder of the saved queries. Default `queries/`. */
  readonly queries?: string;
}

/** What queries see: the Glue database with its tables, Athena's workgroups, the saved queries. */
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
      disposable,
    });
    new QueryWorkgroup(this, 'Automation', {
      name: WORKGROUP_NAMES.automation,
      description: 'Queries of dashboards and jobs.',
      limitGigabytes: queryLimits.automation,
      results,
      disposable,
    });
    this.#saveQueries(readQueryFiles(props.queries ?? QUERIES), tables, people);
    new CfnOutput(this, 'DatabaseName', { value: DATABASE_NAME });
    new CfnOutput(this, 'PeopleWorkgroup', { value: WORKGROUP_NAMES.people });
    new CfnOutput(this, 'AutomationWorkgroup', { value: WORKGROUP_NAMES.automation });
  }

  /** Returns the names of the tables that queries may read. */
  #createTables(configuration: Configuration, bucket: string): ReadonlySet<string> {
    const place: TablePlace = { database: DATABASE_NAME, bucket };
    const tables = configuredTables(configuration);
    for (const table of [
      ...tables.map((table) => new CuratedTable(this, table.name, place, table)),
      ...LINES_TABLES.map((table) => new LinesTable(this, table.name, { ...place, ...table })),
    ]) {
      table.node.addDependency(this.database);
    }
    return new Set([...tables, ...LINES_TABLES].map(({ name }) => name));
  }

  /** A query stays out when it reads a table that no account asks for. */
  #saveQueries(
    queries: readonly QueryFile[],
    configured: ReadonlySet<string>,
    workgroup: QueryWorkgroup,
  ): void {
    const known = [...REPORT_TABLES, ...LINES_TABLES].map(({ name }) => name);
    for (const query of queries) {
      if (!tablesOf(query, known).every((table) => configured.has(table))) continue;
      const saved = new CfnNamedQuery(this, `query-${query.name}`, {
        name: query.name,
        description: query.question,
        database: DATABASE_NAME,
        workGroup: WORKGROUP_NAMES.people,
        queryString: query.text,
      });
      saved.node.addDependency(workgroup);
    }
  }
}
