import { cancelRequest } from '../lib/account-data/cancel-request.ts';
import { cancelRequest as contract } from '../lib/account-data/contracts.ts';
import { productionCancelDeps } from '../lib/runtime/account-data-deps.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = productionCancelDeps();

/** Cancels what a grant has in progress, at Apple and here; a repeat does what a death left undone. */
export const handler = toHandler(contract, (input, invocation) => cancelRequest(deps(invocation), input));
