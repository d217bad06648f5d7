import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import {
  ACCOUNT_DATA_FILES_COLUMNS,
  ACCOUNT_DATA_RECORDS_COLUMNS,
} from '../../lambdas/lib/account-data/table-columns.ts';
import { membersKey, recordsKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { accountWith, catalogTemplate, type GlueTable, tablesOf } from './catalog-template.ts';
import { readable, resourcesOf, temporaryDirectory } from './synthesized.ts';

const WITH = accountWith({ reports: ['App Crashes'] }, { accountData: {} });
const WITHOUT = accountWith({ reports: ['App Crashes'] });
const INSTANCE = { grantId: '11111111-1111-4111-8111-111111111111', requestId: 'R-1' };

function accountDataTable(name: string): GlueTable {
  const found = tablesOf(catalogTemplate(WITH), 'apple_account_data').get(name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

function namesOf(template: Template, type: string): unknown[] {
  return [...resourcesOf(template, type).values()].map(({ Properties }) => Properties.Name);
}

function workgroupOf(changes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const workgroups = resourcesOf(catalogTemplate(changes), 'AWS::Athena::WorkGroup').values();
  const found = [...workgroups].find(({ Properties }) => Properties.Name === 'apple-account-data');
  if (found === undefined) throw new Error('there is no workgroup of account data');
  return found.Properties;
}

function savedIn(changes: Readonly<Record<string, unknown>>, folder?: string): Map<string, string> {
  const saved = resourcesOf(catalogTemplate(changes, folder), 'AWS::Athena::NamedQuery').values();
  return new Map(
    [...saved].map(({ Properties }) => [
      String(Properties.Name),
      `${String(Properties.Database)} ${String(Properties.WorkGroup)}`,
    ]),
  );
}

describe('without account data', () => {
  it('there is no database, table, workgroup or saved query of it', () => {
    const template = catalogTemplate(WITHOUT);
    expect(resourcesOf(template, 'AWS::Glue::Database').size).toBe(1);
    expect([...tablesOf(template, 'apple_account_data').keys()]).toEqual([]);
    expect(namesOf(template, 'AWS::Athena::WorkGroup')).not.toContain('apple-account-data');
    expect([...savedIn(WITHOUT).keys()].filter((name) => name.startsWith('account-data'))).toEqual([]);
  });
});

describe('with account data', () => {
  it('everything of analytics stays as it was', () => {
    const [without, all] = [WITHOUT, WITH].map((changes) => catalogTemplate(changes).toJSON().Resources);
    expect(Object.keys(without).length).toBeGreaterThan(5);
    expect(all).toMatchObject(without);
  });

  it('there are two tables in a database of their own, over the prefixes that unpacking writes', () => {
    const tables = tablesOf(catalogTemplate(WITH), 'apple_account_data');
    expect([...tables.keys()].sort()).toEqual(['account_data_files', 'account_data_records']);
    for (const [name, key] of [
      ['account_data_files', membersKey(INSTANCE)],
      ['account_data_records', recordsKey(INSTANCE, 1, 1)],
    ] as const) {
      const table = accountDataTable(name);
      const [, prefix = ''] =
        /^s3:\/\/<lake Personal>\/(.+)$/.exec(readable(table.StorageDescriptor.Location)) ?? [];
      expect(prefix).not.toBe('');
      expect(key.startsWith(prefix)).toBe(true);
      expect(table.PartitionKeys).toEqual([]);
    }
  });

  it('the tables have the columns of the files, in their formats', () => {
    const columnsOf = (name: string) =>
      accountDataTable(name).StorageDescriptor.Columns.map((column) => [column.Name, column.Comment]);
    expect(columnsOf('account_data_files')).toEqual(
      ACCOUNT_DATA_FILES_COLUMNS.map(({ name, comment }) => [name, comment]),
    );
    expect(columnsOf('account_data_records')).toEqual(
      ACCOUNT_DATA_RECORDS_COLUMNS.map(({ name, comment }) => [name, comment]),
    );
    const records = accountDataTable('account_data_records').StorageDescriptor;
    expect(records.Columns).toContainEqual(
      expect.objectContaining({ Name: 'fields', Type: 'map<string,string>' }),
    );
    expect(records.Columns).toContainEqual(
      expect.objectContaining({ Name: 'instance_at', Type: 'timestamp' }),
    );
    expect(records.SerdeInfo.SerializationLibrary).toContain('ParquetHiveSerDe');
    expect(accountDataTable('account_data_files').StorageDescriptor.SerdeInfo.SerializationLibrary).toBe(
      'org.openx.data.jsonserde.JsonSerDe',
    );
  });

  it('no comment or description is longer than Glue takes', () => {
    for (const table of tablesOf(catalogTemplate(WITH), 'apple_account_data').values()) {
      expect(table.Description.length).toBeLessThanOrEqual(2048);
      for (const { Comment } of table.StorageDescriptor.Columns) {
        expect(Comment.length).toBeLessThanOrEqual(255);
      }
    }
  });

  it('results lie apart and are encrypted as the data is, whatever a client asks for', () => {
    const { WorkGroupConfiguration } = workgroupOf(WITH) as {
      WorkGroupConfiguration: Record<string, unknown>;
    };
    expect(WorkGroupConfiguration).toMatchObject({
      EnforceWorkGroupConfiguration: true,
      ResultConfiguration: { EncryptionConfiguration: { EncryptionOption: 'SSE_KMS' } },
    });
    const { OutputLocation, EncryptionConfiguration } = WorkGroupConfiguration.ResultConfiguration as {
      OutputLocation: unknown;
      EncryptionConfiguration: { KmsKey: unknown };
    };
    expect(readable(OutputLocation)).toBe('s3://<lake Results>/apple-account-data/');
    expect(readable(EncryptionConfiguration.KmsKey)).toBe('<lake PersonalKey.Arn>');
  });

  it('a query is cancelled at 10 GB, or as configured', () => {
    const limit = (changes: Readonly<Record<string, unknown>>) =>
      (workgroupOf(changes).WorkGroupConfiguration as { BytesScannedCutoffPerQuery: number })
        .BytesScannedCutoffPerQuery;
    expect(limit(WITH)).toBe(10_000_000_000);
    expect(limit(accountWith({}, { accountData: {}, queryLimits: { accountData: 0.5 } }))).toBe(500_000_000);
  });

  it('each query is saved in the database and the workgroup of the tables that it reads', () => {
    const saved = savedIn(WITH);
    expect(saved.get('account-data-arrivals')).toBe('apple_account_data apple-account-data');
    expect(saved.get('account-data-current-rows')).toBe('apple_account_data apple-account-data');
    expect(saved.get('freshness')).toBe('apple_analytics apple-analytics-people');
  });

  it('a query over both databases is refused by name: no workgroup may read both', () => {
    const folder = temporaryDirectory();
    const statement = 'SELECT 1 FROM account_data_files CROSS JOIN freshness';
    writeFileSync(join(folder, 'both.sql'), `-- Which?\n--\n${statement}\n`);
    expect(() => catalogTemplate(WITH, folder)).toThrow('queries/both.sql reads tables of several databases');
    expect([...savedIn(WITHOUT, folder).keys()]).toEqual([]);
  });
});
