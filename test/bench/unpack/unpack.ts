import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { TransferManifest } from '../../../lambdas/lib/account-data/transfer-manifest.ts';
import { multipartPut } from '../../../lambdas/lib/lake/multipart-put.ts';
import { jsonText, type ObjectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { archiveKey, transferKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { type Benchmark, BenchmarkError, type BenchmarkOptions, type BenchmarkResult } from '../benchmark.ts';
import { canReadUsage } from '../process-usage.ts';
import { startStandIn } from '../stand-in-process.ts';
import { openBenchmarkLake } from '../transfer/benchmark-lake.ts';
import { type Measured, runTask, type UnpackTask, unzipSeconds } from './measured-process.ts';
import { type BenchmarkArchive, manyEntries, oneLargeEntry, oneLargeTable } from './unpack-input.ts';
import { type Round, unpackResult } from './unpack-result.ts';

const BUCKET = 'personal';
/** Of the bytes that a round is asked to move: 10,000 entries of 10 kB, one of 4 GB and a table of 500 MB for a gigabyte. */
const BYTES_PER_ENTRY = 100_000;
const LARGE_FACTOR = 4;
const TABLE_FACTOR = 0.5;

const s3Ready = z.object({
  endpoint: z.string(),
  region: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
});

type Instance = Omit<UnpackTask, 'access' | 'bucket' | 'what'>;

/** Puts an instance with one archive there as the transfer would. */
async function putInstance(store: ObjectStore, { archive }: BenchmarkArchive): Promise<Instance> {
  const identity = { grantId: randomUUID(), requestId: randomUUID().toUpperCase() };
  await multipartPut(store, archiveKey(identity, 1), Readable.from([archive]), {
    onlyIfAbsent: false,
    metadata: {},
  });
  const manifest: TransferManifest = {
    ...identity,
    ...{ parentRequestId: null, service: 'account-data', mode: 'ONE_TIME', series: 1, instance: 1 },
    ...{ instanceAt: '2026-11-21T00:00:00Z', partial: false },
    archives: [{ number: 1, name: '1.zip', outcome: 'fetched', bytes: archive.length }],
  };
  await store.writeText(transferKey(identity), jsonText(manifest));
  return { ...identity, archiveBytes: archive.length };
}

function assertWhole(measured: Measured, { entries, bytes }: BenchmarkArchive): Measured {
  if (measured.entries === entries && measured.bytes === bytes) return measured;
  throw new BenchmarkError(
    `${measured.entries} entries of ${measured.bytes} bytes came out, not ${entries} of ${bytes}`,
  );
}

async function measureIn(
  access: UnpackTask['access'],
  store: ObjectStore,
  directory: string,
  { rounds: count, bytes, progress }: BenchmarkOptions,
): Promise<BenchmarkResult> {
  progress.step('making the archives');
  const many = manyEntries(Math.ceil(bytes / BYTES_PER_ENTRY));
  const file = join(directory, 'many.zip');
  await writeFile(file, many.archive);
  const task = { access, bucket: BUCKET, ...(await putInstance(store, many)) };
  const rounds: Round[] = [];
  for (let number = 1; number <= count; number += 1) {
    progress.step(`round ${number}`);
    const unzipped = await unzipSeconds(file);
    rounds.push({
      unzipSeconds: unzipped,
      verify: assertWhole(await runTask({ ...task, what: 'verify' }), many),
    });
  }
  const unpackOnly = async (what: string, made: BenchmarkArchive) => {
    progress.step(`unpacking ${what}`);
    const instance = await putInstance(store, made);
    return assertWhole(await runTask({ access, bucket: BUCKET, ...instance, what: 'unpack' }), made);
  };
  return unpackResult(rounds, {
    manyEntries: await unpackOnly('the many entries', many),
    oneLargeEntry: await unpackOnly('the large entry', oneLargeEntry(LARGE_FACTOR * bytes)),
    oneLargeTable: await unpackOnly('the large table', oneLargeTable(TABLE_FACTOR * bytes)),
  });
}

async function run(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const directory = await mkdtemp(join(tmpdir(), 'unpack-benchmark-'));
  // Also when a signal ends this process.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const s3 = await startStandIn('s3', ['--port', '0', '--dir', join(directory, 's3')], s3Ready);
  const { store, close } = openBenchmarkLake(s3.ready, BUCKET);
  try {
    await store.client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    return await measureIn(s3.ready, store, directory, options);
  } finally {
    close();
    await s3.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Ten thousand small entries beside `unzip -p`, one entry of gigabytes, and one large table. */
export const unpack: Benchmark = {
  name: 'unpack',
  description:
    'many small entries read and verified from local S3, beside unzip -p; a large entry and a large table unpacked',
  missingTools() {
    const tools = spawnSync('unzip', ['-v'], { stdio: 'ignore' }).error === undefined ? [] : ['unzip'];
    return canReadUsage() ? tools : [...tools, '/proc'];
  },
  run,
};
