import { PayloadContractError } from '../errors.ts';
import { type InstanceIdentity, keyPart, manifestKey, rebuildTableKey } from '../lake/keys.ts';
import { ledgerApps, readLedger } from '../lake/ledger.ts';
import { jsonText, type ObjectStore } from '../lake/object-store.ts';
import { mapBounded } from '../runtime/bounded.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RebuildSelection, TableInstances } from './rebuild-contracts.ts';
import { findReport } from './report-catalog.ts';
import { findReportTable, type ReportTable } from './report-tables.ts';

const WRITES_IN_FLIGHT = 8;

/** Before every key of the ledger. */
const FROM_THE_BEGINNING = '';

export interface ListLedgerDeps {
  readonly clock: Clock;
  readonly store: ObjectStore;
  /** End of the invocation, milliseconds since 1970. */
  readonly deadline: number;
}

export interface ListLedgerInput {
  readonly execution: string;
  readonly selection: RebuildSelection;
  readonly cursor: string;
}

export interface ListLedgerResult {
  readonly phase: 'listed' | 'more';
  readonly cursor: string;
  readonly tables: number;
}

/** Slugs of the reports that are asked for; undefined for all. */
function wantedSlugs({ reports }: RebuildSelection): ReadonlySet<string> | undefined {
  if (reports === undefined) return undefined;
  return new Set(
    reports.map((name) => {
      const report = findReport(name);
      if (report !== undefined) return report.slug;
      throw new PayloadContractError(
        `The catalog has no report "${name}", so it has no tables: start the execution with a name of catalog/reports.json.`,
        { details: { name } },
      );
    }),
  );
}

function newestFirst(a: InstanceIdentity, b: InstanceIdentity): number {
  return manifestKey(a) < manifestKey(b) ? 1 : -1;
}

/** The app's landed instances by the table that they are curated into; a report without a table is landed raw only. */
function byTable(
  instances: readonly InstanceIdentity[],
  slugs: ReadonlySet<string> | undefined,
): ReadonlyMap<ReportTable, readonly InstanceIdentity[]> {
  const wanted = instances.filter(({ reportSlug }) => slugs === undefined || slugs.has(reportSlug));
  const tables = new Map<ReportTable, InstanceIdentity[]>();
  for (const instance of wanted.toSorted(newestFirst)) {
    const table = findReportTable(instance.reportSlug, instance.granularity);
    if (table !== undefined) tables.set(table, [...(tables.get(table) ?? []), instance]);
  }
  return tables;
}

async function writeTables(
  store: ObjectStore,
  execution: string,
  appId: string,
  slugs: ReadonlySet<string> | undefined,
): Promise<number> {
  const tables = byTable(await readLedger(store, appId, FROM_THE_BEGINNING), slugs);
  await mapBounded([...tables], WRITES_IN_FLIGHT, async ([{ name }, instances]) => {
    const content: TableInstances = {
      appId,
      table: name,
      instances: instances.map(({ access, processingDate, instanceId }) => ({
        access,
        processingDate,
        instanceId,
      })),
    };
    await store.writeText(rebuildTableKey(execution, { appId, name }), jsonText(content));
  });
  return tables.size;
}

/**
 * Lists what each app's tables can be rebuilt from: one object per app and table below `runs/rebuild/<execution>/`, its
 * landed instances newest first, so that most older ones find their Dates taken. Ends with `more` when the invocation's
 * time is over. Repeating it writes the same objects.
 * Fails with PayloadContractError for a report that the catalog lacks, and with S3's own errors.
 */
export async function listLedger(
  { clock, store, deadline }: ListLedgerDeps,
  { execution, selection, cursor }: ListLedgerInput,
): Promise<ListLedgerResult> {
  const slugs = wantedSlugs(selection);
  const isWanted = (appId: string): boolean => selection.appIds?.includes(appId) ?? true;
  const left = (await ledgerApps(store)).filter(
    (appId) => isWanted(appId) && (cursor === '' || keyPart(appId) > keyPart(cursor)),
  );
  let tables = 0;
  let last = cursor;
  for (const appId of left) {
    if (last !== cursor && clock.now() >= deadline) return { phase: 'more', cursor: last, tables };
    tables += await writeTables(store, execution, appId, slugs);
    last = appId;
  }
  return { phase: 'listed', cursor: last, tables };
}
