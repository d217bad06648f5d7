import type { InstanceReference } from '../../lambdas/lib/account-data/contracts.ts';
import type { Grant } from '../../lambdas/lib/account-data/grant.ts';
import type { ObjectStore } from '../../lambdas/lib/lake/object-store.ts';
import { realClock } from '../clock.ts';
import { dueInstance, isUnfinished } from './grant-standing.ts';
import { openLakeGrants } from './grants-lake.ts';
import { awsClients, type DeployedGrants, openDeployedGrants, type StartResult } from './grants-stack.ts';
import { namedGrants, readGrants } from './stored-grants.ts';

/** Works with the grants of a lake, or of the deployed stacks. */
export async function withGrants<Result>(
  lakeDirectory: string | undefined,
  work: (grants: ObjectStore) => Promise<Result>,
): Promise<Result> {
  if (lakeDirectory === undefined) return work((await openDeployedGrants(awsClients())).grants);
  const lake = await openLakeGrants(lakeDirectory, realClock);
  try {
    return await work(lake.grants);
  } finally {
    await lake.close();
  }
}

/** An instance that is to be worked on, or why nothing of the grant is. */
export type Startable =
  | { readonly grant: Grant; readonly reference: InstanceReference }
  | { readonly grant: Grant; readonly refusal: string };

/**
 * What to start of the grants that are named, or of every active one that is not at its end when none is. Fails with
 * GrantNotFoundError.
 */
export async function startable(store: ObjectStore, names: readonly string[]): Promise<Startable[]> {
  const grants = await readGrants(store);
  const chosen = names.length === 0 ? grants.filter(isUnfinished) : namedGrants(grants, names);
  return chosen.map((grant) => {
    if (grant.status !== 'active')
      return { grant, refusal: `${grant.status}: import a new authorisation first` };
    return { grant, reference: dueInstance(grant) };
  });
}

/** What became of a grant that was to be started. */
export interface StartedGrant {
  readonly grantId: string;
  readonly reference: InstanceReference | undefined;
  readonly result: StartResult | 'refused';
  readonly reason: string;
}

/** Starts each in turn on the deployed machine; a grant that cannot be started stops none of the others. */
export async function startDeployed(
  { grants, start }: DeployedGrants,
  names: readonly string[],
): Promise<StartedGrant[]> {
  const results: StartedGrant[] = [];
  for (const each of await startable(grants, names)) {
    const { grantId } = each.grant;
    results.push(
      'refusal' in each
        ? { grantId, reference: undefined, result: 'refused', reason: each.refusal }
        : { grantId, reference: each.reference, result: await start(each.reference), reason: '' },
    );
  }
  return results;
}
