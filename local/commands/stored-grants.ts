import { type Grant, grant } from '../../lambdas/lib/account-data/grant.ts';
import { GrantNotFoundError } from '../../lambdas/lib/errors.ts';
import type { ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { GRANTS_PREFIX, tombstoneKey } from '../../lambdas/lib/lake/personal-keys.ts';
import { mapBounded } from '../../lambdas/lib/runtime/bounded.ts';

const READS_IN_FLIGHT = 16;

/** Every grant of a personal bucket, in the order of their ids. Fails with PayloadContractError for a damaged one. */
export async function readGrants(store: ObjectStore): Promise<Grant[]> {
  const keys = await store.list(GRANTS_PREFIX);
  const found = await mapBounded(keys, READS_IN_FLIGHT, (key) => store.readJson(key, grant));
  return found.flatMap((stored) => (stored === undefined ? [] : [stored.value]));
}

/** The grants that `names` name, each by its id or by the importer's own name. Fails with GrantNotFoundError. */
export function namedGrants(grants: readonly Grant[], names: readonly string[]): Grant[] {
  const named = names.map((name, index) => {
    const found = grants.find(({ grantId, externalId }) => grantId === name || externalId === name);
    if (found !== undefined) return found;
    throw new GrantNotFoundError(
      `No grant has the id or the external id given at place ${index + 1}: npm run grants -- list shows them all.`,
    );
  });
  return [...new Set(named)];
}

/** Whether everything of the grant is being erased, so that nothing may be begun with it. */
export async function isErased(store: ObjectStore, grantId: string): Promise<boolean> {
  return (await store.facts(tombstoneKey(grantId))) !== undefined;
}
