import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRANULARITIES, type Granularity } from '../../lambdas/lib/analytics/contracts.ts';
import {
  type AppDeliveries,
  addFigures,
  deliveriesToRead,
  figuresOf,
  freshnessLines,
  type KeptFreshness,
  type KnownDelivery,
} from '../../lambdas/lib/analytics/freshness.ts';
import { FRESHNESS_COLUMNS, type FreshnessLine } from '../../lambdas/lib/analytics/freshness-columns.ts';
import type { InstanceIdentity } from '../../lambdas/lib/lake/keys.ts';
import { addDays } from '../../lambdas/lib/runtime/clock.ts';

const REPORT = 'app-downloads-standard';
/** A Wednesday. */
const TODAY = '2026-06-10';

function instance(processingDate: string, changes: Partial<InstanceIdentity> = {}): InstanceIdentity {
  return {
    appId: '1001',
    reportSlug: REPORT,
    granularity: 'DAILY',
    access: 'ONGOING',
    processingDate,
    instanceId: `id-${processingDate}`,
    ...changes,
  };
}

/** Daily instances from one processing day to another, both included. */
function daily(from: string, to: string): InstanceIdentity[] {
  const instances: InstanceIdentity[] = [];
  for (let day = from; day <= to; day = addDays(day, 1)) instances.push(instance(day));
  return instances;
}

/** As Apple delivers downloads: the two days before the processing day, of which the earlier one is final. */
function known(of: InstanceIdentity): KnownDelivery {
  return {
    instance: of,
    dates: [
      { date: addDays(of.processingDate, -2), isFinal: true },
      { date: addDays(of.processingDate, -1), isFinal: false },
    ],
  };
}

function app(changes: Partial<AppDeliveries> = {}): AppDeliveries {
  return {
    accountName: 'main',
    appId: '1001',
    today: TODAY,
    reports: [{ slug: REPORT, granularities: GRANULARITIES }],
    granularities: ['DAILY'],
    landed: [],
    curated: [],
    known: [],
    ...changes,
  };
}

/** The line of an account that wants one report in one granularity. */
function onlyLine(of: AppDeliveries, previous: readonly KeptFreshness[] = []): FreshnessLine {
  const lines = freshnessLines(previous, of);
  const [line] = lines;
  if (line === undefined || lines.length > 1) throw new Error(`${lines.length} lines instead of one`);
  return line;
}

const gapOf = ({ missing_days, oldest_missing_day, days_until_deleted }: FreshnessLine) => [
  missing_days,
  oldest_missing_day,
  days_until_deleted,
];
const NO_GAP = [0, null, null];

describe('a line of the freshness table', () => {
  it('has the columns of the table, in their order', () => {
    expect(Object.keys(onlyLine(app()))).toEqual(FRESHNESS_COLUMNS.map(({ name }) => name));
  });

  it('tells how far a report has landed, is curated and is final', () => {
    const landed = daily('2026-06-01', TODAY);

    expect(onlyLine(app({ landed, known: landed.slice(0, -1).map(known) }))).toEqual({
      account: 'main',
      app_id: '1001',
      report: REPORT,
      granularity: 'daily',
      as_of: TODAY,
      first_processing_date: '2026-06-01',
      newest_processing_date: '2026-06-10',
      newest_curated_processing_date: '2026-06-09',
      newest_date: '2026-06-08',
      newest_final_date: '2026-06-07',
      missing_days: 0,
      oldest_missing_day: null,
      days_until_deleted: null,
      empty: false,
    });
  });

  it('is empty, without a gap, while a report has never delivered', () => {
    const line = onlyLine(app({ landed: [instance(TODAY, { reportSlug: 'app-crashes' })] }));

    expect(line).toMatchObject({ empty: true, newest_processing_date: null, newest_date: null });
    expect(gapOf(line)).toEqual(NO_GAP);
  });

  it('has no gap before the first day that a new app landed', () => {
    expect(gapOf(onlyLine(app({ landed: daily('2026-06-08', TODAY) })))).toEqual(NO_GAP);
  });

  it('is not empty after a delivery with a header only, which has no Date', () => {
    const landed = [instance(TODAY)];
    const line = onlyLine(app({ landed, known: [{ instance: instance(TODAY), dates: [] }] }));

    expect(line).toMatchObject({
      empty: false,
      newest_curated_processing_date: TODAY,
      newest_date: null,
      newest_final_date: null,
    });
  });

  it('exists for every wanted report in every granularity that it offers and the account wants, by name', () => {
    const reports = [
      { slug: 'b', granularities: ['MONTHLY', 'DAILY', 'WEEKLY'] as const },
      { slug: 'a', granularities: ['DAILY'] as const },
      { slug: 'b', granularities: ['DAILY'] as const },
    ];
    const lines = freshnessLines([], app({ reports, granularities: ['DAILY', 'WEEKLY'] }));

    expect(lines.map((line) => `${line.report} ${line.granularity}`)).toEqual([
      'a daily',
      'b daily',
      'b weekly',
    ]);
  });
});

