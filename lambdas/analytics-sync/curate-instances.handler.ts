import { curateInstances as contract } from '../lib/analytics/contracts.ts';
import { curateInstances } from '../lib/analytics/curate-instances.ts';
import { curateDelivery } from '../lib/curation/curate-delivery.ts';
import { analyticsStore } from '../lib/runtime/analytics-store.ts';
import { systemClock } from '../lib/runtime/clock.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const deps = { clock: systemClock, store: analyticsStore(), curateDelivery };

/** Turns landed instances into curated tables, from a cursor on; repeats skip what is curated. */
export const handler = toHandler(contract, (input, invocation) =>
  curateInstances({ ...deps, ...invocation }, input),
);
