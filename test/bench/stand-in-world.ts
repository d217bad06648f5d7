import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setDefaultCACertificates } from 'node:tls';
import { z } from 'zod';
import { loadAssembly } from '../../local/assembly/load.ts';
import type { Assembly } from '../../local/assembly/model.ts';
import { synthesize } from '../../local/assembly/synthesize.ts';
import type { Progress } from '../../local/commands/progress.ts';
import { makeCertificates } from './certificates.ts';
import { type StandInProcess, startStandIn } from './stand-in-process.ts';

const s3Ready = z.object({
  endpoint: z.url(),
  region: z.string(),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
});

/** What local S3 prints when it is ready. */
export type S3Access = z.output<typeof s3Ready>;

/** Simulated Apple and S3, both over TLS in processes of their own, and the synthesized product. */
export interface StandInWorld<ReadyApple> {
  readonly apple: StandInProcess<ReadyApple>;
  readonly s3: StandInProcess<S3Access>;
  readonly assembly: Assembly;
  /** PEM file of the authority that both servers' certificate is from. */
  readonly authorityFile: string;
  /** For files of this run; removed at the end. */
  readonly directory: string;
  close(): Promise<void>;
}

export interface StandInWorldOptions<Schema extends z.ZodType> {
  /** Beginning of the folder's name. */
  readonly name: string;
  /** The one bucket that S3 has. */
  readonly bucket: string;
  /** Of simulated Apple. */
  readonly scenario: unknown;
  /** The line that simulated Apple prints. */
  readonly appleReady: Schema;
  /** The context that the product is synthesized with. */
  context(apple: z.output<Schema>): Readonly<Record<string, unknown>>;
  readonly progress: Progress;
}

/**
 * Starts everything that bytes are moved between. This process trusts nothing but the throw-away authority from
 * then on; functions get it by NODE_EXTRA_CA_CERTS.
 */
export async function openStandInWorld<Schema extends z.ZodType>(
  options: StandInWorldOptions<Schema>,
): Promise<StandInWorld<z.output<Schema>>> {
  const { progress } = options;
  const directory = await mkdtemp(join(tmpdir(), `${options.name}-`));
  // Also when a signal ends this process.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const started: { stop(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(started.map((server) => server.stop()));
    await rm(directory, { recursive: true, force: true });
  };
  const keep = <Server extends { stop(): Promise<void> }>(server: Server): Server => {
    started.push(server);
    return server;
  };
  try {
    progress.step('starting simulated Apple and S3 over TLS');
    const { authorityFile, certificateFile, keyFile } = await makeCertificates(directory);
    setDefaultCACertificates([await readFile(authorityFile, 'utf8')]);
    const tls = ['--tls', certificateFile, keyFile];
    const scenarioFile = join(directory, 'scenario.json');
    await writeFile(scenarioFile, JSON.stringify(options.scenario));
    const lakeDirectory = join(directory, 'lake');
    await mkdir(join(lakeDirectory, options.bucket), { recursive: true });
    const apple = keep(await startStandIn('apple', ['--scenario', scenarioFile, ...tls], options.appleReady));
    const s3 = keep(await startStandIn('s3', ['--dir', lakeDirectory, ...tls], s3Ready));
    progress.step('synthesizing the product and its bundles');
    const assemblyDirectory = join(directory, 'cdk.out');
    await synthesize({ directory: assemblyDirectory, context: options.context(apple.ready) });
    return { apple, s3, assembly: await loadAssembly(assemblyDirectory), authorityFile, directory, close };
  } catch (error) {
    await close();
    throw error;
  }
}
