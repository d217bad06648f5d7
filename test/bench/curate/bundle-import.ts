import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { productBundle } from '../../support/product-bundle.ts';

const run = promisify(execFile);

/** The function, and a client of S3 with the calls that the function makes. */
const SOURCES = {
  curate: "export { handler } from './lambdas/analytics-sync/curate-instances.handler.ts';",
  s3: `import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
export const client = new S3Client({});
export const commands = [GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand];`,
} as const;
const IMPORTS = 15;
/** Of the deployed function. */
const ENVIRONMENT = { AWS_REGION: 'us-east-1', ANALYTICS_BUCKET: 'analytics' };

/** Processor milliseconds of importing a bundle in a fresh process, one figure for each import. */
export type BundleImports = Readonly<Record<keyof typeof SOURCES, readonly number[]>>;

async function importOnce(file: string, nodeOptions: readonly string[]): Promise<number> {
  const program = `const before = process.cpuUsage(); await import(${JSON.stringify(file)});
    const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000);`;
  const { stdout } = await run(process.execPath, [...nodeOptions, '--input-type=module', '--eval', program], {
    env: { PATH: process.env.PATH, ...ENVIRONMENT },
  });
  return Number(stdout);
}

/** Bundles both as they are deployed and imports them in turns. */
export async function measureImports(
  directory: string,
  nodeOptions: readonly string[],
): Promise<BundleImports> {
  const files = { curate: join(directory, 'curate.mjs'), s3: join(directory, 's3.mjs') };
  await writeFile(files.curate, await productBundle(SOURCES.curate));
  await writeFile(files.s3, await productBundle(SOURCES.s3));
  const imports: { curate: number[]; s3: number[] } = { curate: [], s3: [] };
  for (let round = 0; round < IMPORTS; round++) {
    for (const bundle of ['s3', 'curate'] as const) {
      imports[bundle].push(await importOnce(files[bundle], nodeOptions));
    }
  }
  return imports;
}
