import { type ObjectStore, objectStore } from '../lake/object-store.ts';
import { requiredEnv } from './env.ts';
import { lakeClient } from './lake-client.ts';

/** The analytics bucket; segments carry Content-MD5 and no other checksum. */
export function analyticsStore(): ObjectStore {
  return objectStore(lakeClient(), requiredEnv('ANALYTICS_BUCKET'));
}
