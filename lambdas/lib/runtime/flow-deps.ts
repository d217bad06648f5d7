import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import type { FlowDeps, KeyRole } from '../analytics/app-step.ts';
import { workerShare } from '../analytics/call-rate.ts';
import type { Account } from '../analytics/contracts.ts';
import { type AppStoreConnectOptions, appStoreConnect } from '../apple/app-store-connect.ts';
import { type DownloaderOptions, downloader } from '../apple/download.ts';
import { pacer } from '../apple/pacing.ts';
import type { KeyKind } from '../apple/secret.ts';
import { type TokenSource, tokenSource } from '../apple/token.ts';
import { type Transport, undiciTransport } from '../apple/transport.ts';
import { SecretUnavailableError } from '../errors.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { analyticsStore } from './analytics-store.ts';
import { type Clock, systemClock } from './clock.ts';
import { requiredEnv } from './env.ts';
import type { Invocation } from './handler.ts';
import { secretReader } from './secret-reader.ts';

/** Where Apple is reached and how secrets are read: what differs between production and an in-process test. */
export interface AppleAccess {
  readonly baseUrl: string;
  readonly trustedOrigins: readonly string[];
  readonly transport: Transport;
  readonly clock: Clock;
  /** In real milliseconds; what is left out has the clients' own default. */
  readonly timeouts?: {
    readonly api?: NonNullable<AppStoreConnectOptions['timeouts']>;
    readonly download?: NonNullable<DownloaderOptions['timeouts']>;
  };
  readSecret(secretArn: string): Promise<string>;
}

/** Makes the dependencies of one invocation; tokens are kept between invocations, in memory only. */
export function flowDepsFactory(
  access: AppleAccess,
  store: ObjectStore,
): (invocation: Invocation) => FlowDeps {
  const { baseUrl, trustedOrigins, transport, clock, timeouts = {} } = access;
  const tokenSources = new Map<string, TokenSource>();
  const tokensOf = (secretArn: string, describe: string, kind: KeyKind | undefined): TokenSource => {
    // A warm function outlives a change of the configured kind.
    const name = `${kind ?? 'any'} ${secretArn}`;
    const known = tokenSources.get(name);
    if (known !== undefined) return known;
    const created = tokenSource({ readSecret: () => access.readSecret(secretArn), clock, describe, kind });
    tokenSources.set(name, created);
    return created;
  };
  const secretArnOf = (account: Account, role: KeyRole): string => {
    const arn = role === 'reader' ? account.readerSecretArn : account.adminSecretArn;
    if (arn !== undefined) return arn;
    throw new SecretUnavailableError(`Account ${account.name} has no ${role} secret: configure one.`, {
      details: { account: account.name, role },
    });
  };
  const downloads = downloader({
    trustedOrigins,
    transport,
    ...(timeouts.download === undefined ? {} : { timeouts: timeouts.download }),
  });

  return ({ deadline, log }) => ({
    clock,
    log,
    store,
    deadline,
    connect: (account, role) => {
      const share = workerShare(account);
      return appStoreConnect({
        baseUrl,
        trustedOrigins,
        transport,
        tokens: tokensOf(
          secretArnOf(account, role),
          `${role} key of account ${account.name}`,
          role === 'reader' ? account.key : undefined,
        ),
        pacer: pacer({ ...share, clock }),
        clock,
        callBudgetReserve: account.callBudgetReserve,
        log,
        deadline,
        ...(timeouts.api === undefined ? {} : { timeouts: timeouts.api }),
      });
    },
    openDownload: (url, options) => downloads.open(url, options),
  });
}

/** Production wiring of the functions that call Apple: environment, real clock, undici, Secrets Manager. */
export function productionFlowDeps(): (invocation: Invocation) => FlowDeps {
  const trustedOrigins = z.array(z.url()).parse(JSON.parse(requiredEnv('TRUSTED_ORIGINS')));
  const access: AppleAccess = {
    baseUrl: requiredEnv('APP_STORE_CONNECT_BASE_URL'),
    trustedOrigins,
    transport: undiciTransport(),
    clock: systemClock,
    readSecret: secretReader(new SecretsManagerClient({})),
  };
  return flowDepsFactory(access, analyticsStore());
}
