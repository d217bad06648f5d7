import * as z from 'zod';
import catalogFile from '../../../catalog/reports.json' with { type: 'json' };
import { day, granularity } from './contracts.ts';

export const REPORT_CATEGORIES = [
  'APP_USAGE',
  'APP_STORE_ENGAGEMENT',
  'COMMERCE',
  'FRAMEWORK_USAGE',
  'PERFORMANCE',
] as const;

/** Types of columns, as Athena and DuckDB name them; DOUBLE is money, which Apple calls a float. */
export const COLUMN_TYPES = ['DATE', 'BIGINT', 'DOUBLE', 'VARCHAR'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

const column = z.object({
  /** Apple's name in the header line. */
  name: z.string().min(1),
  type: z.enum(COLUMN_TYPES),
  /** Only for measures: over what their values may be added up; empty for counts of distinct users or devices. */
  sumOver: z.array(z.enum(['dimensions', 'dates'])).optional(),
});
export type CatalogColumn = z.infer<typeof column>;

/**
 * `replace`: Apple documents that a newer delivery of a Date stands for the whole Date; `replace (assumed)`: its
 * page reads alike, the rule is not written there. With `increment` and `unknown` deliveries of a Date stand beside
 * each other, told apart by processingDate.
 */
export const SEMANTICS = ['replace', 'replace (assumed)', 'increment', 'unknown'] as const;

const report = z.object({
  name: z.string().min(1),
  slug: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  category: z.enum(REPORT_CATEGORIES),
  /** Null for reports that exist in one level only. */
  level: z.enum(['STANDARD', 'DETAILED']).nullable(),
  granularities: z.array(granularity).min(1),
  /** A daily Date is final in a delivery whose processingDate is so many days later, or more. */
  completenessDays: z.int().min(0).max(30),
  /** First Date for which Apple has data. */
  historyStart: day,
  /** Apple's name of the column that says which day, week or month a row is about. */
  dateColumn: z.string().min(1),
  semantics: z.enum(SEMANTICS),
  columns: z.array(column).min(1),
  /** Only what such reports have in common is known: further columns of Apple's are no surprise. */
  templateOnly: z.boolean().default(false),
});

/** One report of Apple's catalog: `name` is the API attribute, `slug` its name in our keys and tables. */
export type CatalogReport = z.infer<typeof report>;

/** A report either lists its columns or names a set that many reports share. */
const catalog = z.object({
  columnSets: z.record(z.string(), z.object({ templateOnly: z.boolean(), columns: z.array(column) })),
  reports: z.array(z.looseObject({ name: z.string().min(1), columnSet: z.string().optional() })),
});
type CatalogFile = z.infer<typeof catalog>;

/** What a report says of itself when a column set says the rest; sets are parsed once, not with each report. */
const reportWithColumnSet = report.omit({ columns: true, templateOnly: true });

/** One entry of the file with its column set filled in. */
function reportOf(
  { columnSet, ...entry }: CatalogFile['reports'][number],
  columnSets: CatalogFile['columnSets'],
): CatalogReport {
  const parsed = (columnSet === undefined ? report : reportWithColumnSet).safeParse(entry);
  if (!parsed.success) throw new Error(`report ${entry.name}: ${z.prettifyError(parsed.error)}`);
  const shared = columnSet === undefined ? {} : columnSets[columnSet];
  if (shared === undefined) throw new Error(`report ${entry.name}: there is no column set ${columnSet}`);
  return { ...parsed.data, ...shared } as CatalogReport;
}

function repeatedIn(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/** What is wrong with a report beyond its shape; undefined when nothing is. */
function contradictionOf({ name, columns, dateColumn, granularities }: CatalogReport): string | undefined {
  const column = repeatedIn(columns.map((entry) => entry.name));
  if (column !== undefined) return `report ${name} has two columns ${column}`;
  const period = repeatedIn(granularities);
  if (period !== undefined) return `report ${name} has ${period} twice`;
  const date = columns.find((entry) => entry.name === dateColumn);
  if (date === undefined) return `report ${name} has no column ${dateColumn}`;
  if (date.type !== 'DATE') return `report ${name}: ${dateColumn} is no DATE`;
  const measure = columns.find(({ type, sumOver }) => sumOver && type !== 'BIGINT' && type !== 'DOUBLE');
  return measure && `report ${name}: ${measure.name} is no number and has sumOver`;
}

/**
 * Reads a catalog file: shapes, column sets, unique names and slugs, a date column in each report. Throws an Error
 * that names the report (decision 002).
 */
export function parseCatalog(file: unknown): readonly CatalogReport[] {
  const { columnSets, reports } = catalog.parse(file);
  const entries = reports.map((entry) => reportOf(entry, columnSets));
  const taken = new Set<string>();
  for (const entry of entries) {
    const problem = contradictionOf(entry);
    if (problem !== undefined) throw new Error(problem);
    for (const identity of [comparableName(entry.name), `slug ${entry.slug}`]) {
      if (taken.has(identity)) throw new Error(`two reports are named ${entry.name} or ${entry.slug}`);
      taken.add(identity);
    }
  }
  return entries;
}

/** Every report that this release knows, validated when the module loads (decision 002). */
export const REPORTS: readonly CatalogReport[] = parseCatalog(catalogFile);

/**
 * What is compared when two report names are matched: letters and digits only, because Apple's spelling of
 * case and hyphens drifts.
 */
export function comparableName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** Lower-case letters and digits joined by `-`: the part of a key that stands for a report. */
export function slugOf(name: string): string {
  return (name.toLowerCase().match(/[a-z0-9]+/g) ?? []).join('-');
}

const byComparableName = new Map(REPORTS.map((entry) => [comparableName(entry.name), entry]));

/** The catalog's entry for a name in any of Apple's spellings, or undefined when the catalog lacks it. */
export function findReport(name: string): CatalogReport | undefined {
  return byComparableName.get(comparableName(name));
}
