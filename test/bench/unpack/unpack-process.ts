import { S3Client } from '@aws-sdk/client-s3';
import { storedRanges } from '../../../lambdas/lib/account-data/unpack/range-source.ts';
import { unpackArchives } from '../../../lambdas/lib/account-data/unpack/unpack-archives.ts';
import { unpackedManifest } from '../../../lambdas/lib/account-data/unpack/unpacked-manifest.ts';
import { readSmallEntry } from '../../../lambdas/lib/account-data/unpack/zip-content.ts';
import { readZipDirectory } from '../../../lambdas/lib/account-data/unpack/zip-directory.ts';
import { DEFAULT_UNPACK_LIMITS } from '../../../lambdas/lib/account-data/unpack-limits.ts';
import { objectStore } from '../../../lambdas/lib/lake/object-store.ts';
import { archiveKey, unpackedKey } from '../../../lambdas/lib/lake/personal-keys.ts';
import { systemClock } from '../../../lambdas/lib/runtime/clock.ts';
import { BenchmarkError } from '../benchmark.ts';
import { peakMemoryBytes } from '../process-usage.ts';
import { unpackTask } from './measured-process.ts';

const task = unpackTask.parse(JSON.parse(process.argv[2] ?? ''));
const { endpoint, region, ...credentials } = task.access;
const client = new S3Client({
  endpoint,
  region,
  credentials,
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
});
const store = objectStore(client, task.bucket);

async function verify(): Promise<{ entries: number; bytes: number }> {
  const source = storedRanges(store, archiveKey(task, 1), task.archiveBytes);
  const entries = await readZipDirectory(source, DEFAULT_UNPACK_LIMITS);
  let bytes = 0;
  for (const entry of entries) bytes += (await readSmallEntry(source, entry)).length;
  return { entries: entries.length, bytes };
}

async function unpack(): Promise<{ entries: number; bytes: number }> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const metrics = { count: () => undefined };
  const deadline = Number.POSITIVE_INFINITY;
  const deps = { clock: systemClock, deadline, log, metrics, store, limits: DEFAULT_UNPACK_LIMITS };
  const answer = await unpackArchives(deps, { ...task, cursor: null });
  const manifest = (await store.readJson(unpackedKey(task), unpackedManifest))?.value;
  if (answer.outcome !== 'unpacked' || manifest === undefined) {
    throw new BenchmarkError(`unpacking ended with ${JSON.stringify(answer)}`);
  }
  return { entries: manifest.members, bytes: manifest.bytes };
}

const start = performance.now();
const done = await (task.what === 'verify' ? verify() : unpack());
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ seconds, peakMemoryBytes: peakMemoryBytes(process.pid), ...done }));
client.destroy();
