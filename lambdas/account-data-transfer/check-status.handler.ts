import { checkStatus } from '../lib/account-data/check-status.ts';
import { checkStatus as contract } from '../lib/account-data/contracts.ts';
import { productionAccountDataDeps } from '../lib/runtime/account-data-deps.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = productionAccountDataDeps();

/** Asks Apple how far an instance is, never too early, and says what comes next. */
export const handler = toHandler(contract, (input, invocation) => checkStatus(deps(invocation), input));
