import { synthesize } from '../../local/assembly/synthesize.ts';

/** The one account of the product that tests assemble. */
export const ACCOUNT_NAME = 'main';

/** Apple's hosts, each with an origin of its own. */
export type Origins = Readonly<
  Record<'api' | 'downloads' | 'accountDataTransfer' | 'appDataTransfer' | 'oauth' | 'assets', string>
>;

/** Stand in the assembly for Apple's origins, which a test has only once its servers listen; nothing answers there. */
export const ORIGINS_TO_FILL_IN: Origins = {
  api: 'http://api.apple.invalid',
  downloads: 'http://downloads.apple.invalid',
  accountDataTransfer: 'http://account-data-transfer.apple.invalid',
  appDataTransfer: 'http://app-data-transfer.apple.invalid',
  oauth: 'http://oauth.apple.invalid',
  assets: 'http://assets.apple.invalid',
};

/** So many superseded instances stay that a test can compare a whole series with what Apple served. */
const KEPT_INSTANCES = 30;

/** What of a configuration says where Apple is, and switches account data on. */
export function appleAt(origins: Origins) {
  return {
    appleBaseUrl: origins.api,
    trustedOrigins: Object.values(origins),
    accountData: {
      accountDataTransferBaseUrl: origins.accountDataTransfer,
      appDataTransferBaseUrl: origins.appDataTransfer,
      oauthBaseUrl: origins.oauth,
      keepSuperseded: KEPT_INSTANCES,
    },
  };
}

/** One account, account data, all else as it is by default. */
export const PRODUCT_CONFIGURATION = {
  accounts: [{ name: ACCOUNT_NAME }],
  ...appleAt(ORIGINS_TO_FILL_IN),
};

/** Synthesizes the product for many tests; each fills in its own origins and account when it loads the assembly. */
export async function synthesizeProduct(directory: string): Promise<void> {
  await synthesize({ directory, context: { appleDataPipeline: PRODUCT_CONFIGURATION } });
}
