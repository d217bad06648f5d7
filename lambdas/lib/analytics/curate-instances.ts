import { listDeliveries } from '../lake/deliveries.ts';
import { type InstanceIdentity, manifestKey } from '../lake/keys.ts';
import { readLedger } from '../lake/ledger.ts';
import { addDays, dayOf } from '../runtime/clock.ts';
import type { AppStepInput } from './app-step.ts';
import type { CurationCursor } from './contracts.ts';
import { type CurateDeps, curateInstance, settled } from './curate-instance.ts';
import { CurationMemory } from './curation-memory.ts';
import { CurationRecord } from './curation-record.ts';
import { type FreshnessFigures, figuresOf } from './freshness.ts';
import { updateFreshness } from './freshness-object.ts';
import { INSTANCE_LIFE_DAYS } from './processing-calendar.ts';
import { wantedReports } from './report-ids.ts';
import { findReportTable } from './report-tables.ts';
import { writeStepRecord } from './run-record.ts';

/** What landed on the last day of an instance's life has so many days more to be curated by a daily run. */
const SLACK_DAYS = 5;

export interface CurateInstancesInput extends AppStepInput {
  readonly cursor: CurationCursor;
}

export interface CurateInstancesResult {
  readonly phase: 'curated' | 'more';
  readonly cursor: CurationCursor;
}

/** What the lake has of an app by the keys alone, of the processingDates that daily runs look after. */
interface AppListing {
  /** In the order of their manifests' keys: oldest processingDate first. */
  readonly landed: readonly InstanceIdentity[];
  readonly curated: readonly InstanceIdentity[];
}

async function listApp({ store, clock }: CurateDeps, appId: string): Promise<AppListing> {
  const since = addDays(dayOf(clock.now()), -INSTANCE_LIFE_DAYS - SLACK_DAYS);
  return {
    landed: await readLedger(store, appId, since),
    curated: await listDeliveries(store, appId, since),
  };
}

/** Landed instances without a delivery object, behind the cursor. */
function pendingInstances({ landed, curated }: AppListing, { after }: CurationCursor): InstanceIdentity[] {
  const done = new Set(curated.map(manifestKey));
  return landed.filter((instance) => {
    const key = manifestKey(instance);
    return key > after && !done.has(key);
  });
}

function partlyPublished(key: string, publishedTo: string | undefined): Pick<CurationCursor, 'partly'> {
  return publishedTo === undefined ? {} : { partly: { manifestKey: key, publishedTo } };
}

async function curatePending(
  deps: CurateDeps,
  input: CurateInstancesInput,
  listing: AppListing,
  memory: CurationMemory,
  record: CurationRecord,
): Promise<CurateInstancesResult> {
  const { partly } = input.cursor;
  let cursor = input.cursor;
  let begun = 0;
  for (const instance of pendingInstances(listing, cursor)) {
    const table = findReportTable(instance.reportSlug, instance.granularity);
    if (table === undefined) {
      record.rawOnly(instance);
      continue;
    }
    if (begun > 0 && deps.clock.now() >= deps.deadline) return { phase: 'more', cursor };
    begun += 1;
    const key = manifestKey(instance);
    const publishedTo = partly?.manifestKey === key ? partly.publishedTo : undefined;
    const curation = await curateInstance(deps, memory, { instance, table, publishedTo });
    const result = settled(curation, instance, begun === 1);
    if (result.outcome === 'out-of-time') {
      return { phase: 'more', cursor: { after: cursor.after, ...partlyPublished(key, result.publishedTo) } };
    }
    if (result.outcome === 'failed') record.failed(instance, result.error);
    if (result.outcome === 'curated') record.curated(instance, table, result);
    cursor = { after: key };
  }
  return { phase: 'curated', cursor };
}

/** Brings the app's line per report up to date and gives the figures that the summary adds up. */
async function freshness(
  { store, clock }: CurateDeps,
  { account, appId }: CurateInstancesInput,
  { landed, curated }: AppListing,
  { known }: CurationRecord,
): Promise<FreshnessFigures> {
  const lines = await updateFreshness(store, {
    accountName: account.name,
    appId,
    today: dayOf(clock.now()),
    reports: wantedReports(account.reports),
    granularities: account.granularities,
    landed,
    curated,
    known,
  });
  return figuresOf(lines);
}

/**
 * Curates what has landed and is not curated yet, oldest processingDate first, also what earlier runs left: ledger
 * and deliveries tell it. What one delivery meets never stops the others. Ends with `more` when the invocation's time
 * is over; a delivery whose Dates are partly published goes on behind the last of them, and one that gets nowhere
 * with a whole invocation for itself is recorded as DeliveryTooLargeError. Repeating it is harmless.
 * Fails with PayloadContractError, WriteConflictError, StorageUnavailableError and S3's own errors.
 */
export async function curateInstances(
  deps: CurateDeps,
  input: CurateInstancesInput,
): Promise<CurateInstancesResult> {
  const memory = await CurationMemory.read(deps.store, input.appId);
  const record = new CurationRecord(memory);
  let phase: string | null = null;
  let figures: FreshnessFigures | undefined;
  try {
    const listing = await listApp(deps, input.appId);
    const result = await curatePending(deps, input, listing, memory, record);
    figures = await freshness(deps, input, listing, record);
    phase = result.phase;
    return result;
  } finally {
    await writeStepRecord(deps.store, input, deps.clock.now(), {
      appId: input.appId,
      step: 'curate',
      calls: 0,
      lowestBudget: null,
      phase,
      notes: record.notes,
      instances: [],
      deliveries: record.deliveries,
      ...(figures === undefined ? {} : { freshness: figures }),
    });
    // After the record: a column is rather told twice than never.
    await memory.write();
  }
}
