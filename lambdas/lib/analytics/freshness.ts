import * as z from 'zod';
import type { DeliveredDate } from '../lake/deliveries.ts';
import type { InstanceIdentity } from '../lake/keys.ts';
import { addDays } from '../runtime/clock.ts';
import type { Granularity } from './contracts.ts';
import { daysBetween } from './delivery.ts';
import type { FreshnessLine } from './freshness-columns.ts';
import { expectedToday, INSTANCE_LIFE_DAYS, processingDates } from './processing-calendar.ts';

/**
 * How far each report of an app has come, from keys alone (decision 030). Whatever of it cannot be read from the
 * last 35 days is carried on from the previous lines as a maximum or minimum, so neither order nor repetition of
 * the runs matters.
 */

/** A delivery whose Dates are known; none when its file had only a header. */
export interface KnownDelivery {
  readonly instance: InstanceIdentity;
  readonly dates: readonly Pick<DeliveredDate, 'date' | 'isFinal'>[];
}

/** What the lake shows of one app. */
export interface AppDeliveries {
  readonly accountName: string;
  readonly appId: string;
  /** The day of the run, UTC. */
  readonly today: string;
  /** The account's reports, as `wantedReports` gives them. */
  readonly reports: readonly { readonly slug: string; readonly granularities: readonly Granularity[] }[];
  /** The granularities that the account asks for. */
  readonly granularities: readonly Granularity[];
  /** Instances with a manifest, of the last 35 days at least. */
  readonly landed: readonly InstanceIdentity[];
  /** Instances with a delivery object, of the last 35 days at least; those of this run may be among them. */
  readonly curated: readonly InstanceIdentity[];
  /** The deliveries that this run curated. */
  readonly known: readonly KnownDelivery[];
}

/** Of a previous line, what later lines are built upon. */
export type KeptFreshness = Pick<
  FreshnessLine,
  | 'report'
  | 'granularity'
  | 'as_of'
  | 'first_processing_date'
  | 'newest_processing_date'
  | 'newest_curated_processing_date'
  | 'newest_date'
  | 'newest_final_date'
>;

type Series = Pick<InstanceIdentity, 'reportSlug' | 'granularity'>;

function seriesName({ reportSlug, granularity }: Series): string {
  return `${reportSlug}.${granularity.toLowerCase()}`;
}

function identityOf(instance: InstanceIdentity): string {
  return [seriesName(instance), instance.processingDate, instance.access, instance.instanceId].join('.');
}

function newest(days: Iterable<string | null | undefined>): string | null {
  let found: string | null = null;
  for (const day of days) if (typeof day === 'string' && (found === null || day > found)) found = day;
  return found;
}

function oldest(days: Iterable<string | null | undefined>): string | null {
  let found: string | null = null;
  for (const day of days) if (typeof day === 'string' && (found === null || day < found)) found = day;
  return found;
}

function bySeries(previous: readonly KeptFreshness[]): ReadonlyMap<string, KeptFreshness> {
  return new Map(previous.map((line) => [`${line.report}.${line.granularity}`, line]));
}

