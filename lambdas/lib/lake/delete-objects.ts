import { type _Error, DeleteObjectsCommand, S3ServiceException } from '@aws-sdk/client-s3';
import type { ObjectStore } from './object-store.ts';
import { transferFailure } from './storage-failures.ts';

/** S3's limit for one call. */
const KEYS_PER_CALL = 1000;

/**
 * Deletes objects, those of one call in no order; keys without an object are no error, so it may be repeated. Fails
 * with StorageUnavailableError where S3 says that it could not delete one now, and with S3's own error where it
 * refuses one, after it went through the call's others.
 */
export async function deleteObjects({ client, bucket }: ObjectStore, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += KEYS_PER_CALL) {
    const batch = keys.slice(start, start + KEYS_PER_CALL);
    const command = new DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: batch.map((Key) => ({ Key })), Quiet: true },
    });
    const answer = await client.send(command).catch((error: unknown) => {
      throw transferFailure(`deleting ${batch[0]} and ${batch.length - 1} more`, error);
    });
    const [failed] = answer.Errors ?? [];
    if (failed !== undefined) throw transferFailure(`deleting ${failed.Key}`, refusalOf(failed));
  }
}

/** S3 answers 200 when keys of a call fail: as an error, like that of a single deletion. */
function refusalOf({ Key = '', Code = 'Unknown' }: _Error): S3ServiceException {
  return new S3ServiceException({
    name: Code,
    message: `S3 did not delete ${Key} (${Code}): look at the function's permissions, then start it again.`,
    $fault: 'client',
    $metadata: {},
  });
}
