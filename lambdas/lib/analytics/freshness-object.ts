import * as z from 'zod';
import { MADE_ANEW, readDelivery } from '../lake/deliveries.ts';
import { jsonLines, parseJsonLines } from '../lake/json-lines.ts';
import { freshnessKey } from '../lake/keys.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import { mapBounded } from '../runtime/bounded.ts';
import { day } from './contracts.ts';
import { type AppDeliveries, deliveriesToRead, freshnessLines } from './freshness.ts';
import type { FreshnessLine } from './freshness-columns.ts';

/** Delivery objects read at once where a freshness object has fallen behind. */
const READS_IN_FLIGHT = 16;

const keptLine = z.object({
  report: z.string(),
  granularity: z.string(),
  as_of: day,
  first_processing_date: day.nullable(),
  newest_processing_date: day.nullable(),
  newest_curated_processing_date: day.nullable(),
  newest_date: day.nullable(),
  newest_final_date: day.nullable(),
});

/**
 * Brings an app's freshness object up to date and returns its lines: one GET, and one PUT where a line has
 * changed. Where a run died before it came here, the delivery objects that the lines lack are read too. Order and
 * repetition leave the same bytes for the same day; of two that write at once one may win with fewer deliveries, and
 * the next run reads what is lacking.
 * Fails with PayloadContractError when that object, or a delivery object, holds something else.
 */
export async function updateFreshness(
  store: ObjectStore,
  app: AppDeliveries,
): Promise<readonly FreshnessLine[]> {
  const key = freshnessKey(app.accountName, app.appId);
  const stored = (await store.readText(key))?.value ?? '';
  const previous = parseJsonLines(stored, keptLine, { key, table: 'freshness', remedy: MADE_ANEW });
  const read = await mapBounded(deliveriesToRead(previous, app), READS_IN_FLIGHT, async (instance) => ({
    instance,
    dates: await readDelivery(store, instance),
  }));
  const lines = freshnessLines(previous, { ...app, known: [...app.known, ...read] });
  const text = jsonLines(lines);
  if (text !== stored) await store.writeText(key, text);
  return lines;
}
