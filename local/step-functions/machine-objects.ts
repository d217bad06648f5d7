import { z } from 'zod';
import { StepFunctionsTaskError } from '../asl/errors.ts';
import { type ListedObject, type ObjectStore, ObjectStoreError } from '../asl/object-store.ts';
import type { Principal } from '../principals.ts';
import { callS3, type S3IntegrationOptions } from './s3-integration.ts';

const object = z.object({ Body: z.string() });
const page = z.object({
  Contents: z
    .array(
      z.object({
        Key: z.string(),
        Size: z.number(),
        ETag: z.string(),
        LastModified: z.string(),
        StorageClass: z.string().default('STANDARD'),
      }),
    )
    .default([]),
  NextContinuationToken: z.string().optional(),
});

/**
 * What ItemReader reads and ResultWriter writes in the name of a machine: every request is signed by its role,
 * whose policies decide. Rejects with ObjectStoreError where S3 refuses, its sentence as message.
 */
export function machineObjects(options: S3IntegrationOptions, principal: Principal): ObjectStore {
  const call = async <T>(schema: z.ZodType<T>, operation: string, input: object): Promise<T> => {
    try {
      return schema.parse(await callS3(options, principal, operation, input));
    } catch (error) {
      throw error instanceof StepFunctionsTaskError ? new ObjectStoreError(error.cause) : error;
    }
  };
  return {
    async readObject(Bucket, Key) {
      return (await call(object, 'getObject', { Bucket, Key })).Body;
    },
    async listObjects(Bucket, Prefix) {
      const listed: ListedObject[] = [];
      let ContinuationToken: string | undefined;
      do {
        const found = await call(page, 'listObjectsV2', { Bucket, Prefix, ContinuationToken });
        listed.push(...found.Contents);
        ContinuationToken = found.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return listed;
    },
    async writeObject(Bucket, Key, Body) {
      await call(z.unknown(), 'putObject', { Bucket, Key, Body, ContentType: 'application/json' });
    },
  };
}
