import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import type { Service } from '../account-data/contracts.ts';
import type { AccountDataMetrics, AppleDeps, CancelDeps } from '../account-data/deps.ts';
import { type Grant, updateGrant } from '../account-data/grant.ts';
import { type AccountDataTransferOptions, accountDataTransfer } from '../apple/account-data-transfer.ts';
import { type AssetDownloaderOptions, assetDownloader } from '../apple/asset-download.ts';
import { type AddressLookup, systemLookup } from '../apple/asset-hosts.ts';
import { grantTokens } from '../apple/grant-tokens.ts';
import { oauthClient } from '../apple/oauth.ts';
import { type Transport, undiciTransport } from '../apple/transport.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { type Clock, systemClock } from './clock.ts';
import { requiredEnv } from './env.ts';
import type { Invocation } from './handler.ts';
import { type MachineExecutions, machineExecutions } from './machine-executions.ts';
import { type PersonalStores, personalStores } from './personal-store.ts';
import { secretReader } from './secret-reader.ts';
import { promptMetrics } from './storage-deps.ts';

/** Where Apple is reached and how the secret is read: what differs between production and an in-process test. */
export interface AccountDataAccess {
  /** Base URL of each service; only the origins are used. */
  readonly baseUrls: Readonly<Record<Service, string>> & { readonly oauth: string };
  /** Exact origins that may be called as they stand. */
  readonly trustedOrigins: readonly string[];
  /** Hosts of archives, exact or as suffixes with a leading dot; empty admits every public host. */
  readonly assetHosts: readonly string[];
  readonly dataSharingSecretArn: string;
  readonly renewSeries: boolean;
  readonly transport: Transport;
  readonly lookup: AddressLookup;
  readonly clock: Clock;
  readonly metrics: AccountDataMetrics;
  /** In real milliseconds; what is left out has the clients' own default. */
  readonly timeouts?: {
    readonly api?: NonNullable<AccountDataTransferOptions['timeouts']>;
    readonly assets?: NonNullable<AssetDownloaderOptions['timeouts']>;
  };
  /** Instead of random ids and back-offs. */
  readonly newTransactionId?: () => string;
  readonly random?: () => number;
  readSecret(secretArn: string): Promise<string>;
}

/**
 * Makes the dependencies of one invocation of a function that calls Apple; access tokens and the data sharing key
 * are kept between invocations, in memory only.
 */
export function accountDataDepsFactory(
  access: AccountDataAccess,
  stores: PersonalStores,
): (invocation: Invocation) => AppleDeps {
  const { baseUrls, trustedOrigins, transport, clock, timeouts = {} } = access;
  const random = access.random === undefined ? {} : { random: access.random };
  const oauth = oauthClient({
    baseUrl: baseUrls.oauth,
    trustedOrigins,
    transport,
    clock,
    readSecret: () => access.readSecret(access.dataSharingSecretArn),
    ...random,
    ...(timeouts.api === undefined ? {} : { timeouts: timeouts.api }),
  });
  const tokens = grantTokens({ oauth, clock });
  const assets = assetDownloader({
    trustedOrigins,
    assetHosts: access.assetHosts,
    lookup: access.lookup,
    transport,
    ...(timeouts.assets === undefined ? {} : { timeouts: timeouts.assets }),
  });

  return ({ deadline, log }) => ({
    clock,
    log,
    deadline,
    metrics: access.metrics,
    store: stores.store,
    grants: stores.grants,
    renewSeries: access.renewSeries,
    connect: (grant) =>
      accountDataTransfer({
        service: grant.service,
        subject: `grant ${grant.grantId}`,
        baseUrl: baseUrls[grant.service],
        trustedOrigins,
        transport,
        tokens: tokens.of(grant, (replaced, present) =>
          keepRefreshToken(stores.grants, grant, replaced, present),
        ),
        clock,
        log,
        deadline,
        ...random,
        ...(timeouts.api === undefined ? {} : { timeouts: timeouts.api }),
        ...(access.newTransactionId === undefined ? {} : { newTransactionId: access.newTransactionId }),
      }),
    openAsset: (url, options) => assets.open(url, options),
  });
}

async function keepRefreshToken(
  grants: ObjectStore,
  { grantId }: Grant,
  replaced: string,
  refreshToken: string,
): Promise<void> {
  await updateGrant(grants, grantId, (present) =>
    // Another one was imported meanwhile: that of a newer consent stays.
    present.refreshToken === replaced ? { ...present, refreshToken } : present,
  );
}

/** The same for cancelling, which also stops and starts executions. */
export function cancelDepsFactory(
  access: AccountDataAccess,
  stores: PersonalStores,
  executions: MachineExecutions,
): (invocation: Invocation) => CancelDeps {
  const depsOf = accountDataDepsFactory(access, stores);
  return (invocation) => ({
    ...depsOf(invocation),
    stopExecution: (name) => executions.stopExecution(name),
    startExecution: (name, input) => executions.startExecution(name, input),
  });
}

function productionAccess(): AccountDataAccess {
  const listOf = (name: string) => z.array(z.string().min(1)).parse(JSON.parse(requiredEnv(name)));
  return {
    baseUrls: {
      'account-data': requiredEnv('ACCOUNT_DATA_TRANSFER_BASE_URL'),
      'app-data': requiredEnv('APP_DATA_TRANSFER_BASE_URL'),
      oauth: requiredEnv('OAUTH_BASE_URL'),
    },
    trustedOrigins: listOf('TRUSTED_ORIGINS'),
    assetHosts: listOf('ASSET_HOSTS'),
    dataSharingSecretArn: requiredEnv('DATA_SHARING_SECRET_ARN'),
    renewSeries: z.enum(['true', 'false']).parse(requiredEnv('RENEW_SERIES')) === 'true',
    transport: undiciTransport(),
    lookup: systemLookup,
    clock: systemClock,
    metrics: promptMetrics(),
    readSecret: secretReader(new SecretsManagerClient({})),
  };
}

/** Production wiring of the functions that call Apple: environment, real clock, undici, Secrets Manager. */
export function productionAccountDataDeps(): (invocation: Invocation) => AppleDeps {
  return accountDataDepsFactory(productionAccess(), personalStores());
}

/** Production wiring of the function that cancels. */
export function productionCancelDeps(): (invocation: Invocation) => CancelDeps {
  const executions = machineExecutions(new SFNClient({}), requiredEnv('MACHINE_ARN'));
  return cancelDepsFactory(productionAccess(), personalStores(), executions);
}
