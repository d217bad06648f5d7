import { summarizeRebuild as contract } from '../lib/analytics/rebuild-contracts.ts';
import { summarizeRebuild } from '../lib/analytics/summarize-rebuild.ts';
import { analyticsStore } from '../lib/runtime/analytics-store.ts';
import { toHandler } from '../lib/runtime/handler.ts';

const store = analyticsStore();

/** Adds up what an execution did to its tables; repeats overwrite the summary. */
export const handler = toHandler(contract, (input) => summarizeRebuild(store, input));
