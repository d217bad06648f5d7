import type { InstanceIdentity } from '../lake/keys.ts';
import type { CuratedInstance } from './curate-instance.ts';
import type { CurationMemory } from './curation-memory.ts';
import type { KnownDelivery } from './freshness.ts';
import type { ReportTable } from './report-tables.ts';
import type { DeliveryOutcome, OutcomeNote } from './run-record.ts';

/** What one invocation has to tell of the deliveries that it worked on. */
export class CurationRecord {
  readonly deliveries: DeliveryOutcome[] = [];
  /** The curated ones with their Dates. */
  readonly known: KnownDelivery[] = [];
  readonly #memory: Pick<CurationMemory, 'tellColumns'>;
  readonly #notes = new Map<string, OutcomeNote>();

  constructor(memory: Pick<CurationMemory, 'tellColumns'>) {
    this.#memory = memory;
  }

  /** Each once: what concerns a report is told once, however many of its instances it concerns. */
  get notes(): OutcomeNote[] {
    return [...this.#notes.values()];
  }

  curated(instance: InstanceIdentity, table: ReportTable, { delivery, written }: CuratedInstance): void {
    const { dates, unknownColumns, missingColumns } = delivery;
    const rows = dates.reduce((sum, date) => sum + date.rows, 0);
    this.#add(instance, { outcome: 'curated', dates: dates.length, written, rows });
    this.known.push({ instance, dates });
    this.#tellUnknown(instance, table, unknownColumns);
    if (missingColumns.length === 0) return;
    this.#note({
      outcome: 'columns-missing',
      report: instance.reportSlug,
      message: `Apple's files of "${table.report.name}" lack ${missingColumns.join(', ')}: the columns are null in ${table.name}.`,
    });
  }

  failed(instance: InstanceIdentity, { name, message }: Error): void {
    this.#add(instance, { outcome: 'failed', dates: 0, written: 0, rows: 0, error: name, message });
    this.#note({ outcome: 'curation-failed', report: instance.reportSlug, message });
  }

  rawOnly({ reportSlug, granularity }: InstanceIdentity): void {
    this.#note({
      outcome: 'raw-only',
      report: reportSlug,
      message: `The catalog has no table for ${reportSlug} (${granularity.toLowerCase()}): what Apple delivers stays under raw/ until catalog/reports.json describes the report.`,
    });
  }

  #tellUnknown(
    { reportSlug }: InstanceIdentity,
    { report, name }: ReportTable,
    columns: readonly string[],
  ): void {
    // Of reports that the catalog knows in part, further columns are no drift: each is told once.
    const told = report.templateOnly ? this.#memory.tellColumns(reportSlug, columns) : columns;
    if (told.length === 0) return;
    this.#note({
      outcome: report.templateOnly ? 'columns-first-seen' : 'columns-unknown',
      report: reportSlug,
      message: `Apple's files of "${report.name}" have columns that the catalog lacks: ${told.join(', ')}. ${name} keeps them in its column extra; catalog/reports.json can give them columns of their own.`,
    });
  }

  #add(
    { instanceId, reportSlug: report, granularity, access, processingDate }: InstanceIdentity,
    outcome: Pick<DeliveryOutcome, 'outcome' | 'dates' | 'written' | 'rows' | 'error' | 'message'>,
  ): void {
    this.deliveries.push({ instanceId, report, granularity, access, processingDate, ...outcome });
  }

  #note(note: OutcomeNote): void {
    this.#notes.set(JSON.stringify(note), note);
  }
}
