import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ACCOUNT_DATA_ERROR_NAMES, ERROR_NAMES as ANALYTICS_ERROR_NAMES } from '../../lambdas/lib/errors.ts';
import { type ProductBundleOptions, productBundle } from '../support/product-bundle.ts';

const ERROR_NAMES = [...ANALYTICS_ERROR_NAMES, ...ACCOUNT_DATA_ERROR_NAMES];

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bundle-names-'));
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/** A handler as the product's are made, which throws the error of the wanted index. */
const THROWING_HANDLER = `
  import { z } from 'zod';
  import * as errors from './lambdas/lib/errors.ts';
  import { toHandler } from './lambdas/lib/runtime/handler.ts';
  const kinds = Object.values(errors).filter((kind) => kind.prototype instanceof errors.PipelineError);
  export const count = () => kinds.length;
  export const handler = toHandler(
    { input: z.object({ index: z.int() }), output: z.never() },
    async ({ index }) => {
      throw new kinds[index]('thrown by a test', { outcome: 'forbidden', status: 409, code: '' });
    },
  );
`;

const NAMED_BY_ITS_CLASS = `
  class NamedByItsClassError extends errors.PipelineError {
    name = this.constructor.name;
  }
  kinds.push(NamedByItsClassError);
`;

const WITHOUT_A_NAME = `
  class NamelessError extends errors.PipelineError {}
  kinds.push(NamelessError);
`;

interface ThrowingBundle {
  count(): number;
  handler(event: object, context: object): Promise<unknown>;
}

/** The names that leave the handler, one for each error class of the bundle, sorted. */
async function thrownNames(source: string, options: ProductBundleOptions = {}): Promise<string[]> {
  const file = join(directory, `${crypto.randomUUID()}.mjs`);
  await writeFile(file, await productBundle(source, options));
  const bundle = (await import(pathToFileURL(file).href)) as ThrowingBundle;
  const context = { functionName: 'throwing', getRemainingTimeInMillis: () => 60_000 };
  const names: string[] = [];
  for (let index = 0; index < bundle.count(); index += 1) {
    const thrown = await bundle.handler({ index }, context).catch((error: unknown) => error);
    names.push(thrown instanceof Error ? thrown.name : 'nothing was thrown');
  }
  return names.sort();
}

const expected = [...ERROR_NAMES].sort();

test('every error leaves a bundle, built as the deployed ones are, under its contracted name', async () => {
  expect(await thrownNames(THROWING_HANDLER)).toEqual(expected);
});

test('the names are literals: they survive a minifier that renames classes', async () => {
  expect(await thrownNames(THROWING_HANDLER, { keepNames: false })).toEqual(expected);
});

test('an error class that the list of names lacks, or one without a name, would be seen', async () => {
  expect(await thrownNames(THROWING_HANDLER + NAMED_BY_ITS_CLASS)).toEqual(
    [...expected, 'NamedByItsClassError'].sort(),
  );
  expect(await thrownNames(THROWING_HANDLER + WITHOUT_A_NAME)).toEqual([...expected, 'Error'].sort());
});

test('a name that comes from the class would be seen: the minifier changes it', async () => {
  const names = await thrownNames(THROWING_HANDLER + NAMED_BY_ITS_CLASS, { keepNames: false });
  expect(names).toHaveLength(expected.length + 1);
  expect(names).toEqual(expect.arrayContaining(expected));
  expect(names).not.toContain('NamedByItsClassError');
});
