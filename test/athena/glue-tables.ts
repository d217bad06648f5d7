import { z } from 'zod';
import type { Assembly } from '../../local/assembly/model.ts';
import { AthenaProofError } from './proof-error.ts';

const column = z.object({ Name: z.string(), Type: z.string() });

const glueTableProperties = z.object({
  DatabaseName: z.string(),
  TableInput: z.object({
    Name: z.string(),
    TableType: z.literal('EXTERNAL_TABLE'),
    Parameters: z.record(z.string(), z.string()),
    PartitionKeys: z.array(column).default([]),
    StorageDescriptor: z.object({
      Columns: z.array(column).min(1),
      Location: z.string().regex(/^s3:\/\/[^/]+\/.+\/$/),
      InputFormat: z.string(),
      OutputFormat: z.string(),
      SerdeInfo: z.object({
        SerializationLibrary: z.string(),
        Parameters: z.record(z.string(), z.string()).default({}),
      }),
    }),
  }),
});

/** A column in Hive's words, e.g. `map<string,double>`. */
export interface GlueColumn {
  readonly name: string;
  readonly type: string;
}

/** A Glue table as its template says it. */
export interface GlueTable {
  readonly database: string;
  readonly name: string;
  readonly columns: readonly GlueColumn[];
  readonly partitionKeys: readonly GlueColumn[];
  readonly parameters: Readonly<Record<string, string>>;
  /** `s3://<bucket>/<prefix>/`; the bucket by its folder's name in the lake. */
  readonly location: string;
  readonly inputFormat: string;
  readonly outputFormat: string;
  readonly serializationLibrary: string;
  readonly serializationParameters: Readonly<Record<string, string>>;
}

function toColumn({ Name, Type }: z.infer<typeof column>): GlueColumn {
  return { name: Name, type: Type };
}

/**
 * Every Glue table of a synthesized assembly, its references resolved, by name. Throws `AthenaProofError` for a
 * table of a form that this proof does not know.
 */
export function glueTables(assembly: Pick<Assembly, 'resources'>): GlueTable[] {
  return assembly.resources
    .filter(({ type }) => type === 'AWS::Glue::Table')
    .map(({ properties, constructPath }) => {
      const parsed = glueTableProperties.safeParse(properties);
      if (!parsed.success) throw new AthenaProofError(`${constructPath}: ${z.prettifyError(parsed.error)}`);
      const { DatabaseName: database, TableInput: table } = parsed.data;
      const { StorageDescriptor: storage } = table;
      return {
        database,
        name: table.Name,
        columns: storage.Columns.map(toColumn),
        partitionKeys: table.PartitionKeys.map(toColumn),
        parameters: table.Parameters,
        location: storage.Location,
        inputFormat: storage.InputFormat,
        outputFormat: storage.OutputFormat,
        serializationLibrary: storage.SerdeInfo.SerializationLibrary,
        serializationParameters: storage.SerdeInfo.Parameters,
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A shipped table over the same prefix of another bucket. Throws `AthenaProofError` when the template has none. */
export function inOtherBucket(tables: readonly GlueTable[], name: string, bucket: string): GlueTable {
  const shipped = tables.find((table) => table.name === name);
  if (shipped === undefined) throw new AthenaProofError(`the template has no table ${name}`);
  const moved = (address: string) => address.replace(/^s3:\/\/[^/]+\//, `s3://${bucket}/`);
  const template = shipped.parameters['storage.location.template'] ?? shipped.location;
  return {
    ...shipped,
    location: moved(shipped.location),
    parameters: { ...shipped.parameters, 'storage.location.template': moved(template) },
  };
}

const namedQueryProperties = z.object({
  Name: z.string(),
  Database: z.string(),
  QueryString: z.string(),
});

/** A saved query of Athena as its template says it. */
export interface SavedQuery {
  readonly name: string;
  readonly database: string;
  readonly sql: string;
}

/** Every saved query of a synthesized assembly, by name. */
export function savedQueries(assembly: Pick<Assembly, 'resources'>): SavedQuery[] {
  return assembly.resources
    .filter(({ type }) => type === 'AWS::Athena::NamedQuery')
    .map(({ properties }) => namedQueryProperties.parse(properties))
    .map(({ Name: name, Database: database, QueryString: sql }) => ({ name, database, sql }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
