import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { AccountDataScenario } from '../../../local/apple/account-data/scenario.ts';
import type { BenchmarkOptions } from '../benchmark.ts';
import { openStandInWorld, type StandInWorld } from '../stand-in-world.ts';

const appleReady = z.object({
  accountDataTransfer: z.url(),
  appDataTransfer: z.url(),
  oauth: z.url(),
  assets: z.url(),
  teamId: z.string(),
  clientId: z.string(),
  clientKeyId: z.string(),
  clientKeyFile: z.string(),
  grants: z.array(
    z.object({
      externalId: z.string(),
      refreshToken: z.string(),
      region: z.enum(['EU', 'UK', 'JP']),
      scopes: z.array(z.string()),
    }),
  ),
});
type ReadyApple = z.output<typeof appleReady>;

/** The personal bucket of the assembly. */
export const BUCKET = 'personal';

/** How many times the first archive the second one is. */
export const LARGER = 5;

/** Simulated Apple with two people of one big archive each. */
export interface ArchiveWorld extends StandInWorld<ReadyApple> {
  /** Content of the data sharing secret. */
  readonly secret: string;
}

/** Two people whose requests are complete at once, of one archive of at least so many bytes, and of five times them. */
function accountData(bytes: number): AccountDataScenario {
  const person = { mode: 'ONE_TIME', archives: 1 } as const;
  return {
    jobSeconds: 0,
    statusCheckDelaySeconds: 1,
    people: [
      { ...person, externalId: 'large', bigArchiveBytes: bytes },
      { ...person, externalId: 'larger', bigArchiveBytes: LARGER * bytes },
    ],
  };
}

function context(apple: ReadyApple): Readonly<Record<string, unknown>> {
  const { accountDataTransfer, appDataTransfer, oauth, assets } = apple;
  return {
    appleDataPipeline: {
      accounts: [{ name: 'main', adminKey: false }],
      trustedOrigins: [accountDataTransfer, appDataTransfer, oauth, assets],
      accountData: {
        accountDataTransferBaseUrl: accountDataTransfer,
        appDataTransferBaseUrl: appDataTransfer,
        oauthBaseUrl: oauth,
      },
    },
  };
}

/** Starts everything that fetching an archive needs. */
export async function openArchiveWorld({ bytes, progress }: BenchmarkOptions): Promise<ArchiveWorld> {
  const world = await openStandInWorld({
    name: 'archive-benchmark',
    bucket: BUCKET,
    scenario: { accountData: accountData(bytes) },
    appleReady,
    context,
    progress,
  });
  const { teamId, clientId, clientKeyId, clientKeyFile } = world.apple.ready;
  const privateKey = await readFile(clientKeyFile, 'utf8');
  return { ...world, secret: JSON.stringify({ privateKey, keyId: clientKeyId, teamId, clientId }) };
}
