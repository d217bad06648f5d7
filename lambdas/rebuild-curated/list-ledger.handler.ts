import { listLedger } from '../lib/analytics/list-ledger.ts';
import { listLedger as contract } from '../lib/analytics/rebuild-contracts.ts';
import { analyticsStore } from '../lib/runtime/analytics-store.ts';
import { systemClock } from '../lib/runtime/clock.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = { clock: systemClock, store: analyticsStore() };

/** Writes what each app's tables can be rebuilt from, from a cursor on; repeats write the same. */
export const handler = toHandler(contract, (input, { deadline }) => listLedger({ ...deps, deadline }, input));
