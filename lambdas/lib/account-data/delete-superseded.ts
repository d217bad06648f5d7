import type * as z from 'zod';
import {
  kindPrefix,
  parseInstanceKey,
  type TransferIdentity,
  transferKey,
  unpackedKey,
} from '../lake/personal-keys.ts';
import { mapBounded } from '../runtime/bounded.ts';
import type { deleteSuperseded as contract } from './contracts.ts';
import type { StorageDeps } from './deps.ts';
import { type ArrivedInstance, deleteInstance, newestFirst, supersededBeyond } from './superseded.ts';
import { transferManifest } from './transfer-manifest.ts';
import { unpackedManifest } from './unpack/unpacked-manifest.ts';

/** Grants worked on at once: each waits for one answer of S3 at a time. */
const GRANTS_IN_FLIGHT = 16;

export interface DeleteSupersededDeps extends Pick<StorageDeps, 'clock' | 'log' | 'store' | 'deadline'> {
  /** Instances of a grant that are kept beside the current one and whatever is newer. */
  readonly keepSuperseded: number;
}

type Deleted = z.output<typeof contract.output>;

/**
 * Deletes what superseded instances hold, beyond the configured number, and returns how many grants, instances and
 * objects it touched. Current is, of each grant, the newest instance that was completed and unpacked whole; nothing
 * goes where there is none, and nothing of the current one or newer ones ever. May run at any time, twice, and die
 * anywhere. What the deadline leaves is deleted by the next run. One grant's failure keeps no other from its turn;
 * the first one is thrown at the end (StorageUnavailableError, PayloadContractError, or S3's refusal).
 */
export async function deleteSuperseded(deps: DeleteSupersededDeps, _input: unknown): Promise<Deleted> {
  const failures: unknown[] = [];
  let left = 0;
  const deleted = await mapBounded(await arrivedByGrant(deps), GRANTS_IN_FLIGHT, async (arrived) => {
    if (deps.clock.now() >= deps.deadline) {
      left += 1;
      return { instances: 0, objects: 0 };
    }
    try {
      return await deleteOfGrant(deps, arrived);
    } catch (error) {
      failures.push(error);
      deps.log.error('superseded instances of a grant were not deleted', {
        grantId: arrived[0]?.grantId,
        error: error instanceof Error ? error.name : 'unknown',
      });
      return { instances: 0, objects: 0 };
    }
  });
  if (left > 0) deps.log.warn('out of time: the next run goes on', { grantsLeft: left });
  if (failures.length > 0) throw failures[0];
  return {
    grants: deleted.filter(({ instances }) => instances > 0).length,
    instances: deleted.reduce((sum, { instances }) => sum + instances, 0),
    objects: deleted.reduce((sum, { objects }) => sum + objects, 0),
  };
}

/** The instances of each grant that has more of them than are kept at most; of the others nothing can go. */
async function arrivedByGrant({
  store,
  keepSuperseded,
}: DeleteSupersededDeps): Promise<readonly (readonly TransferIdentity[])[]> {
  const byGrant = new Map<string, Map<string, TransferIdentity>>();
  // An instance that was unpacked again while it was being deleted has a manifest only.
  for (const kind of ['transfers', 'manifests'] as const) {
    for (const key of await store.list(kindPrefix(kind))) {
      const instance = parseInstanceKey(key);
      if (instance === undefined) continue;
      const ofGrant = byGrant.get(instance.grantId) ?? new Map<string, TransferIdentity>();
      byGrant.set(instance.grantId, ofGrant.set(instance.requestId, instance));
    }
  }
  return [...byGrant.values()]
    .filter(({ size }) => size > keepSuperseded + 1)
    .map((ofGrant) => [...ofGrant.values()]);
}

async function deleteOfGrant(
  deps: DeleteSupersededDeps,
  arrived: readonly TransferIdentity[],
): Promise<Pick<Deleted, 'instances' | 'objects'>> {
  const instances = newestFirst(await withTimes(deps, arrived));
  const current = await newestComplete(deps, instances);
  let [count, objects] = [0, 0];
  // The oldest first: what is left by a run that dies is still a list without gaps.
  for (const instance of supersededBeyond(instances, current, deps.keepSuperseded).toReversed()) {
    if (deps.clock.now() >= deps.deadline) break;
    objects += await deleteInstance(deps.store, instance);
    count += 1;
  }
  if (count > 0) {
    deps.log.info('superseded instances deleted', {
      grantId: arrived[0]?.grantId,
      instances: count,
      objects,
    });
  }
  return { instances: count, objects };
}

async function withTimes(
  { store }: DeleteSupersededDeps,
  arrived: readonly TransferIdentity[],
): Promise<ArrivedInstance[]> {
  const instances: ArrivedInstance[] = [];
  for (const instance of arrived) {
    const manifest =
      (await store.readJson(transferKey(instance), transferManifest)) ??
      (await store.readJson(unpackedKey(instance), unpackedManifest));
    // Gone since it was listed: erased, or deleted by another run.
    if (manifest !== undefined) instances.push({ ...instance, instanceAt: manifest.value.instanceAt });
  }
  return instances;
}

/** An instance without any member supersedes nothing, as in the queries: an empty archive may mean no access. */
async function newestComplete(
  { store }: DeleteSupersededDeps,
  newestFirstInstances: readonly ArrivedInstance[],
): Promise<ArrivedInstance | undefined> {
  for (const instance of newestFirstInstances) {
    const manifest = await store.readJson(unpackedKey(instance), unpackedManifest);
    if (manifest?.value.complete === true && manifest.value.members > 0) return instance;
  }
  return undefined;
}
