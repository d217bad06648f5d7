import * as z from 'zod';
import { accessType, day, granularity } from '../analytics/contracts.ts';
import {
  type InstanceIdentity,
  ledgerPrefix,
  ledgerStartAfter,
  manifestKey,
  parseManifestKey,
} from './keys.ts';
import { jsonText, type ObjectStore } from './object-store.ts';

const landedSegment = z.object({
  segmentId: z.string(),
  key: z.string(),
  bytes: z.int(),
  /** Apple's checksum as it came (MD5, 32 hex digits), or null when it was missing or odd. */
  md5: z.string().nullable(),
  /** `md5`: S3 compared every byte with Apple's sum; `size`: only the length was announced. */
  verified: z.enum(['md5', 'size', 'none']),
  /** Our own SHA-256, only where Apple's sum could not be used. */
  sha256: z.string().optional(),
});
export type LandedSegment = z.infer<typeof landedSegment>;

/** What the ledger says of one instance: no clock time, attempt or execution id in it. */
export const manifest = z.object({
  appId: z.string(),
  report: z.string(),
  reportName: z.string(),
  granularity,
  access: accessType,
  processingDate: day,
  instanceId: z.string(),
  outcome: z.enum(['landed', 'expired']),
  segments: z.array(landedSegment),
});
export type Manifest = z.infer<typeof manifest>;

/** Builds a manifest whose text depends on nothing but Apple's facts: segments are sorted by key. */
export function buildManifest(
  instance: InstanceIdentity,
  reportName: string,
  outcome: Manifest['outcome'],
  segments: readonly LandedSegment[],
): Manifest {
  return {
    appId: instance.appId,
    report: instance.reportSlug,
    reportName,
    granularity: instance.granularity,
    access: instance.access,
    processingDate: instance.processingDate,
    instanceId: instance.instanceId,
    outcome,
    segments: [...segments].sort((a, b) => (a.key < b.key ? -1 : 1)),
  };
}

const APP_PREFIX = /^ledger\/app_id=([^/]+)\/$/;

/** Every app that has a manifest, in the order of the keys. */
export async function ledgerApps(store: ObjectStore): Promise<readonly string[]> {
  const folders = await store.folders('ledger/');
  return folders.flatMap((folder) => {
    const appId = APP_PREFIX.exec(folder)?.[1];
    return appId === undefined ? [] : [decodeURIComponent(appId)];
  });
}

/** Every instance of the app with a manifest, from `sinceProcessingDate` on (two LISTs for 35 days of 30 reports). */
export async function readLedger(
  store: ObjectStore,
  appId: string,
  sinceProcessingDate: string,
): Promise<readonly InstanceIdentity[]> {
  const keys = await store.list(ledgerPrefix(appId), ledgerStartAfter(appId, sinceProcessingDate));
  return keys.flatMap((key) => parseManifestKey(key) ?? []);
}

/** The instance's manifest, or undefined when it has none. */
export async function readManifest(
  store: ObjectStore,
  instance: InstanceIdentity,
): Promise<Manifest | undefined> {
  return (await store.readJson(manifestKey(instance), manifest))?.value;
}

/**
 * Writes the manifest, last and once. When one is there already, the one that is there counts and is returned:
 * equal after a repeat, different only if two deliveries raced.
 */
export async function writeManifest(
  store: ObjectStore,
  instance: InstanceIdentity,
  content: Manifest,
): Promise<Manifest> {
  if (await store.writeText(manifestKey(instance), jsonText(content), { ifAbsent: true })) return content;
  return (await readManifest(store, instance)) ?? content;
}
