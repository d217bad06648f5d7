import { synthesize } from '../../local/assembly/synthesize.ts';

/** The one account of the product that tests assemble. */
export const ACCOUNT_NAME = 'main';

/** Stand in the assembly for Apple's two origins, which a test has only once its servers listen; nothing answers there. */
export const ORIGINS_TO_FILL_IN = {
  api: 'http://api.apple.invalid',
  downloads: 'http://downloads.apple.invalid',
};

/** One account, all else as it is by default. */
export const PRODUCT_CONFIGURATION = {
  accounts: [{ name: ACCOUNT_NAME }],
  appleBaseUrl: ORIGINS_TO_FILL_IN.api,
  trustedOrigins: Object.values(ORIGINS_TO_FILL_IN),
};

/** Synthesizes the product for many tests; each fills in its own origins and account when it loads the assembly. */
export async function synthesizeProduct(directory: string): Promise<void> {
  await synthesize({ directory, context: { appleDataPipeline: PRODUCT_CONFIGURATION } });
}
