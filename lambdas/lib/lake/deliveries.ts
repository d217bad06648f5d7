import * as z from 'zod';
import { day } from '../analytics/contracts.ts';
import { jsonLines, parseJsonLines } from './json-lines.ts';
import {
  accessName,
  deliveriesPrefix,
  deliveriesStartAfter,
  deliveryKey,
  type InstanceIdentity,
  parseDeliveryKey,
} from './keys.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * The deliveries of an app: one object per curated instance, JSON Lines, written last. Its existence says that the
 * instance is curated; its lines say what the instance held, whoever owns the Dates (decision 026).
 */

/** What helps where an object of these tables holds something else. */
export const MADE_ANEW = 'delete it, and the next run makes it anew';

/** One Date as one delivery tells it. */
export interface DeliveredDate {
  readonly date: string;
  readonly isFinal: boolean;
  readonly rows: number;
  /** By SQL column name. */
  readonly sums: Readonly<Record<string, number>>;
}

/**
 * The text of a delivery object, its fields as `DELIVERY_COLUMNS`: a pure function of the instance, so that a repeat
 * leaves the same bytes.
 */
export function deliveryText(
  instance: InstanceIdentity,
  dates: readonly DeliveredDate[],
  curationVersion: number,
): string {
  const lineOf = ({ date, isFinal, rows, sums }: Omit<DeliveredDate, 'date'> & { date: string | null }) => ({
    app_id: instance.appId,
    report: instance.reportSlug,
    granularity: instance.granularity.toLowerCase(),
    access: accessName(instance.access),
    processing_date: instance.processingDate,
    instance_id: instance.instanceId,
    date,
    is_final: isFinal,
    rows,
    sums: Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1))),
    curation_version: curationVersion,
  });
  const lines =
    dates.length === 0
      ? [lineOf({ date: null, isFinal: false, rows: 0, sums: {} })]
      : dates.toSorted((a, b) => (a.date < b.date ? -1 : 1)).map(lineOf);
  return jsonLines(lines);
}

/** Says that the instance is curated, after all its Dates are published; a repeat overwrites with the same bytes. */
export async function writeDelivery(
  store: ObjectStore,
  instance: InstanceIdentity,
  dates: readonly DeliveredDate[],
  curationVersion: number,
): Promise<void> {
  await store.writeText(deliveryKey(instance), deliveryText(instance, dates, curationVersion));
}

/** Every curated instance of the app, from `sinceProcessingDate` on. */
export async function listDeliveries(
  store: ObjectStore,
  appId: string,
  sinceProcessingDate: string,
): Promise<readonly InstanceIdentity[]> {
  const keys = await store.list(deliveriesPrefix(appId), deliveriesStartAfter(appId, sinceProcessingDate));
  return keys.flatMap((key) => parseDeliveryKey(key) ?? []);
}

const deliveredLine = z.object({
  date: day.nullable(),
  is_final: z.boolean(),
  rows: z.int(),
  sums: z.record(z.string(), z.number()),
});

/**
 * The Dates that a curated instance had, read back from its delivery object; none where there is no such object.
 * Fails with PayloadContractError when the object holds something else.
 */
export async function readDelivery(
  store: ObjectStore,
  instance: InstanceIdentity,
): Promise<readonly DeliveredDate[]> {
  const key = deliveryKey(instance);
  const text = (await store.readText(key))?.value ?? '';
  const lines = parseJsonLines(text, deliveredLine, { key, table: 'deliveries', remedy: MADE_ANEW });
  return lines.flatMap(({ date, is_final: isFinal, rows, sums }) =>
    date === null ? [] : [{ date, isFinal, rows, sums }],
  );
}
