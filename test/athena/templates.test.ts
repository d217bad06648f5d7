import { describe, expect, it } from 'vitest';
import { type GlueTable, glueTables, savedQueries } from './glue-tables.ts';
import { tableDocument } from './metastore.ts';
import { savedQueryProblems } from './query-checks.ts';
import { columnsOf, nestedTables } from './table-checks.ts';

const properties = {
  DatabaseName: 'apple_analytics',
  TableInput: {
    Name: 'app_crashes_daily',
    TableType: 'EXTERNAL_TABLE',
    Parameters: { 'projection.enabled': 'true', 'projection.date.range': '2024-01-01,NOW' },
    PartitionKeys: [{ Name: 'date', Type: 'date', Comment: 'The day.' }],
    StorageDescriptor: {
      Columns: [{ Name: 'crashes', Type: 'bigint', Comment: 'Crashes.' }],
      Location: 's3://analytics/curated/app_crashes_daily/',
      InputFormat: 'in.Format',
      OutputFormat: 'out.Format',
      SerdeInfo: { SerializationLibrary: 'a.SerDe', Parameters: { 'serialization.format': '1' } },
    },
  },
};

function assemblyWith(type: string, ...resources: Record<string, unknown>[]) {
  return {
    resources: resources.map((each, index) => ({
      ...{ stackName: 'Catalog', logicalId: `R${index}`, constructPath: `Catalog/R${index}` },
      ...{ type, properties: each },
    })),
  };
}

function tableAt(location: string): GlueTable {
  const [table] = glueTables(assemblyWith('AWS::Glue::Table', properties));
  if (table === undefined) throw new Error('no table was read');
  return { ...table, location };
}

describe('tables of a template', () => {
  it('become metastore documents with the template’s own words', () => {
    expect(tableDocument(tableAt('s3://analytics/curated/app_crashes_daily/'))).toMatchObject({
      tableType: 'EXTERNAL_TABLE',
      dataColumns: [{ name: 'crashes', type: 'bigint' }],
      partitionColumns: [{ name: 'date', type: 'date' }],
      parameters: properties.TableInput.Parameters,
      originalStorageFormat: { serde: 'a.SerDe', inputFormat: 'in.Format', outputFormat: 'out.Format' },
      serdeParameters: { 'serialization.format': '1' },
      externalLocation: 's3://analytics/curated/app_crashes_daily/',
    });
  });

  it('of an unknown form are refused with the construct’s path', () => {
    const view = { ...properties, TableInput: { ...properties.TableInput, TableType: 'VIRTUAL_VIEW' } };
    expect(() => glueTables(assemblyWith('AWS::Glue::Table', view))).toThrow(/Catalog\/R0/);
  });

  it('that nothing of this project writes have no known columns', () => {
    expect(() => columnsOf('somebody_elses')).toThrow(/somebody_elses/);
    expect(columnsOf('deliveries').map(({ name }) => name)).toContain('sums');
  });

  it('must not lie below one another', () => {
    const outer = { ...tableAt('s3://analytics/curated/'), name: 'outer' };
    const inner = tableAt('s3://analytics/curated/app_crashes_daily/');
    expect(nestedTables([outer, inner])).toEqual(['app_crashes_daily lies below outer']);
    expect(nestedTables([inner, tableAt('s3://analytics/curated/app_crashes_daily_2/')])).toEqual([]);
  });
});

describe('saved queries of a template', () => {
  const tables = [
    { name: 'app_crashes_daily', database: 'apple_analytics' },
    { name: 'account_data_files', database: 'apple_account_data' },
  ];
  const sql = '-- app_crashes_daily\nSELECT 1 FROM account_data_files';
  const shipped = [{ name: 'arrivals', sql }];
  const saved = (text: string, database = 'apple_account_data') =>
    savedQueries(
      assemblyWith('AWS::Athena::NamedQuery', { Name: 'arrivals', Database: database, QueryString: text }),
    );

  it('are the shipped files, all of them and no other', () => {
    expect(savedQueryProblems(shipped, saved(sql), tables)).toEqual([]);
    expect(savedQueryProblems(shipped, [], tables)).toEqual(['queries/arrivals.sql is not saved']);
    expect(savedQueryProblems([], saved(sql), tables)).toEqual(['saved query arrivals has no file']);
  });

  it('have the file’s text and the database of its tables', () => {
    expect(savedQueryProblems(shipped, saved('SELECT 2'), tables)).toHaveLength(1);
    expect(savedQueryProblems(shipped, saved(sql, 'apple_analytics'), tables)).toHaveLength(1);
    const both = `${sql}, app_crashes_daily`;
    expect(savedQueryProblems([{ name: 'arrivals', sql: both }], saved(both), tables)).toHaveLength(1);
  });
});
