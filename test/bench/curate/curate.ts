import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Benchmark, BenchmarkError, type BenchmarkOptions, type BenchmarkResult } from '../benchmark.ts';
import { canReadUsage } from '../process-usage.ts';
import { measureImports } from './bundle-import.ts';
import { rowsOf, writeInput } from './curate-input.ts';
import { curateResult, type Round } from './curate-result.ts';
import { type MeasuredCuration, runOnOneCore } from './measured-process.ts';

/** As the deployed functions run. */
const NODE_OPTIONS = ['--max-semi-space-size=4'];

type Way = keyof Round;

async function measure(way: Way, input: string, directory: string): Promise<MeasuredCuration> {
  const workDirectory = join(directory, 'work');
  await mkdir(workDirectory);
  try {
    return way === 'curate'
      ? await runOnOneCore('curate-process.ts', [input, workDirectory], NODE_OPTIONS)
      : await runOnOneCore('duckdb-process.ts', [input, workDirectory], []);
  } finally {
    await rm(workDirectory, { recursive: true });
  }
}

async function measureRounds(input: string, directory: string, options: BenchmarkOptions): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number++) {
    // Who begins changes, so that neither way always finds the machine as the other left it.
    const order: readonly Way[] = number % 2 === 1 ? ['duckdb', 'curate'] : ['curate', 'duckdb'];
    const measured = new Map<Way, MeasuredCuration>();
    for (const way of order) {
      options.progress.step(`round ${number}: ${way === 'curate' ? 'curateDelivery' : 'DuckDB COPY'}`);
      measured.set(way, await measure(way, input, directory));
    }
    const [curate, duckdb] = [measured.get('curate'), measured.get('duckdb')];
    if (curate === undefined || duckdb === undefined) throw new BenchmarkError('a round is incomplete');
    if (curate.rows !== duckdb.rows || curate.counts !== duckdb.counts) {
      throw new BenchmarkError(
        `the two ways read different rows: ${curate.rows} with ${curate.counts}, ${duckdb.rows} with ${duckdb.counts}`,
      );
    }
    rounds.push({ curate, duckdb });
  }
  return rounds;
}

async function run(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const directory = await mkdtemp(join(tmpdir(), 'curate-benchmark-'));
  // Also when a signal ends this process.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    const input = join(directory, 'input.tsv.gz');
    options.progress.step('writing the input');
    await writeInput(input, rowsOf(options.bytes));
    const rounds = await measureRounds(input, directory, options);
    options.progress.step('importing bundles');
    const imports = await measureImports(directory, NODE_OPTIONS);
    return curateResult(rounds, imports, (await stat(input)).size);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A snapshot of millions of rows to one file a Date, beside DuckDB; and how long the function's bundle loads. */
export const curate: Benchmark = {
  name: 'curate',
  description: 'a snapshot of 400 Dates to sorted Parquet on one core, beside DuckDB',
  missingTools() {
    const tools = spawnSync('taskset', ['-V'], { stdio: 'ignore' }).error === undefined ? [] : ['taskset'];
    return canReadUsage() ? tools : [...tools, '/proc'];
  },
  run,
};
