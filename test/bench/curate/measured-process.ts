import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BenchmarkError } from '../benchmark.ts';
import { machineCpuSeconds, peakMemoryBytes } from '../process-usage.ts';

const measured = z.object({
  seconds: z.number(),
  /** Of all threads of the process: on one core, the seconds that it would take alone there. */
  cpuSeconds: z.number(),
  peakMemoryBytes: z.number(),
  /** Cores that were busy on average with anything else: noise. */
  foreignCores: z.number(),
  rows: z.number(),
  files: z.number(),
  bytes: z.number(),
  /** Of the column `counts`, so that both ways are seen to have read the same. */
  counts: z.number(),
});

/** One way through the whole input, measured by the process that went it. */
export type MeasuredCuration = z.output<typeof measured>;

/** What the work itself tells. */
export type Outcome = Pick<MeasuredCuration, 'rows' | 'files' | 'bytes' | 'counts'>;

/** Runs the work, then prints what it used as a line of JSON; `check` is not measured. */
export async function reportUsage<Result>(
  work: () => Promise<Result>,
  check: (result: Result) => Promise<Outcome>,
): Promise<void> {
  const machineBefore = machineCpuSeconds();
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = (user + system) / 1e6;
  const foreignCores = Math.max(0, machineCpuSeconds() - machineBefore - cpuSeconds) / seconds;
  const usage = { seconds, cpuSeconds, foreignCores, peakMemoryBytes: peakMemoryBytes(process.pid) };
  console.log(JSON.stringify({ ...usage, ...(await check(result)) }));
}

/** Runs a module of this folder in a process of its own on the last core; its last line is what it measured. */
export async function runOnOneCore(
  module: 'curate-process.ts' | 'duckdb-process.ts',
  parameters: readonly string[],
  nodeOptions: readonly string[],
): Promise<MeasuredCuration> {
  const file = fileURLToPath(new URL(module, import.meta.url));
  const core = String(availableParallelism() - 1);
  const child = spawn('taskset', ['-c', core, process.execPath, ...nodeOptions, file, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.removeListener('exit', kill);
  if (code !== 0) throw new BenchmarkError(`${module} ended with code ${code}: ${words.trim()}`);
  return z.parse(measured, JSON.parse(output));
}
