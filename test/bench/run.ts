import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { realClock } from '../../local/clock.ts';
import { createProgress } from '../../local/commands/progress.ts';
import { archive } from './archive/archive.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';
import { curate } from './curate/curate.ts';
import { missedBounds } from './figures.ts';
import { writeResults } from './results-file.ts';
import { transfer } from './transfer/transfer.ts';
import { unpack } from './unpack/unpack.ts';

const BENCHMARKS: readonly Benchmark[] = [transfer, archive, curate, unpack];
const RESULTS_DIRECTORY = fileURLToPath(new URL('./results', import.meta.url));
/** The exit code of an optional command whose tools are missing: skipped is not passed. */
const SKIPPED = 3;

interface Options {
  readonly only: readonly Benchmark[];
  readonly rounds: number;
  readonly bytes: number;
  readonly results: string;
}

function atLeastOne(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Give a whole number from 1 on.');
  return value;
}

function namedBenchmarks(text: string): Benchmark[] {
  return text.split(',').map((name) => {
    const found = BENCHMARKS.find((benchmark) => benchmark.name === name.trim());
    if (found !== undefined) return found;
    const known = BENCHMARKS.map((benchmark) => benchmark.name).join(', ');
    throw new InvalidArgumentError(`There is no benchmark '${name.trim()}'; there is: ${known}.`);
  });
}

async function run({ only, rounds, bytes, results: directory }: Options): Promise<void> {
  const progress = createProgress();
  const missing = [...new Set(only.flatMap((benchmark) => benchmark.missingTools()))];
  if (missing.length > 0) {
    console.log(`skipped: ${missing.join(', ')} not found`);
    process.exitCode = SKIPPED;
    return;
  }
  const results = new Map<string, BenchmarkResult>();
  for (const benchmark of only) {
    const result = await benchmark.run({ rounds, bytes, progress });
    results.set(benchmark.name, result);
    console.log(
      [`${benchmark.name}: ${benchmark.description}`, ...result.tables, ...result.notes].join('\n'),
    );
  }
  progress.succeed(`written to ${await writeResults(directory, realClock.now(), results)}`);
  for (const [name, { bounds }] of results) {
    for (const sentence of missedBounds(bounds)) {
      console.log(`MISSED ${name}: ${sentence}`);
      process.exitCode = 1;
    }
  }
}

const program = new Command('npm run bench --')
  .description(
    'Measures against bounds. Writes test/bench/results/<date>.json; exit code 1 when a bound is missed, 3 when tools are missing.',
  )
  .option(
    '--only <names>',
    `comma-separated: ${BENCHMARKS.map(({ name }) => name).join(', ')}`,
    namedBenchmarks,
    BENCHMARKS,
  )
  .option('--rounds <n>', 'how often each measurement is repeated', atLeastOne, 5)
  .option('--bytes <n>', 'bytes that are moved in a round', atLeastOne, 1_000_000_000)
  .option('--results <folder>', 'where the results are written', RESULTS_DIRECTORY)
  .allowExcessArguments(false);

// Ends by way of the exit handlers, which stop what was started.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}
try {
  await program.parseAsync();
  await run(program.opts<Options>());
} catch (error) {
  createProgress().fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
