import { rm } from 'node:fs/promises';
import type { StandInResponse } from '../http.ts';
import { type ReceivedBody, receiveBody } from './body.ts';
import { type ChecksumAlgorithm, checksumHeaders, type StoredChecksum } from './checksums.ts';
import { writeCondition } from './conditions.ts';
import type { BucketContext, ObjectContext } from './context.ts';
import { FileWriter } from './file-writer.ts';
import {
  authorizeEncryption,
  describeNewObject,
  newETag,
  newVersionId,
  writtenHeaders,
} from './object-headers.ts';
import { emptyResponse } from './responses.ts';

/** Receives a request's body into a file that is removed again when the body is refused. */
export async function receiveToFile(
  context: BucketContext,
  wanted?: ChecksumAlgorithm,
): Promise<{ readonly path: string; readonly body: ReceivedBody }> {
  const path = context.store.incoming.newPath();
  const writer = new FileWriter(path);
  try {
    const body = await receiveBody(context.request, context.verified, (bytes) => writer.write(bytes), wanted);
    await writer.finish();
    return { path, body };
  } catch (error) {
    await writer.abandon();
    await rm(path, { force: true });
    throw error;
  }
}

/** The checksum of a body that arrived whole, as it is stored. */
export function storedChecksum(body: ReceivedBody): { readonly checksum?: StoredChecksum } {
  if (body.checksum === undefined) return {};
  const { algorithm, value } = body.checksum;
  return { checksum: { algorithm, type: 'FULL_OBJECT', value: value.toString('base64') } };
}

/** PutObject: the object appears when its body has arrived whole, every digest is right and the condition holds. */
export async function putObject(context: ObjectContext): Promise<StandInResponse> {
  const { store, key, bucket, clock } = context;
  const description = describeNewObject(context);
  authorizeEncryption(context, description.kmsKeyArn);
  const watch = store.watchDeletion(key);
  try {
    const condition = writeCondition(context, watch);
    const { path, body } = await receiveToFile(context);
    try {
      const md5 = body.md5.toString('hex');
      const record = await store.commit(
        key,
        path,
        {
          ...description,
          ...storedChecksum(body),
          ...newVersionId(bucket),
          etag: newETag(md5, description.kmsKeyArn),
          lastModified: clock.now(),
          parts: [{ size: body.size, md5 }],
        },
        condition,
      );
      return emptyResponse(200, {
        etag: `"${record.etag}"`,
        ...checksumHeaders(record.checksum),
        ...writtenHeaders(record),
      });
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    watch.stop();
  }
}
