import { submitRequest as contract } from '../lib/account-data/contracts.ts';
import { submitRequest } from '../lib/account-data/submit-request.ts';
import { productionAccountDataDeps } from '../lib/runtime/account-data-deps.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = productionAccountDataDeps();

/** Submits or resubmits one instance; a repeat finds what was asked for already. */
export const handler = toHandler(contract, (input, invocation) => submitRequest(deps(invocation), input));
