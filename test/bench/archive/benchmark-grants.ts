import { randomUUID } from 'node:crypto';
import { type Grant, grant as grantSchema } from '../../../lambdas/lib/account-data/grant.ts';
import type { AccountDataTransfer } from '../../../lambdas/lib/apple/account-data-answers.ts';
import { systemLookup } from '../../../lambdas/lib/apple/asset-hosts.ts';
import { undiciTransport } from '../../../lambdas/lib/apple/transport.ts';
import { jsonText, type ObjectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { grantKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { accountDataDepsFactory } from '../../../lambdas/lib/runtime/account-data-deps.ts';
import { realClock } from '../../../local/clock.ts';
import { BenchmarkError } from '../benchmark.ts';
import type { ArchiveWorld } from './archive-world.ts';

/** A grant whose one request Apple has completed, as it lies in the bucket before it is fetched. */
export interface CompletedRequest {
  readonly grant: Grant;
  /** A fresh URL of its one archive. */
  url(): Promise<string>;
}

/** Apple's API, called by the benchmark itself. */
function benchmarkApple(
  { apple, secret }: ArchiveWorld,
  store: ObjectStore,
  grant: Grant,
): AccountDataTransfer {
  const { accountDataTransfer, appDataTransfer, oauth, assets } = apple.ready;
  const depsOf = accountDataDepsFactory(
    {
      baseUrls: { 'account-data': accountDataTransfer, 'app-data': appDataTransfer, oauth },
      trustedOrigins: [accountDataTransfer, appDataTransfer, oauth, assets],
      assetHosts: [],
      dataSharingSecretArn: 'data-sharing',
      renewSeries: false,
      transport: undiciTransport(),
      lookup: systemLookup,
      clock: realClock,
      metrics: { count: () => {} },
      readSecret: async () => secret,
    },
    { store, grants: store },
  );
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  return depsOf({ deadline: Number.POSITIVE_INFINITY, log }).connect(grant);
}

function grantOf(world: ArchiveWorld, externalId: string): Grant {
  const person = world.apple.ready.grants.find((each) => each.externalId === externalId);
  if (person === undefined) throw new BenchmarkError(`simulated Apple has no person ${externalId}`);
  return grantSchema.parse({
    ...person,
    grantId: randomUUID(),
    mode: 'ONE_TIME',
    service: 'account-data',
    status: 'active',
    series: [],
  });
}

/** The grant with one request of this state, submitted now. */
function withRequest(grant: Grant, requestId: string, state: 'in-progress' | 'cancelled'): Grant {
  const now = new Date(realClock.now()).toISOString();
  const instance = {
    number: 1,
    state,
    intent: { call: 'submit', at: now, tries: 0 },
    requestId,
    submittedAt: now,
    completionSeenAt: now,
    jobStatus: 'completed',
  };
  const series = {
    ...{ number: 1, mode: 'ONE_TIME', submittedMode: 'ONE_TIME', service: 'account-data' },
    ...{ firstSubmittedAt: now, lastSubmittedAt: now, status: 'live', instances: [instance] },
  };
  return grantSchema.parse({ ...grant, series: [series] });
}

/** Submits a request for a person, which Apple completes at once; the grant is not yet written. */
export async function completedRequest(
  world: ArchiveWorld,
  store: ObjectStore,
  externalId: string,
): Promise<CompletedRequest> {
  const grant = grantOf(world, externalId);
  const apple = benchmarkApple(world, store, grant);
  const submitted = await apple.submit('ONE_TIME');
  if (submitted.result !== 'created') throw new BenchmarkError('simulated Apple refused the request');
  const { requestId } = submitted;
  return {
    grant: withRequest(grant, requestId, 'in-progress'),
    async url() {
      const answer = await apple.downloadUrls({ requestId });
      const [url, ...more] = answer.result === 'urls' ? answer.urls : [];
      if (url === undefined || more.length > 0) throw new BenchmarkError('the request has not one archive');
      return url;
    },
  };
}

/** A grant with nothing to fetch, for the call that a function answers before it is measured. */
export function idleGrant(world: ArchiveWorld, externalId: string): Grant {
  return withRequest(grantOf(world, externalId), randomUUID(), 'cancelled');
}

/** Puts a grant into the bucket as it is; one that was fetched can be fetched again afterwards. */
export async function importGrant(store: ObjectStore, grant: Grant): Promise<void> {
  await store.writeText(grantKey(grant.grantId), jsonText(grant));
}
