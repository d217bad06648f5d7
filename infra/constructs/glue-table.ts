import { Stack } from 'aws-cdk-lib';
import { CfnTable } from 'aws-cdk-lib/aws-glue';
import type { Construct } from 'constructs';
import type { TableColumn, TableColumnType } from '../../lambdas/lib/analytics/report-tables.ts';
import type { PrefixTableDescription } from '../tables.ts';

/** A column as Glue describes it: `type` in Hive's words. */
export interface GlueColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

const HIVE_TYPES: Readonly<Record<TableColumnType, string>> = {
  VARCHAR: 'string',
  BIGINT: 'bigint',
  DOUBLE: 'double',
  DATE: 'date',
  BOOLEAN: 'boolean',
  TIMESTAMP: 'timestamp',
  'MAP(VARCHAR, VARCHAR)': 'map<string,string>',
  'MAP(VARCHAR, DOUBLE)': 'map<string,double>',
};

/** A column with its SQL type in Hive's words. */
export function glueColumn({ name, type, comment }: TableColumn): GlueColumn {
  return { name, type: HIVE_TYPES[type], comment };
}

/** Where the tables of one deployment stand. */
export interface TablePlace {
  /** Name of the database. */
  readonly database: string;
  /** Name of the bucket with their objects. */
  readonly bucket: string;
}

/** How the files of a table are read. */
export interface FileFormat {
  readonly inputFormat: string;
  readonly outputFormat: string;
  readonly serializationLibrary: string;
  readonly serializationParameters: Readonly<Record<string, string>>;
  readonly tableParameters: Readonly<Record<string, string>>;
}

const TEXT_FILES = {
  inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
  outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
};

/** Parquet, columns found by name. */
export const PARQUET: FileFormat = {
  inputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
  outputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
  serializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
  serializationParameters: {},
  tableParameters: { classification: 'parquet' },
};

/** One JSON object a line. */
const JSON_LINES: FileFormat = {
  ...TEXT_FILES,
  serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe',
  serializationParameters: {},
  tableParameters: { classification: 'json' },
};

/** Of files that end so. */
export const FORMAT_OF_FILES: Readonly<Record<PrefixTableDescription['extension'], FileFormat>> = {
  '.json': JSON_LINES,
  '.jsonl': JSON_LINES,
  '.parquet': PARQUET,
};

/** Tab-separated text with a header line, quotes being data, columns found by position. */
export const TAB_SEPARATED: FileFormat = {
  ...TEXT_FILES,
  serializationLibrary: 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe',
  serializationParameters: { 'field.delim': '\t', 'serialization.null.format': '' },
  tableParameters: { classification: 'csv', 'skip.header.line.count': '1' },
};

export interface GlueTableProps {
  /** Name of the database. */
  readonly database: string;
  readonly name: string;
  readonly description: string;
  readonly format: FileFormat;
  readonly columns: readonly GlueColumn[];
  readonly partitionKeys: readonly GlueColumn[];
  /** `s3://bucket/prefix/` of which every object is read. */
  readonly location: string;
  /** Beside those of the format. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** An external table of the Glue catalog: one resource and nothing beside it, whatever the number of tables. */
export function glueTable(scope: Construct, id: string, props: GlueTableProps): CfnTable {
  const { format } = props;
  return new CfnTable(scope, id, {
    catalogId: Stack.of(scope).account,
    databaseName: props.database,
    tableInput: {
      name: props.name,
      description: props.description,
      tableType: 'EXTERNAL_TABLE',
      parameters: { EXTERNAL: 'TRUE', ...format.tableParameters, ...props.parameters },
      partitionKeys: props.partitionKeys.map((column) => ({ ...column })),
      storageDescriptor: {
        columns: props.columns.map((column) => ({ ...column })),
        location: props.location,
        inputFormat: format.inputFormat,
        outputFormat: format.outputFormat,
        serdeInfo: {
          serializationLibrary: format.serializationLibrary,
          parameters: { 'serialization.format': '1', ...format.serializationParameters },
        },
      },
    },
  });
}
