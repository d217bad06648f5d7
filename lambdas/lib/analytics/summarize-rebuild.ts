import {
  rebuildResultsPrefix,
  rebuildSummaryKey,
  rebuildTableKey,
  rebuildTablesPrefix,
} from '../lake/keys.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { mapBounded } from '../runtime/bounded.ts';
import {
  type RebuildOutcome,
  type RebuiltDelivery,
  type TableResult,
  tableResult,
} from './rebuild-contracts.ts';

const READS_IN_FLIGHT = 16;

function sumOf(deliveries: readonly RebuiltDelivery[], field: 'dates' | 'written'): number {
  return deliveries.reduce((sum, delivery) => sum + delivery[field], 0);
}

function tellFailed({ appId, table, deliveries }: TableResult): readonly object[] {
  return deliveries
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ instanceId, processingDate, error, message }) => ({
      appId,
      table,
      instanceId,
      processingDate,
      error,
      message,
    }));
}

/**
 * Adds up what an execution of rebuild-curated wrote about its tables, and writes it with the sentences of what
 * failed under `runs/rebuild/<execution>/summary.json`. A repeat overwrites the summary.
 */
export async function summarizeRebuild(
  store: ObjectStore,
  { execution }: { readonly execution: string },
): Promise<RebuildOutcome> {
  const keys = await store.list(rebuildResultsPrefix(execution));
  const results = await mapBounded(keys, READS_IN_FLIGHT, (key) => store.readJson(key, tableResult));
  const found = results.flatMap((result) => result?.value ?? []);
  const listed = await store.list(rebuildTablesPrefix(execution));
  const finished = new Set(
    found
      .filter(({ phase }) => phase === 'rebuilt')
      .map(({ appId, table }) => rebuildTableKey(execution, { appId, name: table })),
  );
  // Counted by what was finished: a failure that the machine could not even write down shows as well.
  const unfinished = listed.filter((key) => !finished.has(key));
  const deliveries = found.flatMap((result) => result.deliveries);
  const curated = deliveries.filter(({ outcome }) => outcome === 'curated');
  const summaryKey = rebuildSummaryKey(execution);
  const outcome: RebuildOutcome = {
    tables: listed.length,
    deliveries: curated.length,
    dates: sumOf(curated, 'dates'),
    written: sumOf(curated, 'written'),
    failedDeliveries: deliveries.length - curated.length,
    failedTables: unfinished.length,
    summaryKey,
  };
  await store.writeText(summaryKey, jsonText({ ...outcome, failed: found.flatMap(tellFailed), unfinished }));
  return outcome;
}
