import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Scenario } from '../../../local/apple/scenario.ts';
import type { BenchmarkOptions } from '../benchmark.ts';
import { openStandInWorld, type StandInWorld } from '../stand-in-world.ts';

const appleReady = z.object({
  appStoreConnect: z.url(),
  downloads: z.url(),
  issuerId: z.string(),
  keyId: z.string(),
  privateKeyFile: z.string(),
  apps: z.array(z.string()).min(1),
});
type ReadyApple = z.output<typeof appleReady>;

/** Report whose one instance is the segment that is moved. */
const REPORT = 'App Downloads Standard';

export const ACCOUNT = 'main';
export const BUCKET = 'analytics';

/** Simulated Apple with one big segment. */
export interface TransferWorld extends StandInWorld<ReadyApple> {
  /** Content of the account's reader secret. */
  readonly secret: string;
}

/** One app with one report that publishes one instance, a segment of at least so many bytes, today. */
function scenario(segmentBytes: number): Scenario {
  return {
    publicationHour: 0,
    firstDataDelayHours: 0,
    apps: [
      {
        reports: [{ name: REPORT, segments: 1, segmentBytes }],
        requests: [{ accessType: 'ONGOING', createdDaysAgo: 1 }],
      },
    ],
  };
}

function context({ appStoreConnect, downloads }: ReadyApple): Readonly<Record<string, unknown>> {
  const account = {
    name: ACCOUNT,
    adminKey: false,
    reports: [REPORT],
    granularities: ['DAILY'],
    concurrency: 1,
  };
  return {
    appleDataPipeline: {
      accounts: [account],
      appleBaseUrl: appStoreConnect,
      trustedOrigins: [appStoreConnect, downloads],
    },
  };
}

/** Starts everything that a transfer needs. */
export async function openTransferWorld({ bytes, progress }: BenchmarkOptions): Promise<TransferWorld> {
  const world = await openStandInWorld({
    name: 'transfer-benchmark',
    bucket: BUCKET,
    scenario: scenario(bytes),
    appleReady,
    context,
    progress,
  });
  const { issuerId, keyId, privateKeyFile } = world.apple.ready;
  const secret = { privateKey: await readFile(privateKeyFile, 'utf8'), keyId, issuerId };
  return { ...world, secret: JSON.stringify(secret) };
}
