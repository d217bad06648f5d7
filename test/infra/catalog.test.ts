import { statSync } from 'node:fs';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REPORT_CATEGORIES } from '../../lambdas/lib/analytics/report-catalog.ts';
import { ADDED_COLUMNS, REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { rawKey } from '../../lambdas/lib/lake/keys.ts';
import { accountWith, catalogTemplate, type GlueTable, tablesOf } from './catalog-template.ts';
import { buildApp, readable, resourcesOf } from './synthesized.ts';

function catalogOf(fields: Readonly<Record<string, unknown>>): Map<string, GlueTable> {
  return tablesOf(catalogTemplate(accountWith(fields)));
}

function namesIn(tables: ReadonlyMap<string, GlueTable>): string[] {
  return [...tables.keys()].filter((name) => name !== 'deliveries' && name !== 'freshness').sort();
}

function tableIn(tables: ReadonlyMap<string, GlueTable>, name: string): GlueTable {
  const found = tables.get(name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

function parametersOf(table: GlueTable): Record<string, string> {
  return Object.fromEntries(Object.entries(table.Parameters).map(([key, value]) => [key, readable(value)]));
}

describe('the curated tables', () => {
  it('are those of the reports and granularities that an account asks for', () => {
    expect(namesIn(catalogOf({ reports: ['App Crashes'], granularities: ['DAILY', 'MONTHLY'] }))).toEqual([
      'app_crashes_daily',
      'app_crashes_monthly',
    ]);
  });

  it('are those of all accounts together, each once', () => {
    const accounts = [
      { name: 'first', reports: ['App Crashes', 'App Opt In'], granularities: ['DAILY'] },
      { name: 'second', reports: ['App Crashes'], granularities: ['WEEKLY', 'DAILY'] },
    ];
    const catalog = catalogTemplate({ appleDataPipeline: { accounts } });
    expect(namesIn(tablesOf(catalog))).toEqual([
      'app_crashes_daily',
      'app_crashes_weekly',
      'app_opt_in_daily',
    ]);
  });

  it('lack a report that the catalog lacks: it lands raw only', () => {
    const reports = ['App Crashes', 'App Store Weather Standard'];
    const names = namesIn(
      catalogOf({ reports, reportsNotInCatalog: [reports[1]], granularities: ['DAILY'] }),
    );
    expect(names).toEqual(['app_crashes_daily']);
  });

  it('keep their logical ids, under which deployed tables stand', () => {
    const catalog = catalogTemplate(accountWith({ reports: ['App Crashes'], granularities: ['DAILY'] }));
    expect([...resourcesOf(catalog, 'AWS::Glue::Table').keys()]).toEqual([
      'appcrashesdaily7F35041E',
      'deliveriesDC04E1D2',
      'freshnessAF07C8AB',
    ]);
  });

  it('have Apple columns in the order of the files, then those of the pipeline, and Date as the partition', () => {
    const table = tableIn(
      catalogOf({ reports: ['App Store Purchases Standard'] }),
      'app_store_purchases_standard_daily',
    );
    expect(table.StorageDescriptor.Columns.map(({ Name, Type }) => `${Name} ${Type}`)).toEqual([
      'app_name string',
      'app_apple_identifier bigint',
      'purchase_type string',
      'content_name string',
      'content_apple_identifier bigint',
      'payment_method string',
      'device string',
      'platform_version string',
      'source_type string',
      'page_type string',
      'app_download_date date',
      'pre_order string',
      'territory string',
      'purchases bigint',
      'proceeds_in_usd double',
      'sales_in_usd double',
      'paying_users bigint',
      'app_id string',
      'processing_date date',
      'access string',
      'is_final boolean',
      'source_instance string',
      'extra map<string,string>',
    ]);
    expect(table.PartitionKeys).toMatchObject([{ Name: 'date', Type: 'date' }]);
  });

  it('say in comments what may be added up', () => {
    const tables = catalogOf({ reports: ['App Crashes'], granularities: ['DAILY'] });
    const comments = Object.fromEntries(
      tableIn(tables, 'app_crashes_daily').StorageDescriptor.Columns.map(({ Name, Comment }) => [
        Name,
        Comment,
      ]),
    );
    expect(comments.crashes).toContain('May be added up over rows and Dates.');
    expect(comments.unique_devices).toContain('never add it up');
    for (const { name, comment } of ADDED_COLUMNS) expect(comments[name]).toBe(comment);
  });

  it('are Parquet under the prefix of their name, their Dates projected from the first one to the present', () => {
    const table = tableIn(catalogOf({ reports: ['App Crashes'] }), 'app_crashes_daily');
    expect(readable(table.StorageDescriptor.Location)).toBe(
      's3://<lake Analytics>/curated/app_crashes_daily/',
    );
    expect(table.StorageDescriptor.SerdeInfo.SerializationLibrary).toBe(
      'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
    );
    expect(parametersOf(table)).toEqual({
      EXTERNAL: 'TRUE',
      classification: 'parquet',
      'projection.enabled': 'true',
      'projection.date.type': 'date',
      'projection.date.format': 'yyyy-MM-dd',
      'projection.date.range': '2024-01-01,NOW',
      'projection.date.interval': '1',
      'projection.date.interval.unit': 'DAYS',
      'storage.location.template': `s3://<lake Analytics>/curated/app_crashes_daily/date=\${date}`,
    });
  });

  it('begin where the report begins, weekly ones on its Monday with a step of a week', () => {
    const tables = catalogOf({ reports: ['App Crashes', 'App Store Subscription Event Detailed'] });
    const projection = (name: string) => {
      const parameters = parametersOf(tableIn(tables, name));
      return `${parameters['projection.date.range']} ${parameters['projection.date.interval']} ${parameters['projection.date.interval.unit']}`;
    };
    expect(projection('app_store_subscription_event_detailed_daily')).toBe('2025-01-01,NOW 1 DAYS');
    expect(projection('app_store_subscription_event_detailed_weekly')).toBe('2024-12-30,NOW 7 DAYS');
    expect(projection('app_store_subscription_event_detailed_monthly')).toBe('2025-01-01,NOW 1 DAYS');
  });

  it('say in one description when a Date is final and which delivery owns it', () => {
    const reports = [
      'App Crashes',
      'App Store Subscription State Standard',
      'CarPlay App Usage',
      'Platform App Installs',
    ];
    const tables = catalogOf({ reports, granularities: ['DAILY', 'WEEKLY'] });
    const description = (name: string) => tableIn(tables, name).Description;
    expect(description('app_crashes_daily')).toContain(
      'final in deliveries of 5 days later. One delivery owns',
    );
    expect(description('app_crashes_weekly')).toContain('first day of its period and final when it appears');
    expect(description('platform_app_installs_daily')).toContain('A Date is final when it appears');
    expect(description('app_store_subscription_state_standard_daily')).toContain('Apple does not document');
    expect(description('carplay_app_usage_daily')).toContain('stand beside each other by processing_date');
  });
});

describe("the tables of the pipeline's own lines", () => {
  it('read JSON Lines under their prefixes, whatever the reports', () => {
    const tables = catalogOf({ reports: ['App Crashes'] });
    for (const name of ['deliveries', 'freshness']) {
      const table = tableIn(tables, name);
      expect(readable(table.StorageDescriptor.Location)).toBe(`s3://<lake Analytics>/${name}/`);
      expect(table.StorageDescriptor.SerdeInfo.SerializationLibrary).toBe(
        'org.openx.data.jsonserde.JsonSerDe',
      );
      expect(table.PartitionKeys).toEqual([]);
    }
    expect(tableIn(tables, 'deliveries').StorageDescriptor.Columns).toContainEqual(
      expect.objectContaining({ Name: 'sums', Type: 'map<string,double>' }),
    );
  });
});

describe('the raw tables', () => {
  const changes = accountWith({ reports: ['App Opt In', 'App Crashes'] }, { rawTables: true });

  it('are there only if configured', () => {
    expect(buildApp(accountWith({})).stacks.rawTables).toBeUndefined();
    expect(buildApp(changes).stacks.rawTables).toBeDefined();
  });

  it("read Apple's files as they came, every column text, by the partitions of their keys", () => {
    const { rawTables } = buildApp(changes).stacks;
    if (rawTables === undefined) throw new Error('there is no stack of raw tables');
    const tables = tablesOf(Template.fromStack(rawTables));
    expect([...tables.keys()]).toEqual(['raw_app_crashes', 'raw_app_opt_in']);
    const table = tableIn(tables, 'raw_app_opt_in');
    expect(table.StorageDescriptor.Columns.map(({ Name, Type }) => `${Name} ${Type}`)).toEqual([
      'date string',
      'app_name string',
      'app_apple_identifier string',
      'downloading_users string',
      'users_opting_in string',
    ]);
    expect(table.StorageDescriptor.SerdeInfo.Parameters).toMatchObject({ 'field.delim': '\t' });
    expect(table.PartitionKeys.map(({ Name, Type }) => `${Name} ${Type}`)).toEqual([
      'granularity string',
      'access string',
      'processing_date date',
    ]);
    expect(parametersOf(table)).toMatchObject({
      'skip.header.line.count': '1',
      'projection.granularity.values': 'daily',
      'projection.access.values': 'ongoing,snapshot',
    });
    const location = parametersOf(table)['storage.location.template'] ?? '';
    const partition = { granularity: 'daily', access: 'snapshot', processing_date: '2026-11-03' };
    const key = rawKey(
      {
        appId: '1',
        reportSlug: 'app-opt-in',
        granularity: 'DAILY',
        access: 'ONE_TIME_SNAPSHOT',
        processingDate: partition.processing_date,
        instanceId: 'i',
      },
      's',
    );
    const prefix = Object.entries(partition).reduce(
      (text, [name, value]) => text.replace(`\${${name}}`, value),
      location.replace('s3://<lake Analytics>/', ''),
    );
    expect(key.startsWith(`${prefix}/`)).toBe(true);
  });

  it('stand in a database that is there before them', () => {
    const { rawTables, catalog } = buildApp(changes).stacks;
    expect(rawTables?.dependencies).toContain(catalog);
  });
});

describe('with every report on', () => {
  const everything = accountWith({ reports: [...REPORT_CATEGORIES] }, { rawTables: true, accountData: {} });
  const withPaths = { ...everything, 'aws:cdk:enable-path-metadata': true };

  it('there is a table per report and granularity of the catalog, and none beside', () => {
    const catalog = catalogTemplate(withPaths);
    expect(namesIn(tablesOf(catalog))).toEqual(REPORT_TABLES.map(({ name }) => name).sort());
  });

  it('every template stays under 900 kB and 450 resources', () => {
    const { app } = buildApp(withPaths);
    const assembly = app.synth();
    expect(assembly.stacks).toHaveLength(5);
    for (const { template, templateFullPath } of assembly.stacks) {
      const { Resources } = z.looseObject({ Resources: z.record(z.string(), z.unknown()) }).parse(template);
      expect(Object.keys(Resources).length).toBeLessThan(450);
      expect(statSync(templateFullPath).size).toBeLessThan(900_000);
    }
  });

  it('no comment or description is longer than Glue takes', () => {
    for (const table of tablesOf(catalogTemplate(withPaths)).values()) {
      expect(table.Description.length).toBeLessThanOrEqual(2048);
      for (const { Name, Comment } of [...table.StorageDescriptor.Columns, ...table.PartitionKeys]) {
        expect(Comment.length).toBeLessThanOrEqual(255);
        expect(Name).toMatch(/^[a-z][a-z0-9_]{0,127}$/);
      }
    }
  });
});
