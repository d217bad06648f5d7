import { randomBytes } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { realClock } from '../../local/clock.ts';
import { serve } from '../../local/http.ts';
import { createS3Service } from '../../local/s3/service.ts';

/** How a client reaches the lake. */
export interface StorageAccess {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A lake directory as `npm run s3` serves it, in this process. */
export interface LakeServer {
  readonly access: StorageAccess;
  readonly client: S3Client;
  close(): Promise<void>;
}

/** Serves a lake directory on a free port of 127.0.0.1, each folder a bucket, for one holder of made-up keys. */
export async function serveLake(directory: string): Promise<LakeServer> {
  const region = 'us-east-1';
  const credentials = {
    accessKeyId: `PROOF${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
  const service = createS3Service({
    ...{ directory, region, clock: realClock, buckets: 'any' },
    principals: (id) => (id === credentials.accessKeyId ? { name: 'proof', ...credentials } : undefined),
  });
  const server = await serve(service.handle);
  const access = { endpoint: server.origin, region, credentials };
  const client = new S3Client({ ...access, forcePathStyle: true });
  return {
    access,
    client,
    async close() {
      client.destroy();
      await server.close();
      await service.close();
    },
  };
}