/** Every wanted report in each of its wanted granularities, each once, by name. */
function wantedSeries({ reports, granularities }: AppDeliveries): readonly Series[] {
  const series = reports.flatMap((report) =>
    report.granularities
      .filter((granularity) => granularities.includes(granularity))
      .map((granularity): [string, Series] => {
        const entry = { reportSlug: report.slug, granularity };
        return [seriesName(entry), entry];
      }),
  );
  return [...new Map(series)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/**
 * The deliveries whose Dates have to be read before `freshnessLines` is called: they are curated, but neither is
 * the previous line built upon them nor has this run made them, because a run died between the delivery object and
 * the freshness object, or that one is lost. Usually none.
 */
export function deliveriesToRead(
  previous: readonly KeptFreshness[],
  app: AppDeliveries,
): readonly InstanceIdentity[] {
  const lines = bySeries(previous);
  const wanted = new Set(wantedSeries(app).map(seriesName));
  const known = new Set(app.known.map(({ instance }) => identityOf(instance)));
  const perDay = Map.groupBy(app.curated, (entry) => `${seriesName(entry)}.${entry.processingDate}`);
  return app.curated.filter((instance) => {
    const name = seriesName(instance);
    if (!wanted.has(name) || known.has(identityOf(instance))) return false;
    const readUpTo = lines.get(name)?.newest_curated_processing_date ?? '';
    if (instance.processingDate !== readUpTo) return instance.processingDate > readUpTo;
    // Of two deliveries of that day the line may be built upon only one.
    return (perDay.get(`${name}.${instance.processingDate}`)?.length ?? 0) > 1;
  });
}

/** Processing days before `asOf` that Apple still keeps and was due to deliver, and that did not land; ascending. */
function missingDays(
  granularity: Granularity,
  first: string | null,
  landed: readonly InstanceIdentity[],
  asOf: string,
): readonly string[] {
  if (first === null) return [];
  const days = new Set(landed.map((entry) => entry.processingDate));
  return processingDates(asOf).filter(
    (day) =>
      day >= first &&
      day < asOf &&
      !days.has(day) &&
      expectedToday([granularity], [granularity], day).length > 0,
  );
}

function lineOf(
  app: AppDeliveries,
  asOf: string,
  { reportSlug, granularity }: Series,
  previous: KeptFreshness | undefined,
  of: {
    readonly landed: readonly InstanceIdentity[];
    readonly curated: readonly InstanceIdentity[];
    readonly known: readonly KnownDelivery[];
  },
): FreshnessLine {
  const dates = of.known.flatMap((delivery) => delivery.dates);
  const ongoing = of.landed.filter((entry) => entry.access === 'ONGOING');
  const processingDatesOf = (instances: readonly InstanceIdentity[]) =>
    instances.map((entry) => entry.processingDate);
  const first = oldest([previous?.first_processing_date, ...processingDatesOf(ongoing)]);
  const newestLanded = newest([previous?.newest_processing_date, ...processingDatesOf(of.landed)]);
  const missing = missingDays(granularity, first, ongoing, asOf);
  const [oldestMissing = null] = missing;
  return {
    account: app.accountName,
    app_id: app.appId,
    report: reportSlug,
    granularity: granularity.toLowerCase(),
    as_of: asOf,
    first_processing_date: first,
    newest_processing_date: newestLanded,
    newest_curated_processing_date: newest([
      previous?.newest_curated_processing_date,
      ...processingDatesOf(of.curated),
      ...processingDatesOf(of.known.map((delivery) => delivery.instance)),
    ]),
    newest_date: newest([previous?.newest_date, ...dates.map((entry) => entry.date)]),
    newest_final_date: newest([
      previous?.newest_final_date,
      ...dates.filter((entry) => entry.isFinal).map((entry) => entry.date),
    ]),
    missing_days: missing.length,
    oldest_missing_day: oldestMissing,
    days_until_deleted:
      oldestMissing === null ? null : daysBetween(asOf, addDays(oldestMissing, INSTANCE_LIFE_DAYS)),
    empty: newestLanded === null,
  };
}

/**
 * One line per wanted report and granularity, by name. `app.known` has to hold what `deliveriesToRead` named.
 * Lines of reports that are no longer wanted end. Run again with its own result, on the same day, it gives that
 * result; a run of an earlier day changes no later day's `as_of`.
 */
export function freshnessLines(
  previous: readonly KeptFreshness[],
  app: AppDeliveries,
): readonly FreshnessLine[] {
  const lines = bySeries(previous);
  const asOf = newest([app.today, ...previous.map((line) => line.as_of)]) ?? app.today;
  const landed = Map.groupBy(app.landed, seriesName);
  const curated = Map.groupBy(app.curated, seriesName);
  const known = Map.groupBy(app.known, ({ instance }) => seriesName(instance));
  return wantedSeries(app).map((series) => {
    const name = seriesName(series);
    return lineOf(app, asOf, series, lines.get(name), {
      landed: landed.get(name) ?? [],
      curated: curated.get(name) ?? [],
      known: known.get(name) ?? [],
    });
  });
}

/** What a run's summary and metrics take from the lines of its apps: three figures. */
export const freshnessFigures = z.object({
  /** Reports, counted in each granularity, of which nothing has landed yet. */
  emptyReports: z.int(),
  /** Processing days that did not land, over all reports and granularities. */
  missingDays: z.int(),
  /** Days until Apple deletes what the oldest of them may have had; null when none is missing. */
  daysUntilDeleted: z.int().nullable(),
});
export type FreshnessFigures = z.infer<typeof freshnessFigures>;

export function figuresOf(lines: readonly FreshnessLine[]): FreshnessFigures {
  return addFigures(
    lines.map((line) => ({
      emptyReports: line.empty ? 1 : 0,
      missingDays: line.missing_days,
      daysUntilDeleted: line.days_until_deleted,
    })),
  );
}

/** Adds up the figures of many apps; the days are those of the app that loses something first. */
export function addFigures(figures: readonly FreshnessFigures[]): FreshnessFigures {
  const sum = { emptyReports: 0, missingDays: 0 };
  let daysUntilDeleted: number | null = null;
  for (const each of figures) {
    sum.emptyReports += each.emptyReports;
    sum.missingDays += each.missingDays;
    if (each.daysUntilDeleted !== null)
      daysUntilDeleted = Math.min(each.daysUntilDeleted, daysUntilDeleted ?? Infinity);
  }
  return { ...sum, daysUntilDeleted };
}
