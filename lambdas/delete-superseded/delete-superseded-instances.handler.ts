import * as z from 'zod';
import { deleteSuperseded as contract } from '../lib/account-data/contracts.ts';
import { deleteSuperseded } from '../lib/account-data/delete-superseded.ts';
import { requiredEnv } from '../lib/runtime/env.ts';
import { toHandler } from '../lib/runtime/handler.ts';
import { productionStorageDeps } from '../lib/runtime/storage-deps.ts';

const depsOf = productionStorageDeps();
const keepSuperseded = z.coerce.number().int().nonnegative().parse(requiredEnv('KEEP_SUPERSEDED'));

/** Deletes what superseded instances hold, beyond the configured number; repeats find nothing more to delete. */
export const handler = toHandler(contract, (input, invocation) =>
  deleteSuperseded({ ...depsOf(invocation), keepSuperseded }, input),
);
