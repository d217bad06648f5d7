import { type ObjectStore, objectStore } from '../lake/object-store.ts';
import { requiredEnv } from './env.ts';
import { lakeClient } from './lake-client.ts';

/** The personal bucket as functions see it that know no grants. */
export function personalStore(): ObjectStore {
  return objectStore(lakeClient(), requiredEnv('PERSONAL_BUCKET'));
}

/** The personal bucket twice: as it is, and as grants are written to it, under a KMS key of their own. */
export interface PersonalStores {
  readonly store: ObjectStore;
  readonly grants: ObjectStore;
}

/** Both over one client, so that they share its connections. */
export function personalStores(): PersonalStores {
  const client = lakeClient();
  const bucket = requiredEnv('PERSONAL_BUCKET');
  return {
    store: objectStore(client, bucket),
    grants: objectStore(client, bucket, { encryptionKeyArn: requiredEnv('GRANTS_KEY_ARN') }),
  };
}
