import { deleteObjects } from '../lake/delete-objects.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import {
  instancePrefix,
  membersKey,
  type PersonalKind,
  type TransferIdentity,
  transferKey,
  unpackedKey,
} from '../lake/personal-keys.ts';

/** An instance with what orders those of a grant. */
export interface ArrivedInstance extends TransferIdentity {
  /** When it was asked for, ISO 8601. */
  readonly instanceAt: string;
}

/** Newest first; of two of the same moment the higher request id, as the shipped queries have it. */
export function newestFirst<Instance extends ArrivedInstance>(instances: readonly Instance[]): Instance[] {
  return [...instances].sort(
    (a, b) => Date.parse(b.instanceAt) - Date.parse(a.instanceAt) || (a.requestId < b.requestId ? 1 : -1),
  );
}

/**
 * The instances, newest first, that may go: those older than the current one, but for the newest `keep` of them.
 * None while no instance is current.
 */
export function supersededBeyond<Instance extends ArrivedInstance>(
  instances: readonly Instance[],
  current: Instance | undefined,
  keep: number,
): readonly Instance[] {
  if (current === undefined) return [];
  return instances.slice(instances.indexOf(current) + 1 + keep);
}

/**
 * Beginning of an instance's keys of every kind, in the order in which they are deleted. The lines and the manifest
 * that say it is whole go first, so that no query and no later run takes what is left of it for an instance; what was
 * fetched goes last, because a later run finds an instance by it.
 */
const DELETION_ORDER: Readonly<Record<PersonalKind, (instance: TransferIdentity) => string>> = {
  members: membersKey,
  manifests: unpackedKey,
  records: (instance) => instancePrefix('records', instance),
  files: (instance) => instancePrefix('files', instance),
  unpacking: (instance) => instancePrefix('unpacking', instance),
  archives: (instance) => instancePrefix('archives', instance),
  transfers: transferKey,
};

/** Deletes all that an instance has, kind by kind, and returns how many objects went; repeating it is harmless. */
export async function deleteInstance(store: ObjectStore, instance: TransferIdentity): Promise<number> {
  let objects = 0;
  for (const prefixOf of Object.values(DELETION_ORDER)) {
    const keys = await store.list(prefixOf(instance));
    await deleteObjects(store, keys);
    objects += keys.length;
  }
  return objects;
}
