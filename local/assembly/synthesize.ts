import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { pathWithoutNpx } from './bundler-path.ts';

/** `infra/app.ts` refused its configuration or could not be synthesized; the message is what it wrote. */
export class SynthesisError extends Error {
  override readonly name = 'SynthesisError';
}

const PROJECT_DIRECTORY = fileURLToPath(new URL('../../', import.meta.url));
const cdkJson = z.object({ context: z.record(z.string(), z.unknown()).default({}) });

/** A crash prints the line of the library that threw, which is the whole minified file. */
const LONGEST_READABLE_LINE = 1000;

function readableLines(text: string): string {
  return text
    .trim()
    .split('\n')
    .filter((line) => line.length <= LONGEST_READABLE_LINE)
    .join('\n');
}

export interface SynthesizeOptions {
  /** Goes over the context of `cdk.json`, key by key. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Folder of the cloud assembly; emptied first. */
  readonly directory: string;
}

/**
 * Synthesizes the whole app, bundles included, without the CDK's command line: the same `infra/app.ts` in a
 * process of its own. Throws `SynthesisError` with the app's own words.
 */
export async function synthesize(options: SynthesizeOptions): Promise<void> {
  const { context } = cdkJson.parse(JSON.parse(await readFile(join(PROJECT_DIRECTORY, 'cdk.json'), 'utf8')));
  await rm(options.directory, { recursive: true, force: true });
  const toolDirectory = await mkdtemp(join(tmpdir(), 'synthesize-'));
  const child = spawn(process.execPath, [join('infra', 'app.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: {
      ...process.env,
      PATH: await pathWithoutNpx(toolDirectory, join(PROJECT_DIRECTORY, 'node_modules', '.bin')),
      CDK_OUTDIR: options.directory,
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...options.context }),
      // CDK's check of the templates leaves the assembly as it is and takes a third of the time; `cdk synth`,
      // `cdk deploy` and `npm test` make it.
      CDK_VALIDATION: 'false',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => written.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => written.push(chunk));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => rm(toolDirectory, { recursive: true, force: true }));
  if (exitCode !== 0) {
    const words = readableLines(Buffer.concat(written).toString('utf8'));
    throw new SynthesisError(`infra/app.ts ended with ${exitCode ?? 'a signal'}:\n${words}`);
  }
}
