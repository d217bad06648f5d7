import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { LOCAL_REGION } from '../assembly/model.ts';
import type { Clock } from '../clock.ts';
import { s3RequestHandler } from '../s3/request-handler.ts';
import { createS3Service } from '../s3/service.ts';

/** The bucket that the flows of account data write. */
export const PERSONAL_BUCKET = 'personal';

/** The grants of a lake that is a folder. */
export interface LakeGrants {
  /** The personal bucket as grants are written to it. */
  readonly grants: ObjectStore;
  close(): Promise<void>;
}

/**
 * Opens the personal bucket of a lake directory, which is made if missing, without any process beside this one. No
 * other process may write to the folder meanwhile.
 */
export async function openLakeGrants(lakeDirectory: string, clock: Clock): Promise<LakeGrants> {
  const directory = resolve(lakeDirectory);
  await mkdir(join(directory, PERSONAL_BUCKET), { recursive: true });
  const operator = { name: 'operator', accessKeyId: 'AKIAOPERATOR', secretAccessKey: 'of this process only' };
  const service = createS3Service({
    directory,
    clock,
    region: LOCAL_REGION,
    principals: (accessKeyId) => (accessKeyId === operator.accessKeyId ? operator : undefined),
    buckets: [{ name: PERSONAL_BUCKET }],
  });
  const client = new S3Client({
    region: LOCAL_REGION,
    endpoint: 'http://127.0.0.1',
    forcePathStyle: true,
    credentials: operator,
    systemClockOffset: clock.now() - Date.now(),
    requestHandler: s3RequestHandler(service.handle),
  });
  return {
    grants: objectStore(client, PERSONAL_BUCKET),
    async close() {
      client.destroy();
      await service.close();
    },
  };
}
