import type { ItemReader, ReaderConfig } from './definition.ts';
import { StateFailure } from './errors.ts';
import type { Visit } from './execution.ts';
import { parseItems } from './item-formats.ts';
import { isObject } from './json.ts';
import type { MapItem } from './map-items.ts';
import { type ObjectStore, ObjectStoreError, requiredStore } from './object-store.ts';
import { type Bindings, evaluateInteger, evaluateTemplate } from './templates.ts';

/** Where an ItemReader reads from, as its Arguments say. */
interface Location {
  readonly Bucket: string;
  readonly Key: string;
  readonly Prefix: string;
}

/**
 * The items that a Distributed Map's ItemReader reads. Rejects with `States.ItemReaderFailed`, or with
 * MissingObjectStoreError where the runner has no store.
 */
export async function readItems(
  visit: Visit,
  reader: ItemReader,
  bindings: Bindings,
): Promise<readonly MapItem[]> {
  const { services, identity } = visit.walk.execution;
  const { evaluator, scheduler } = services;
  const objects = requiredStore(services.objects, identity.executionArn, 'ItemReader');
  const location = await locationOf(visit, reader, bindings);
  const config = reader.ReaderConfig ?? {};
  const maxItems =
    config.MaxItems === undefined
      ? Number.POSITIVE_INFINITY
      : await evaluateInteger(
          evaluator,
          config.MaxItems,
          'ItemReader/ReaderConfig/MaxItems',
          { min: 0, max: 100_000_000 },
          bindings,
        );
  const work = () =>
    reader.Resource.endsWith(':listObjectsV2')
      ? list(objects, location, config)
      : read(objects, location, config);
  const items = await visit.walk.participant.outside(() => scheduler.whileHeld(work));
  return maxItems === 0 ? items : items.slice(0, maxItems);
}

async function locationOf(visit: Visit, reader: ItemReader, bindings: Bindings): Promise<Location> {
  const { evaluator } = visit.walk.execution.services;
  const value = await evaluateTemplate(evaluator, reader.Arguments, 'ItemReader/Arguments', bindings);
  const members = isObject(value) ? value : {};
  const { Bucket, Key, Prefix = '' } = members;
  const lists = reader.Resource.endsWith(':listObjectsV2');
  if (typeof Bucket !== 'string' || typeof Prefix !== 'string' || !(lists || typeof Key === 'string')) {
    throw failed(
      `The Arguments of the ItemReader must name a Bucket and a ${lists ? 'Prefix' : 'Key'} as strings.`,
    );
  }
  return { Bucket, Key: typeof Key === 'string' ? Key : '', Prefix };
}

async function read(
  objects: ObjectStore,
  location: Location,
  config: ReaderConfig,
): Promise<readonly MapItem[]> {
  const { Bucket, Key } = location;
  const text = await fromStore(() => objects.readObject(Bucket, Key));
  const source = `s3://${Bucket}/${Key}`;
  return parseItems(text, config).map((item) => ({ ...item, Source: source }));
}

async function list(
  objects: ObjectStore,
  location: Location,
  config: ReaderConfig,
): Promise<readonly MapItem[]> {
  const { Bucket, Prefix } = location;
  const listed = await fromStore(() => objects.listObjects(Bucket, Prefix));
  if (config.Transformation !== 'LOAD_AND_FLATTEN') {
    return listed.map(({ ETag, Key, LastModified, Size, StorageClass }) => ({
      Value: { Etag: ETag, Key, LastModified: Date.parse(LastModified) / 1000, Size, StorageClass },
      Source: `s3://${Bucket}`,
    }));
  }
  const items: MapItem[] = [];
  for (const { Key } of listed) items.push(...(await read(objects, { ...location, Key }, config)));
  return items;
}

async function fromStore<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof ObjectStoreError ? failed(error.message) : error;
  }
}

function failed(cause: string): StateFailure {
  return new StateFailure({ error: 'States.ItemReaderFailed', cause });
}
