import { inject } from 'vitest';
import { type AssembledProduct, assembledProduct, type ProductAccount } from './assembled-product.ts';

/** The product for one test file, over the assembly that all files of the run share; fails with the app's own words. */
export async function sharedProduct(account: ProductAccount): Promise<AssembledProduct> {
  const answer = await fetch(inject('synthesizedProduct'));
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return assembledProduct(text, account);
}
