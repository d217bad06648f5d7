import { spawnSync } from 'node:child_process';
import type { Grant } from '../../../lambdas/lib/account-data/grant.ts';
import { archiveKey, archiveListKey, grantPrefix } from '../../../lambdas/lib/lake/personal-keys.ts';
import { type Benchmark, BenchmarkError, type BenchmarkOptions, type BenchmarkResult } from '../benchmark.ts';
import { canReadUsage } from '../process-usage.ts';
import { type BenchmarkLake, openBenchmarkLake } from '../transfer/benchmark-lake.ts';
import { curlTransfer } from '../transfer/curl-transfer.ts';
import { type MeasuredTransfer, measureTransfer } from '../transfer/measured-transfer.ts';
import { isQuiet, type Round } from '../transfer/transfer-result.ts';
import { archiveResult } from './archive-result.ts';
import { type ArchiveWorld, BUCKET, LARGER, openArchiveWorld } from './archive-world.ts';
import { type CompletedRequest, completedRequest, idleGrant, importGrant } from './benchmark-grants.ts';
import { FetchFunctions } from './function-fetch.ts';

const CURL_PREFIX = 'curl/';

type Way = MeasuredTransfer['way'];

interface Setting {
  readonly world: ArchiveWorld;
  readonly lake: BenchmarkLake;
  readonly functions: FetchFunctions;
  /** A grant with nothing to fetch. */
  readonly idle: Grant;
  readonly request: CompletedRequest;
  /** Of the request's one archive. */
  readonly bytes: number;
}

/** Bytes of the one archive that was fetched; throws `BenchmarkError` unless it is there. */
async function fetchedBytes(lake: BenchmarkLake, { grantId, series }: Grant): Promise<number> {
  const requestId = series[0]?.instances[0]?.requestId ?? '';
  const identity = { grantId, requestId };
  const facts = await lake.store.facts(archiveKey(identity, 1));
  if (facts === undefined || (await lake.store.facts(archiveListKey(identity))) === undefined) {
    throw new BenchmarkError('the archive does not lie under its key');
  }
  return facts.bytes;
}

async function emptyGrant(lake: BenchmarkLake, { grantId }: Grant): Promise<void> {
  for (const kind of ['archives', 'transfers'] as const) await lake.empty(grantPrefix(kind, grantId));
}

async function moveByFunction(setting: Omit<Setting, 'bytes'>, bytes: number): Promise<MeasuredTransfer> {
  const { world, lake, functions, idle, request } = setting;
  await importGrant(lake.store, request.grant);
  const started = await functions.start(idle);
  try {
    return await measureTransfer(world, 'function', bytes, () => started.fetch(request.grant));
  } finally {
    await started.close();
  }
}

async function moveByCurl(
  { world, lake, request, bytes }: Setting,
  round: number,
): Promise<MeasuredTransfer> {
  const url = await request.url();
  const presigned = await lake.presignedPut(`${CURL_PREFIX}${round}.zip`);
  return measureTransfer(world, 'curl', bytes, () => curlTransfer(world, { url, bytes }, presigned));
}

async function move(setting: Setting, way: Way, round: number): Promise<MeasuredTransfer> {
  const { lake, request, bytes } = setting;
  if (way === 'curl') {
    const measured = await moveByCurl(setting, round);
    await lake.assertLanded(CURL_PREFIX, bytes);
    await lake.empty(CURL_PREFIX);
    return measured;
  }
  const measured = await moveByFunction(setting, bytes);
  if ((await fetchedBytes(lake, request.grant)) !== bytes)
    throw new BenchmarkError('the archive has changed');
  await emptyGrant(lake, request.grant);
  return measured;
}

async function measureRound(
  setting: Setting,
  number: number,
  { progress }: BenchmarkOptions,
): Promise<Round> {
  // Who begins changes, so that neither way always finds the machine as the other left it.
  const order: readonly Way[] = number % 2 === 1 ? ['curl', 'function'] : ['function', 'curl'];
  const measured = new Map<Way, MeasuredTransfer>();
  for (const way of order) {
    progress.step(`round ${number}: ${way === 'curl' ? 'curl | curl' : 'FetchArchives'}`);
    measured.set(way, await move(setting, way, number));
  }
  const [curl, fetchArchives] = [measured.get('curl'), measured.get('function')];
  if (curl === undefined || fetchArchives === undefined) throw new BenchmarkError('a round is incomplete');
  return { curl, function: fetchArchives };
}

/** A disturbed round is repeated, at most as often as there were to be rounds. */
async function measureRounds(setting: Setting, options: BenchmarkOptions): Promise<Round[]> {
  const measured: Round[] = [];
  while (measured.filter(isQuiet).length < options.rounds && measured.length < 2 * options.rounds) {
    measured.push(await measureRound(setting, measured.length + 1, options));
  }
  return measured;
}

/** Fetches an archive once; what it measures counts only where its size was known before. */
async function fetchOnce(setting: Omit<Setting, 'bytes'>, expectedBytes: number) {
  const transfer = await moveByFunction(setting, expectedBytes);
  const bytes = await fetchedBytes(setting.lake, setting.request.grant);
  await emptyGrant(setting.lake, setting.request.grant);
  const megabytesPerSecond = bytes / 1e6 / transfer.seconds;
  return { bytes, transfer: { ...transfer, megabytesPerSecond } };
}

async function measureIn(world: ArchiveWorld, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const functions = await FetchFunctions.open(world);
  const lake = openBenchmarkLake(world.s3.ready, BUCKET);
  try {
    const idle = idleGrant(world, 'large');
    await importGrant(lake.store, idle);
    const request = await completedRequest(world, lake.store, 'large');
    const setting = { world, lake, functions, idle, request };
    options.progress.step('finding the size of the archive');
    const { bytes } = await fetchOnce(setting, options.bytes);
    const rounds = await measureRounds({ ...setting, bytes }, options);
    options.progress.step('fetching the larger archive');
    const larger = { ...setting, request: await completedRequest(world, lake.store, 'larger') };
    return archiveResult(rounds, bytes, await fetchOnce(larger, LARGER * options.bytes));
  } finally {
    lake.close();
    await functions.close();
  }
}

async function run(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const world = await openArchiveWorld(options);
  try {
    return await measureIn(world, options);
  } finally {
    await world.close();
  }
}

/** One big archive from simulated Apple to S3 by the FetchArchives bundle, beside `curl | curl`. */
export const archive: Benchmark = {
  name: 'archive',
  description:
    'one big archive over loopback TLS by FetchArchives, beside curl | curl, and one five times as big',
  missingTools() {
    const tools = ['sh', 'curl', 'openssl'].filter(
      (tool) => spawnSync(tool, ['-c', ':'], { stdio: 'ignore' }).error !== undefined,
    );
    return canReadUsage() ? tools : [...tools, '/proc'];
  },
  run,
};
