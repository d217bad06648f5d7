import { fetchArchives as contract } from '../lib/account-data/contracts.ts';
import { fetchArchives } from '../lib/account-data/fetch-archives.ts';
import { productionAccountDataDeps } from '../lib/runtime/account-data-deps.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = productionAccountDataDeps();

/** Streams the archives of a completed request into S3; repeats skip what is there whole. */
export const handler = toHandler(contract, (input, invocation) => fetchArchives(deps(invocation), input));
