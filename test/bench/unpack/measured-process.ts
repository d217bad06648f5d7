import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BenchmarkError } from '../benchmark.ts';

const access = z.object({
  endpoint: z.string(),
  region: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
});

/** What one process is to do, as JSON in its first parameter. */
export const unpackTask = z.object({
  access,
  bucket: z.string(),
  /** `verify`: read and check every entry of the first archive; `unpack`: the whole step, as the function does it. */
  what: z.enum(['verify', 'unpack']),
  grantId: z.string(),
  requestId: z.string(),
  /** Of the first archive. */
  archiveBytes: z.number(),
});
export type UnpackTask = z.output<typeof unpackTask>;

const measured = z.object({
  seconds: z.number(),
  peakMemoryBytes: z.number(),
  entries: z.number(),
  /** Of the content. */
  bytes: z.number(),
});
export type Measured = z.output<typeof measured>;

/** As the deployed functions run. */
const NODE_OPTIONS = ['--max-semi-space-size=4'];

async function output(command: string, parameters: readonly string[], reads: boolean): Promise<string> {
  const child = spawn(command, parameters, { stdio: ['ignore', reads ? 'pipe' : 'ignore', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let [text, words] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.removeListener('exit', kill);
  if (code !== 0) throw new BenchmarkError(`${command} ended with code ${code}: ${words.trim()}`);
  return text;
}

/** Runs a task in a fresh process. */
export async function runTask(task: UnpackTask): Promise<Measured> {
  const file = fileURLToPath(new URL('unpack-process.ts', import.meta.url));
  const text = await output(process.execPath, [...NODE_OPTIONS, file, JSON.stringify(task)], true);
  return z.parse(measured, JSON.parse(text));
}

/** Seconds that `unzip -p` takes for an archive on disk; nobody reads what it prints. */
export async function unzipSeconds(file: string): Promise<number> {
  const start = performance.now();
  await output('unzip', ['-p', file], false);
  return (performance.now() - start) / 1000;
}
