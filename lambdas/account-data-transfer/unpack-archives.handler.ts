import { unpackArchives as contract } from '../lib/account-data/contracts.ts';
import { unpackArchives } from '../lib/account-data/unpack/unpack-archives.ts';
import { readUnpackLimits } from '../lib/account-data/unpack-limits.ts';
import { requiredEnv } from '../lib/runtime/env.ts';
import { toHandler } from '../lib/runtime/handler.ts';
import { productionStorageDeps } from '../lib/runtime/storage-deps.ts';

const depsOf = productionStorageDeps();
const limits = readUnpackLimits(requiredEnv('UNPACK_LIMITS'));

/** Turns the archives of an instance into rows and files, from a cursor on. */
export const handler = toHandler(contract, (input, invocation) =>
  unpackArchives({ ...depsOf(invocation), limits }, input),
);
