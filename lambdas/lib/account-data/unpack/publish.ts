import { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { GrantErasedError } from '../../errors.ts';
import { multipartPut } from '../../lake/multipart-put.ts';
import type { ObjectStore } from '../../lake/object-store.ts';
import { tombstoneKey } from '../../lake/personal-keys.ts';
import { writeFailure } from '../../lake/storage-failures.ts';

/** Content up to this size is written by one request. */
const ONE_REQUEST_BYTES = 8 * 1024 * 1024;

export const PARQUET_TYPE = 'application/vnd.apache.parquet';
export const BYTES_TYPE = 'application/octet-stream';
export const LINES_TYPE = 'application/x-ndjson';

/** An object that tells about a person. */
export interface PersonalObject {
  readonly grantId: string;
  readonly key: string;
  readonly contentType: string;
}

/** Fails with GrantErasedError when the grant has a tombstone. */
export async function assertNotErased(store: ObjectStore, grantId: string): Promise<void> {
  if ((await store.facts(tombstoneKey(grantId))) === undefined) return;
  throw new GrantErasedError(`Grant ${grantId} is erased: nothing of it is published.`, {
    details: { grantId },
  });
}

async function putAtOnce(store: ObjectStore, object: PersonalObject, content: Buffer): Promise<void> {
  const { grantId, key, contentType } = object;
  await assertNotErased(store, grantId);
  try {
    await store.client.send(
      new PutObjectCommand({
        Bucket: store.bucket,
        Key: key,
        Body: content,
        ContentLength: content.length,
        ContentType: contentType,
      }),
    );
  } catch (error) {
    throw writeFailure(key, error);
  }
}

/** Begins with `first` and asks for a tombstone at its end, which is before the upload becomes visible. */
async function* untilVisible(
  store: ObjectStore,
  { grantId }: PersonalObject,
  first: Buffer[],
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  for (let next = first.shift(); next !== undefined; next = first.shift()) yield next;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  await assertNotErased(store, grantId);
}

/**
 * Writes an object over whatever lies there: a repeat leaves the same bytes. It becomes visible only when `content`
 * has ended well and the grant has no tombstone. Fails with what `content` fails with, GrantErasedError, or
 * StorageUnavailableError.
 */
export async function publish(
  store: ObjectStore,
  object: PersonalObject,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const first: Buffer[] = [];
  let bytes = 0;
  const iterator = content[Symbol.asyncIterator]();
  try {
    while (bytes <= ONE_REQUEST_BYTES) {
      const next = await iterator.next();
      if (next.done === true) {
        await putAtOnce(store, object, first.length === 1 ? (first[0] as Buffer) : Buffer.concat(first));
        return;
      }
      first.push(next.value);
      bytes += next.value.length;
    }
    const body = Readable.from(untilVisible(store, object, first, iterator), { highWaterMark: 1 });
    await multipartPut(store, object.key, body, {
      onlyIfAbsent: false,
      metadata: {},
      contentType: object.contentType,
    });
  } finally {
    await iterator.return?.();
  }
}
