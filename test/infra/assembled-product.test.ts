import { describe, expect, it, vi } from 'vitest';
import { loadAssembly } from '../../local/assembly/load.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import { filledIn } from '../support/assembled-product.ts';
import { appleAt, ORIGINS_TO_FILL_IN, PRODUCT_CONFIGURATION } from '../support/product-assembly.ts';
import { buildApp } from './synthesized.ts';

const ORIGINS = {
  api: 'http://127.0.0.1:4711',
  downloads: 'http://127.0.0.1:4712',
  accountDataTransfer: 'http://127.0.0.1:4713',
  appDataTransfer: 'http://127.0.0.1:4714',
  oauth: 'http://127.0.0.1:4715',
  assets: 'http://127.0.0.1:4716',
};
const ACCOUNT = {
  reports: ['App Crashes', 'App Downloads Standard'],
  granularities: ['DAILY', 'WEEKLY'],
  concurrency: 1,
  callsInFlight: 3,
} as const;

// These templates are compared, not judged.
vi.stubEnv('CDK_VALIDATION', 'false');

async function synthesized(appleDataPipeline: object): Promise<Assembly> {
  return loadAssembly(buildApp({ appleDataPipeline }).app.synth().directory);
}

/** Resources that are compared as what the runtime made of them, or that it does not read. */
const COMPARED_OTHERWISE = /^AWS::(Lambda::Function|Scheduler::Schedule|Glue::|Athena::)/;

/** All that the local runtime runs, policies included; only the bundles are left out, which these apps lack. */
function whatRuns({ buckets, functions, machines, resources, schedules, secrets }: Assembly) {
  return {
    buckets,
    functions: functions.map(({ assetDirectory: _, ...rest }) => rest),
    machines,
    resources: resources
      .filter(({ type }) => !COMPARED_OTHERWISE.test(type))
      .map(({ constructPath, type, properties }) => ({ constructPath, type, properties })),
    schedules,
    secrets,
  };
}

describe('the assembly that test files share', () => {
  it('is, filled in for a test, what would have been synthesized for it', async () => {
    const shared = await synthesized(PRODUCT_CONFIGURATION);
    const own = await synthesized({
      accounts: [{ name: 'main', ...ACCOUNT }],
      ...appleAt(ORIGINS),
    });

    expect(whatRuns(filledIn(shared, ORIGINS, ACCOUNT))).toEqual(whatRuns(own));
    expect(whatRuns(shared)).not.toEqual(whatRuns(own));
    expect(JSON.stringify(whatRuns(own))).not.toContain(ORIGINS_TO_FILL_IN.api);
  });
});