describe('missing days', () => {
  const without = (...missing: string[]) =>
    daily('2026-05-01', TODAY).filter((entry) => !missing.includes(entry.processingDate));

  it('are the days between the first landed one and today without an instance', () => {
    const line = onlyLine(app({ landed: without('2026-05-20', '2026-06-09') }));

    expect(gapOf(line)).toEqual([2, '2026-05-20', 14]);
  });

  it('do not count today, whose instance may still come', () => {
    expect(gapOf(onlyLine(app({ landed: without(TODAY) })))).toEqual(NO_GAP);
    expect(gapOf(onlyLine(app({ landed: without(TODAY), today: '2026-06-11' })))).toEqual([1, TODAY, 34]);
  });

  it('count down to the day on which Apple deletes the instance, and end there', () => {
    const landed = [...without('2026-05-20'), ...daily('2026-06-11', '2026-06-24')];

    expect(gapOf(onlyLine(app({ landed, today: '2026-06-23' })))).toEqual([1, '2026-05-20', 1]);
    expect(gapOf(onlyLine(app({ landed, today: '2026-06-24' })))).toEqual(NO_GAP);
  });

  it('are not made up by a snapshot of the same day', () => {
    const snapshot = instance('2026-06-05', { access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' });
    const line = onlyLine(app({ landed: [...without('2026-06-05'), snapshot] }));

    expect(gapOf(line)).toEqual([1, '2026-06-05', 30]);
  });

  it('do not begin with a snapshot: only the ongoing request owes a day', () => {
    const snapshot = instance('2026-06-01', { access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' });
    const line = onlyLine(app({ landed: [snapshot] }));

    expect(gapOf(line)).toEqual(NO_GAP);
    expect(line).toMatchObject({
      empty: false,
      first_processing_date: null,
      newest_processing_date: '2026-06-01',
    });
  });

  it('are not hidden when the last landed day before the gap has left the 35 days', () => {
    const before = daily('2026-05-01', '2026-05-05');
    const after = daily('2026-05-16', TODAY);
    const previous = onlyLine(app({ landed: before, today: '2026-05-05' }));

    // The listing begins on May 7, the first day that Apple still keeps.
    expect(gapOf(onlyLine(app({ landed: after })))).toEqual(NO_GAP);
    expect(gapOf(onlyLine(app({ landed: after }), [previous]))).toEqual([9, '2026-05-07', 1]);
  });

  it('are all due days once nothing at all has landed for 35 days', () => {
    const previous = onlyLine(app({ landed: daily('2026-04-01', '2026-04-10'), today: '2026-04-10' }));
    const line = onlyLine(app(), [previous]);

    expect(line).toMatchObject({ empty: false, newest_processing_date: '2026-04-10' });
    expect(gapOf(line)).toEqual([34, '2026-05-07', 1]);
  });

  const due: [Granularity, string, string, string[]][] = [
    ['WEEKLY', '2026-05-08', '2026-05-29', []],
    ['WEEKLY', '2026-05-08', '2026-05-30', ['2026-05-29']],
    ['WEEKLY', '2026-05-08', '2026-06-10', ['2026-05-29', '2026-06-05']],
    ['MONTHLY', '2026-05-05', '2026-06-05', []],
    ['MONTHLY', '2026-05-05', '2026-06-06', ['2026-06-05']],
    ['MONTHLY', '2026-02-05', '2026-03-06', ['2026-03-05']],
    ['MONTHLY', '2025-12-05', '2026-01-06', ['2026-01-05']],
    ['DAILY', '2028-02-27', '2028-03-01', ['2028-02-28', '2028-02-29']],
    ['DAILY', '2026-12-30', '2027-01-02', ['2026-12-31', '2027-01-01']],
  ];

  it.each(due)(
    'of %s instances since %s are on %s those of the calendar: %j',
    (granularity, first, today, missing) => {
      const [oldest = null] = missing;
      const fridays = ['2026-05-08', '2026-05-15', '2026-05-22'];
      const landed = (granularity === 'WEEKLY' ? fridays : [first]).map((day) =>
        instance(day, { granularity }),
      );

      const line = onlyLine(app({ landed, today, granularities: [granularity] }));
      expect([line.missing_days, line.oldest_missing_day]).toEqual([missing.length, oldest]);
    },
  );
});

describe('what is carried on from the previous line', () => {
  const yesterday = daily('2026-06-01', '2026-06-09');
  const previous = freshnessLines(
    [],
    app({ landed: yesterday, known: yesterday.map(known), today: '2026-06-09' }),
  );

  it('keeps the newest Dates without reading a delivery again', () => {
    const today = app({ landed: yesterday, curated: yesterday });

    expect(deliveriesToRead(previous, today)).toEqual([]);
    expect(onlyLine(today, previous)).toMatchObject({
      as_of: TODAY,
      newest_date: '2026-06-08',
      newest_final_date: '2026-06-07',
    });
  });

  it('is not lowered by an older delivery that is curated later', () => {
    const late = known(instance('2026-05-30'));
    const line = onlyLine(app({ landed: yesterday, known: [late] }), previous);

    expect(line).toMatchObject({ newest_curated_processing_date: '2026-06-09', newest_date: '2026-06-08' });
  });

  it('is the same line for a second run of the day', () => {
    const landed = daily('2026-06-01', TODAY);
    const first = freshnessLines(previous, app({ landed, known: [known(instance(TODAY))] }));

    expect(freshnessLines(first, app({ landed, curated: landed }))).toEqual(first);
  });

  it('is not taken back by a run that began on an earlier day', () => {
    const landed = daily('2026-06-01', TODAY);
    const current = freshnessLines(previous, app({ landed, known: [known(instance(TODAY))] }));

    expect(freshnessLines(current, app({ landed: yesterday, today: '2026-06-09' }))).toEqual(
      freshnessLines(current, app({ landed: yesterday })),
    );
  });

  it('ends with a report that the account no longer wants', () => {
    expect(freshnessLines(previous, app({ reports: [] }))).toEqual([]);
  });
});

describe('deliveries that have to be read', () => {
  const curated = daily('2026-06-01', TODAY);
  const upTo = (day: string) => freshnessLines([], app({ landed: curated, known: [known(instance(day))] }));

  it('are those newer than the line, when a run died before it wrote the line', () => {
    expect(deliveriesToRead(upTo('2026-06-08'), app({ curated }))).toEqual(daily('2026-06-09', TODAY));
  });

  it('are not those that this run has made itself', () => {
    const made = [known(instance(TODAY))];

    expect(deliveriesToRead(upTo('2026-06-08'), app({ curated, known: made }))).toEqual([
      instance('2026-06-09'),
    ]);
  });

  it('are all when there is no line', () => {
    expect(deliveriesToRead([], app({ curated }))).toEqual(curated);
  });

  it('are those of the newest day too where it has several, because the line may know only one of them', () => {
    const snapshot = instance(TODAY, { access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' });

    expect(deliveriesToRead(upTo(TODAY), app({ curated }))).toEqual([]);
    expect(deliveriesToRead(upTo(TODAY), app({ curated: [...curated, snapshot] }))).toEqual([
      instance(TODAY),
      snapshot,
    ]);
  });

  it('are none of a report, or of a granularity, that is not wanted', () => {
    const others = [
      instance(TODAY, { reportSlug: 'app-crashes' }),
      instance('2026-06-05', { granularity: 'WEEKLY' }),
    ];

    expect(deliveriesToRead([], app({ curated: others }))).toEqual([]);
  });

  it('make runs in any order, repeated or dead before their line, end in the line of a single run', () => {
    const deliveries = [
      ...curated,
      instance('2026-06-04', { access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' }),
    ];
    const single = freshnessLines([], app({ landed: deliveries, known: deliveries.map(known) }));
    const run = fc.record({
      of: fc.uniqueArray(fc.nat({ max: deliveries.length - 1 })),
      dies: fc.boolean(),
    });
    const pick = (indices: readonly number[]) => deliveries.filter((_, index) => indices.includes(index));

    fc.assert(
      fc.property(fc.array(run, { maxLength: 8 }), (runs) => {
        let lines: readonly FreshnessLine[] = [];
        const done = new Set<number>();
        const everything = { of: deliveries.map((_, index) => index), dies: false };
        for (const { of, dies } of [...runs, everything]) {
          const fresh = of.filter((index) => !done.has(index));
          for (const index of fresh) done.add(index);
          if (dies) continue;
          const seen = app({
            landed: deliveries,
            curated: pick([...done]),
            known: pick(fresh).map(known),
          });
          const read = deliveriesToRead(lines, seen).map(known);
          lines = freshnessLines(lines, { ...seen, known: [...seen.known, ...read] });
        }
        expect(lines).toEqual(single);
      }),
    );
  });
});

describe('the figures of a run', () => {
  it('count empty reports and missing days, and tell the fewest days until something is deleted', () => {
    const gap = freshnessLines([], app({ landed: [...daily('2026-05-01', '2026-05-31'), instance(TODAY)] }));
    const worse = freshnessLines(
      [],
      app({ landed: [...daily('2026-05-01', '2026-05-19'), instance(TODAY)] }),
    );
    const empty = freshnessLines([], app({ granularities: GRANULARITIES }));

    expect(addFigures([gap, empty, worse].map(figuresOf))).toEqual({
      emptyReports: 3,
      missingDays: 9 + 21,
      daysUntilDeleted: 14,
    });
    expect(addFigures([figuresOf(empty)])).toMatchObject({ missingDays: 0, daysUntilDeleted: null });
  });
});
