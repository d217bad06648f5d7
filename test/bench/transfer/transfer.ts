import { spawnSync } from 'node:child_process';
import type { Progress } from '../../../local/commands/progress.ts';
import { type Benchmark, BenchmarkError, type BenchmarkOptions, type BenchmarkResult } from '../benchmark.ts';
import { canReadUsage } from '../process-usage.ts';
import { benchmarkAppStoreConnect, listSegment } from './apple-segment.ts';
import { type BenchmarkLake, openBenchmarkLake } from './benchmark-lake.ts';
import { curlTransfer } from './curl-transfer.ts';
import { TransferFunctions } from './function-transfer.ts';
import { type MeasuredTransfer, measureTransfer } from './measured-transfer.ts';
import { isQuiet, type Round, transferResult } from './transfer-result.ts';
import { BUCKET, openTransferWorld, type TransferWorld } from './transfer-world.ts';

const CURL_PREFIX = 'curl/';
const RAW_PREFIX = 'raw/';

type Way = MeasuredTransfer['way'];

interface Setting {
  readonly world: TransferWorld;
  readonly lake: BenchmarkLake;
  readonly functions: TransferFunctions;
  readonly planKey: string;
  readonly bytes: number;
  /** A fresh URL each time. */
  listSegment(): ReturnType<typeof listSegment>;
}

async function moveByFunction({ world, functions, planKey, bytes }: Setting): Promise<MeasuredTransfer> {
  const started = await functions.start(planKey);
  try {
    return await measureTransfer(world, 'function', bytes, () => started.land());
  } finally {
    await started.close();
  }
}

async function moveByCurl(setting: Setting, key: string): Promise<MeasuredTransfer> {
  const { world, lake, bytes } = setting;
  const segment = await setting.listSegment();
  const presigned = await lake.presignedPut(key);
  return measureTransfer(world, 'curl', bytes, () => curlTransfer(world, segment, presigned));
}

async function move(setting: Setting, way: Way, round: number): Promise<MeasuredTransfer> {
  const { lake, bytes } = setting;
  const measured =
    way === 'curl'
      ? await moveByCurl(setting, `${CURL_PREFIX}${round}.tsv.gz`)
      : await moveByFunction(setting);
  await lake.assertLanded(way === 'curl' ? CURL_PREFIX : RAW_PREFIX, bytes);
  for (const prefix of [CURL_PREFIX, RAW_PREFIX, 'ledger/']) await lake.empty(prefix);
  return measured;
}

async function measureRound(setting: Setting, number: number, progress: Progress): Promise<Round> {
  // Who begins changes, so that neither way always finds the machine as the other left it.
  const order: readonly Way[] = number % 2 === 1 ? ['curl', 'function'] : ['function', 'curl'];
  const measured = new Map<Way, MeasuredTransfer>();
  for (const way of order) {
    progress.step(`round ${number}: ${way === 'curl' ? 'curl | curl' : 'LandSegments'}`);
    measured.set(way, await move(setting, way, number));
  }
  const [curl, landSegments] = [measured.get('curl'), measured.get('function')];
  if (curl === undefined || landSegments === undefined) throw new BenchmarkError('a round is incomplete');
  return { curl, function: landSegments };
}

/** A disturbed round is repeated, at most as often as there were to be rounds. */
async function measureRounds(setting: Setting, { rounds, progress }: BenchmarkOptions): Promise<Round[]> {
  const measured: Round[] = [];
  while (measured.filter(isQuiet).length < rounds && measured.length < 2 * rounds) {
    measured.push(await measureRound(setting, measured.length + 1, progress));
  }
  return measured;
}

async function measureIn(world: TransferWorld, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const functions = await TransferFunctions.open(world);
  const lake = openBenchmarkLake(world.s3.ready, BUCKET);
  try {
    options.progress.step('planning the instance');
    const planKey = await functions.plan();
    const instanceId = await lake.plannedInstanceId(planKey);
    const apple = benchmarkAppStoreConnect(world);
    const { bytes } = await listSegment(apple, instanceId);
    const setting = {
      ...{ world, lake, functions, planKey, bytes },
      listSegment: () => listSegment(apple, instanceId),
    };
    return transferResult(await measureRounds(setting, options), bytes);
  } finally {
    lake.close();
    await functions.close();
  }
}

async function run(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const world = await openTransferWorld(options);
  try {
    return await measureIn(world, options);
  } finally {
    await world.close();
  }
}

/** One big segment from simulated Apple to S3 by the LandSegments bundle, beside `curl | curl`. */
export const transfer: Benchmark = {
  name: 'transfer',
  description: 'one big segment over loopback TLS by LandSegments, beside curl | curl',
  missingTools() {
    const tools = ['sh', 'curl', 'openssl'].filter(
      (tool) => spawnSync(tool, ['-c', ':'], { stdio: 'ignore' }).error !== undefined,
    );
    return canReadUsage() ? tools : [...tools, '/proc'];
  },
  run,
};
