import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { serve } from '../../local/http.ts';
import { synthesizeProduct } from './product-assembly.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Origin that answers any request with the folder of the synthesized product. */
    readonly synthesizedProduct: string;
  }
}

/**
 * For all test files of one run: synthesizes the product when the first of them asks, and answers when it stands.
 * A run whose files do not ask pays nothing; a run again of a watching Vitest synthesizes anew.
 */
export default async function synthesizeOnce(project: TestProject): Promise<() => Promise<void>> {
  const directories: string[] = [];
  const synthesizeAnew = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'synthesized-product-'));
    directories.push(directory);
    await synthesizeProduct(directory);
    return directory;
  };
  let synthesized: Promise<string> | undefined;
  project.onTestsRerun(() => {
    synthesized = undefined;
  });
  const server = await serve(async () => {
    try {
      synthesized ??= synthesizeAnew();
      return { status: 200, headers: {}, body: await synthesized };
    } catch (error) {
      return { status: 500, headers: {}, body: String(error) };
    }
  });
  project.provide('synthesizedProduct', server.origin);
  return async () => {
    await server.close();
    for (const directory of directories) await rm(directory, { recursive: true, force: true });
  };
}
