import { rebuildTable as contract } from '../lib/analytics/rebuild-contracts.ts';
import { rebuildTable } from '../lib/analytics/rebuild-table.ts';
import { curateDelivery } from '../lib/curation/curate-delivery.ts';
import { analyticsStore } from '../lib/runtime/analytics-store.ts';
import { systemClock } from '../lib/runtime/clock.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = { clock: systemClock, store: analyticsStore(), curateDelivery };

/** Curates an app's table again from what has landed, from a cursor on; repeats leave the same bytes. */
export const handler = toHandler(contract, (input, invocation) =>
  rebuildTable({ ...deps, ...invocation }, input),
);
