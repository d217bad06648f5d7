import { z } from 'zod';
import type { CatalogReport, ColumnType } from '../../lambdas/lib/analytics/report-catalog.ts';
import type { ColumnKind, Report } from '../../local/apple/report-data/reports.ts';

/**
 * What can be known about a report of Apple's, in one shape for the three places that know it: the product's catalog,
 * simulated Apple and the reference list. A place leaves out what it has no word for.
 */
export interface ReportFacts {
  readonly category: string;
  readonly level: string | null;
  readonly granularities: readonly string[];
  readonly completenessDays: number;
  readonly dateColumn: string;
  /** `name type`, types in the reference's words, in Apple's order. */
  readonly columns: readonly string[];
  readonly metrics: readonly string[];
  readonly nonAdditiveMetrics: readonly string[];
  /** First Date of the report's history. */
  readonly historyStart?: string;
  readonly templateOnly?: boolean;
  /** Whether Apple documents that a newer delivery of a Date replaces the older one. */
  readonly replacementDocumented?: boolean;
  /** Whether rows of a Date are taken to be replaced, documented or not. */
  readonly replaces?: boolean;
}

export type FactsByReport = ReadonlyMap<string, ReportFacts>;

/** First day of which Apple has any analytics report: what the reference calls `iOS 17.4` begins there at the earliest. */
const FIRST_DAY = '2024-01-01';

const REFERENCE_TYPES: Readonly<Record<ColumnType, string>> = {
  DATE: 'date',
  BIGINT: 'integer',
  DOUBLE: 'float',
  VARCHAR: 'string',
};

/** The facts that the product's catalog states. */
export function catalogFacts(reports: readonly CatalogReport[]): FactsByReport {
  return new Map(
    reports.map((report) => {
      const measures = report.columns.filter(({ sumOver }) => sumOver !== undefined);
      return [
        report.name,
        {
          category: report.category,
          level: report.level,
          granularities: report.granularities,
          completenessDays: report.completenessDays,
          dateColumn: report.dateColumn,
          columns: report.columns.map(({ name, type }) => `${name} ${REFERENCE_TYPES[type]}`),
          metrics: measures.map(({ name }) => name),
          nonAdditiveMetrics: measures.filter(({ sumOver }) => sumOver?.length === 0).map(({ name }) => name),
          historyStart: report.historyStart,
          templateOnly: report.templateOnly,
          replacementDocumented: report.semantics === 'replace',
          replaces: report.semantics === 'replace' || report.semantics === 'replace (assumed)',
        },
      ];
    }),
  );
}

const KIND_TYPES: Readonly<Record<ColumnKind, string>> = {
  text: 'string',
  date: 'date',
  identifier: 'integer',
  count: 'integer',
  unique: 'integer',
  money: 'float',
};

/** The facts that simulated Apple's own data states. */
export function simulatedFacts(reports: readonly Report[]): FactsByReport {
  return new Map(
    reports.map((report) => [
      report.name,
      {
        category: report.category,
        level: report.level ?? null,
        granularities: report.granularities,
        completenessDays: report.windowDays,
        dateColumn: report.dateColumn,
        columns: report.columns.map(({ name, kind }) => `${name} ${KIND_TYPES[kind]}`),
        metrics: report.columns
          .filter(({ kind }) => ['count', 'unique', 'money'].includes(kind))
          .map(({ name }) => name),
        nonAdditiveMetrics: report.columns.filter(({ kind }) => kind === 'unique').map(({ name }) => name),
        replaces: report.semantics === 'replace',
      },
    ]),
  );
}

const referenceShape = z.object({
  reports: z.array(
    z.object({
      name: z.string(),
      category: z.string(),
      level: z.string().nullable(),
      granularities: z.array(z.string()),
      completenessDays: z.number(),
      historyFrom: z.string(),
      dateColumn: z.string(),
      columns: z.array(z.object({ name: z.string(), type: z.string() })),
      columnsAreTemplateOnly: z.boolean().default(false),
      metrics: z.array(z.string()),
      nonAdditiveMetrics: z.array(z.string()),
      overwriteSemanticsDocumented: z.boolean(),
    }),
  ),
});

/** The facts of the reference file; throws a ZodError when it has another shape. */
export function referenceFacts(file: unknown): FactsByReport {
  return new Map(
    referenceShape.parse(file).reports.map((report) => [
      report.name,
      {
        category: report.category,
        level: report.level,
        granularities: report.granularities,
        completenessDays: report.completenessDays,
        dateColumn: report.dateColumn,
        columns: report.columns.map(({ name, type }) => `${name} ${type}`),
        metrics: report.metrics,
        nonAdditiveMetrics: report.nonAdditiveMetrics,
        historyStart: report.historyFrom === 'iOS 17.4' ? FIRST_DAY : report.historyFrom,
        templateOnly: report.columnsAreTemplateOnly,
        replacementDocumented: report.overwriteSemanticsDocumented,
      },
    ]),
  );
}

/** `<report>: <field> ...` for every fact that both places state and state differently, and every report that one lacks. */
export function factDifferences(expected: FactsByReport, found: FactsByReport): string[] {
  const names = [...new Set([...expected.keys(), ...found.keys()])];
  return names.flatMap((name) => {
    const [wanted, actual] = [expected.get(name), found.get(name)];
    if (wanted === undefined) return [`${name}: is in the second list only`];
    if (actual === undefined) return [`${name}: is in the first list only`];
    const values = new Map(Object.entries(actual));
    return Object.entries(wanted).flatMap(([field, value]) => {
      if (!values.has(field)) return [];
      const [first, second] = [JSON.stringify(value), JSON.stringify(values.get(field))];
      return first === second
        ? []
        : [`${name}: ${field} is ${first} in the first list, ${second} in the second`];
    });
  });
}
