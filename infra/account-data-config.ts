import { z } from 'zod';
import { unpackLimits } from '../lambdas/lib/account-data/unpack-limits.ts';
import { origin } from './origin.ts';

const HOST = /^\.?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$/;

/** The configuration of Account Data Transfer, every default filled in. */
export const accountDataFields = z.strictObject({
  /** Origin of Account Data Transfer. */
  accountDataTransferBaseUrl: origin.default('https://accountdatatransfer.apple.com'),
  /** Origin of App Data Transfer. */
  appDataTransferBaseUrl: origin.default('https://appdatatransfer.apple.com'),
  /** Origin of the token endpoint. */
  oauthBaseUrl: origin.default('https://appleid.apple.com'),
  /**
   * Hosts that archives may come from, in lower case: exact, or with a leading dot for every host below a domain.
   * Default: every public host, since Apple does not publish its own.
   */
  assetHosts: z
    .array(z.string().regex(HOST, 'must be a host, or .domain for every host below it'))
    .default([]),
  /** Superseded instances of a grant that are kept beside its current one, 0 to 1000. Default 2. */
  keepSuperseded: z.int().min(0).max(1000).default(2),
  /** Whether a grant whose series reached its end gets another one. Default false. */
  renewSeries: z.boolean().default(false),
  /** How much an archive may hold before it is refused. */
  limits: unpackLimits.default(unpackLimits.parse({})),
});
export type AccountDataConfiguration = z.infer<typeof accountDataFields>;

const BASE_URLS = ['accountDataTransferBaseUrl', 'appDataTransferBaseUrl', 'oauthBaseUrl'] as const;

/** Names of the base URLs that may not be used as they stand. */
export function accountDataOriginProblems(
  configuration: AccountDataConfiguration,
  isTrusted: (url: string) => boolean,
): string[] {
  return BASE_URLS.filter((field) => !isTrusted(configuration[field]));
}
