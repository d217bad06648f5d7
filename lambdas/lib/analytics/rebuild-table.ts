import { PayloadContractError } from '../errors.ts';
import { type InstanceIdentity, rebuildResultKey } from '../lake/keys.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import {
  type CurateDeps,
  type CuratedHeads,
  curateInstance,
  type InstanceCuration,
  settled,
} from './curate-instance.ts';
import {
  type RebuildCursor,
  type RebuiltDelivery,
  type TableInstances,
  type TableResult,
  tableInstances,
} from './rebuild-contracts.ts';
import { REPORT_TABLES, type ReportTable } from './report-tables.ts';

export interface RebuildTableInput {
  readonly execution: string;
  readonly tableKey: string;
  readonly cursor: RebuildCursor;
}

export interface RebuildTableResult {
  readonly phase: 'rebuilt' | 'more';
  readonly cursor: RebuildCursor;
}

/** Newest first, an older delivery meets its Dates' owners anyway: believing nothing costs no request more. */
const NO_HEADS: CuratedHeads = { headOf: () => undefined, remember: () => {} };

async function readInstances(store: ObjectStore, key: string): Promise<TableInstances> {
  const stored = await store.readJson(key, tableInstances);
  if (stored !== undefined) return stored.value;
  throw new PayloadContractError(`There is no object ${key}: start a new execution.`, { details: { key } });
}

function tableNamed(name: string): ReportTable {
  const table = REPORT_TABLES.find((each) => each.name === name);
  if (table !== undefined) return table;
  throw new PayloadContractError(
    `The catalog has no table ${name}: it changed while the execution ran; start a new one.`,
    { details: { table: name } },
  );
}

function outcomeOf(
  { instanceId, access, processingDate }: InstanceIdentity,
  curation: InstanceCuration,
): RebuiltDelivery | undefined {
  const delivery = { instanceId, access, processingDate };
  if (curation.outcome === 'curated') {
    const { dates } = curation.delivery;
    return { ...delivery, outcome: 'curated', dates: dates.length, written: curation.written };
  }
  if (curation.outcome !== 'failed') return undefined;
  const { name, message } = curation.error;
  return { ...delivery, outcome: 'failed', dates: 0, written: 0, error: name, message };
}

/** Of the invocation that began at `cursor`: a repeat from the same cursor tells of the same instances. */
function partOf({ next, publishedTo }: RebuildCursor): string {
  const index = String(next).padStart(8, '0');
  return publishedTo === undefined ? index : `${index}.${publishedTo}`;
}

function cursorAt(next: number, publishedTo: string | undefined): RebuildCursor {
  return publishedTo === undefined ? { next } : { next, publishedTo };
}

async function curateFrom(
  deps: CurateDeps,
  { appId, instances }: TableInstances,
  table: ReportTable,
  cursor: RebuildCursor,
  deliveries: RebuiltDelivery[],
): Promise<RebuildTableResult> {
  for (const [index, entry] of [...instances.entries()].slice(cursor.next)) {
    const isFirst = index === cursor.next;
    if (!isFirst && deps.clock.now() >= deps.deadline) return { phase: 'more', cursor: { next: index } };
    const instance = {
      ...entry,
      appId,
      reportSlug: table.report.slug,
      granularity: table.granularity,
    };
    const publishedTo = isFirst ? cursor.publishedTo : undefined;
    const curation = await curateInstance(deps, NO_HEADS, { instance, table, publishedTo });
    const ended = settled(curation, instance, isFirst);
    if (ended.outcome === 'out-of-time') {
      return { phase: 'more', cursor: cursorAt(index, ended.publishedTo) };
    }
    const told = outcomeOf(instance, ended);
    if (told !== undefined) deliveries.push(told);
  }
  return { phase: 'rebuilt', cursor: { next: instances.length } };
}

/**
 * Curates all landed instances of one app's table again, as `List Ledger` listed them, by the same code as Curate
 * Instances: over a full curated layer, an emptied one or part of one the same bytes remain. What one delivery meets
 * never stops the others. Ends with `more` when the invocation's time is over; repeating it is harmless.
 * Fails with WriteConflictError, StorageUnavailableError, PayloadContractError and S3's own errors.
 */
export async function rebuildTable(
  deps: CurateDeps,
  { execution, tableKey, cursor }: RebuildTableInput,
): Promise<RebuildTableResult> {
  const listed = await readInstances(deps.store, tableKey);
  const table = tableNamed(listed.table);
  const result: TableResult = { appId: listed.appId, table: table.name, phase: null, deliveries: [] };
  try {
    const ended = await curateFrom(deps, listed, table, cursor, result.deliveries);
    result.phase = ended.phase;
    return ended;
  } finally {
    const key = rebuildResultKey(execution, { appId: listed.appId, name: table.name }, partOf(cursor));
    await deps.store.writeText(key, jsonText(result));
  }
}
