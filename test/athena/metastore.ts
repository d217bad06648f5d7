import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { GlueTable } from './glue-tables.ts';
import { TRINO_VERSION } from './tools.ts';

/** The bucket of Trino's file metastore: beside the lake's buckets, never below a table's prefix. */
export const METASTORE_BUCKET = 'metastore';
const CATALOG_PREFIX = 'catalog';
export const METASTORE_LOCATION = `s3://${METASTORE_BUCKET}/${CATALOG_PREFIX}`;

/** Trino reads `.trinoSchema` files of its own version only. */
const WRITTEN_BY = { writerVersion: TRINO_VERSION };

/** A table of Trino's file metastore. The parameters are Glue's own: Trino knows projection by Athena's names. */
export function tableDocument(table: GlueTable): object {
  const columns = (list: GlueTable['columns']) =>
    list.map(({ name, type }) => ({ name, type, properties: {} }));
  return {
    ...WRITTEN_BY,
    owner: 'proof',
    tableType: 'EXTERNAL_TABLE',
    dataColumns: columns(table.columns),
    partitionColumns: columns(table.partitionKeys),
    parameters: table.parameters,
    originalStorageFormat: {
      serde: table.serializationLibrary,
      inputFormat: table.inputFormat,
      outputFormat: table.outputFormat,
    },
    serdeParameters: table.serializationParameters,
    externalLocation: table.location,
    columnStatistics: {},
  };
}

async function putDocument(client: S3Client, key: string, document: object): Promise<void> {
  await client.send(
    new PutObjectCommand({
      Bucket: METASTORE_BUCKET,
      Key: `${CATALOG_PREFIX}/${key}`,
      Body: JSON.stringify(document),
    }),
  );
}

/** Creates the metastore's bucket, empty. */
export async function createMetastore(client: S3Client): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: METASTORE_BUCKET }));
}

/** Writes a database with these tables, under another name where `database` is given. */
export async function writeDatabase(
  client: S3Client,
  database: string,
  tables: readonly GlueTable[],
): Promise<void> {
  const document = { ...WRITTEN_BY, ownerName: 'proof', ownerType: 'USER', parameters: {} };
  await putDocument(client, `.${database}.trinoSchema`, document);
  for (const table of tables) {
    await putDocument(client, `${database}/${table.name}/.trinoSchema`, tableDocument(table));
  }
}
