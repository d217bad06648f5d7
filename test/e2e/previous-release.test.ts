import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as accountData from '../../lambdas/lib/account-data/contracts.ts';
import * as analytics from '../../lambdas/lib/analytics/contracts.ts';
import * as rebuild from '../../lambdas/lib/analytics/rebuild-contracts.ts';
import { ACCOUNT, runEveryMachine, worldOfEveryMachine } from '../releases/every-machine.ts';
import { readRecordedRelease } from '../releases/recorded-release.ts';
import type { AssembledProduct, AssembledWorld } from '../support/assembled-product.ts';
import { sharedProduct } from '../support/shared-product.ts';

const recorded = readRecordedRelease();

/** `arn:…:function:land-segments` -> `landSegments`, as its contract is called. */
function contractName(functionArn: string): string {
  const name = functionArn.slice(functionArn.lastIndexOf(':') + 1);
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const CONTRACTS: Readonly<Record<string, unknown>> = { ...analytics, ...rebuild, ...accountData };

function inputOf(functionArn: string) {
  return (CONTRACTS[contractName(functionArn)] as typeof accountData.submitRequest).input;
}

let product: AssembledProduct;
let world: AssembledWorld;

beforeAll(async () => {
  product = await sharedProduct({ ...ACCOUNT, granularities: [...ACCOUNT.granularities] });
  world = await worldOfEveryMachine(product, recorded.definitions);
});
afterAll(async () => {
  await world?.close();
  await product?.close();
});

describe('executions that the release before left behind', () => {
  it('end well with the functions of this one', async () => {
    const results = await runEveryMachine({ ...world, product });

    const ends = Object.entries(results).map(([name, { status, cause }]) => [name, status, cause]);
    expect(ends).toEqual(ends.map(([name]) => [name, 'SUCCEEDED', undefined]));
  });

  it.each(recorded.payloads)('hand over payloads that are still understood: $functionArn', (entry) => {
    const { error } = inputOf(entry.functionArn).safeParse(entry.payload);

    expect(error?.issues).toBeUndefined();
  });

  it('would be told from ones whose payloads lack what a function needs', () => {
    const [entry] = recorded.payloads.filter(({ functionArn }) => functionArn.endsWith('submit-request'));

    const { success } = inputOf(entry?.functionArn ?? '').safeParse({ grant: 'another name' });

    expect(success).toBe(false);
  });
});
