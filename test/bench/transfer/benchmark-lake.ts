import { Sha256 } from '@aws-crypto/sha256-js';
import { DeleteObjectsCommand, S3Client } from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { plan } from '../../../lambdas/lib/analytics/run-record.ts';
import { type ObjectStore, objectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { BenchmarkError } from '../benchmark.ts';
import type { S3Access } from '../stand-in-world.ts';

export type { S3Access };

/** The benchmark's own view of the bucket that both ways write into. */
export interface BenchmarkLake {
  readonly store: ObjectStore;
  /** An address that takes a PUT with any further unsigned headers, for an hour. */
  presignedPut(key: string): Promise<string>;
  /** The instance that a plan names; throws `BenchmarkError` unless it is one. */
  plannedInstanceId(planKey: string): Promise<string>;
  /** Throws `BenchmarkError` unless exactly one object of so many bytes lies under the prefix. */
  assertLanded(prefix: string, bytes: number): Promise<void>;
  /** Deletes everything under the prefix. */
  empty(prefix: string): Promise<void>;
  close(): void;
}

const PRESIGNED_SECONDS = 3600;

/** Opens a bucket with the credentials that local S3 printed. */
export function openBenchmarkLake(access: S3Access, bucket: string): BenchmarkLake {
  const { endpoint, region, accessKeyId, secretAccessKey } = access;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const store = objectStore(client, bucket);
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });

  return {
    store,
    async presignedPut(key) {
      const { hostname, host, port } = new URL(endpoint);
      const path = `/${bucket}/${key}`;
      const request = new HttpRequest({
        method: 'PUT',
        hostname,
        port: Number(port),
        path,
        headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      });
      const { query } = await signer.presign(request, { expiresIn: PRESIGNED_SECONDS });
      return `${endpoint}${path}?${new URLSearchParams(query as Record<string, string>)}`;
    },
    async plannedInstanceId(planKey) {
      const [instance, ...more] = (await store.readJson(planKey, plan))?.value.instances ?? [];
      if (instance === undefined || more.length > 0) {
        throw new BenchmarkError(`${planKey} does not plan exactly one instance`);
      }
      return instance.instanceId;
    },
    async assertLanded(prefix, bytes) {
      const [key, ...more] = await store.list(prefix);
      if (key === undefined || more.length > 0) {
        throw new BenchmarkError(
          `under ${prefix} lie ${key === undefined ? 0 : more.length + 1} objects, not 1`,
        );
      }
      const facts = await store.facts(key);
      if (facts?.bytes !== bytes) {
        throw new BenchmarkError(`${key} has ${facts?.bytes ?? 'no'} bytes instead of ${bytes}`);
      }
    },
    async empty(prefix) {
      const keys = await store.list(prefix);
      if (keys.length === 0) return;
      const objects = keys.map((Key) => ({ Key }));
      const answer = await client.send(
        new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects } }),
      );
      const [failure] = answer.Errors ?? [];
      if (failure !== undefined) throw new BenchmarkError(`${failure.Key} stays: ${failure.Message}`);
    },
    close: () => client.destroy(),
  };
}
