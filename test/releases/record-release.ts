import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembledProduct } from '../support/assembled-product.ts';
import { synthesizeProduct } from '../support/product-assembly.ts';
import { ACCOUNT, definitionsOf, payloadsOf, runEveryMachine, worldOfEveryMachine } from './every-machine.ts';
import { RECORDED_RELEASE_FILE } from './recorded-release.ts';

/**
 * `npm run record:release`: writes down definitions and payloads of this tree, for the releases after it. To be run
 * when a release is made, never to make a test pass.
 */
const directory = await mkdtemp(join(tmpdir(), 'recorded-release-'));
try {
  await synthesizeProduct(directory);
  const product = await assembledProduct(directory, ACCOUNT);
  const world = await worldOfEveryMachine(product);
  const results = await runEveryMachine({ ...world, product });
  for (const [name, { status, cause }] of Object.entries(results)) {
    if (status !== 'SUCCEEDED') throw new Error(`${name} ended as ${status}: ${cause}`);
  }
  const recorded = {
    definitions: definitionsOf(product.assembly.machines),
    payloads: payloadsOf(Object.values(results)),
  };
  await writeFile(RECORDED_RELEASE_FILE, `${JSON.stringify(recorded, null, 1)}\n`);
  console.log(`recorded ${recorded.payloads.length} payloads`);
  await world.close();
  await product.close();
} finally {
  await rm(directory, { recursive: true, force: true });
}
