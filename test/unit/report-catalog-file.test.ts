import { describe, expect, it } from 'vitest';
import catalogFile from '../../catalog/reports.json' with { type: 'json' };
import { parseCatalog, REPORTS } from '../../lambdas/lib/analytics/report-catalog.ts';

const REPORT = {
  name: 'App Weather',
  slug: 'app-weather',
  category: 'APP_USAGE',
  level: null,
  granularities: ['DAILY'],
  completenessDays: 3,
  historyStart: '2024-01-01',
  dateColumn: 'Date',
  semantics: 'replace',
  columns: [
    { name: 'Date', type: 'DATE' },
    { name: 'Storms', type: 'BIGINT', sumOver: ['dimensions'] },
  ],
};

function parse(changes: Readonly<Record<string, unknown>>, others: readonly unknown[] = []) {
  return parseCatalog({ columnSets: {}, reports: [...others, { ...REPORT, ...changes }] });
}

const [DATE, STORMS] = REPORT.columns;

describe('a catalog file', () => {
  it('is read as it stands', () => {
    expect(parse({})).toEqual([{ ...REPORT, templateOnly: false }]);
  });

  it('gives a report the columns of the set that it names, and says whether they are a template', () => {
    const { columns, ...rest } = REPORT;
    const columnSets = { weather: { templateOnly: true, columns } };
    expect(parseCatalog({ columnSets, reports: [{ ...rest, columnSet: 'weather' }] })).toEqual([
      { ...REPORT, templateOnly: true },
    ]);
  });

  it('is the shipped one with all its reports', () => {
    expect(parseCatalog(catalogFile)).toEqual(REPORTS);
  });

  it.each<[string, Readonly<Record<string, unknown>>, string | RegExp]>([
    ['a column twice', { columns: [DATE, STORMS, STORMS] }, 'report App Weather has two columns Storms'],
    ['a granularity twice', { granularities: ['DAILY', 'DAILY'] }, 'report App Weather has DAILY twice'],
    ['no date column', { dateColumn: 'Event Date' }, 'report App Weather has no column Event Date'],
    ['a date column of another type', { dateColumn: 'Storms' }, 'report App Weather: Storms is no DATE'],
    [
      'a text that may be added up',
      { columns: [DATE, { name: 'Sky', type: 'VARCHAR', sumOver: [] }] },
      'report App Weather: Sky is no number and has sumOver',
    ],
    ['an unknown column set', { columnSet: 'sea' }, 'report App Weather: there is no column set sea'],
    ['a slug that is no part of a key', { slug: 'app_weather' }, /report App Weather: .*slug/s],
    ['an unknown category', { category: 'WEATHER' }, /report App Weather: .*category/s],
    ['an unknown granularity', { granularities: ['HOURLY'] }, /report App Weather: .*granularities/s],
    ['no granularity', { granularities: [] }, /report App Weather: .*granularities/s],
    ['a day that is none', { historyStart: '2024' }, /report App Weather: .*historyStart/s],
    ['an unknown semantics', { semantics: 'merge' }, /report App Weather: .*semantics/s],
    ['an unknown type', { columns: [{ name: 'Date', type: 'TIMESTAMP' }] }, /report App Weather: .*columns/s],
    ['no columns', { columns: [] }, /report App Weather: .*columns/s],
    ['a negative completeness', { completenessDays: -1 }, /report App Weather: .*completenessDays/s],
  ])('is refused by the name of the report that has %s', (_, changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });

  it('is refused when two reports differ by spelling only, or share a slug', () => {
    expect(() => parse({ slug: 'app-weather-2' }, [{ ...REPORT, name: 'APP-weather' }])).toThrow(
      'two reports are named App Weather or app-weather-2',
    );
    expect(() => parse({}, [{ ...REPORT, name: 'Weather of Apps' }])).toThrow(
      'two reports are named App Weather or app-weather',
    );
  });
});
