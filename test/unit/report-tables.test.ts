import { describe, expect, it } from 'vitest';
import { type CatalogReport, findReport } from '../../lambdas/lib/analytics/report-catalog.ts';
import {
  ADDED_COLUMNS,
  columnName,
  DATE_COLUMN,
  REPORT_TABLES,
  reportTable,
} from '../../lambdas/lib/analytics/report-tables.ts';

function reportNamed(name: string): CatalogReport {
  const report = findReport(name);
  if (report === undefined) throw new Error(`the catalog lacks ${name}`);
  return report;
}

describe('the tables of the catalog', () => {
  it('are one per report and granularity, each with a legal name of its own', () => {
    const names = REPORT_TABLES.map(({ name }) => name);
    expect(names).toHaveLength(166);
    expect(new Set(names).size).toBe(166);
    expect(names.filter((name) => !/^[a-z][a-z0-9_]{0,127}$/.test(name))).toEqual([]);
  });

  it('have columns with legal names, each once, the partition and the added ones among them', () => {
    for (const table of REPORT_TABLES) {
      const columns = [...table.columns, ...ADDED_COLUMNS, DATE_COLUMN].map(({ name }) => name);
      expect(new Set(columns).size, table.name).toBe(columns.length);
      expect(columns.filter((name) => !/^[a-z][a-z0-9_]{0,127}$/.test(name))).toEqual([]);
    }
  });

  it('name the report and the granularity', () => {
    expect(reportTable(reportNamed('App Store Pre-Orders Detailed'), 'WEEKLY').name).toBe(
      'app_store_pre_orders_detailed_weekly',
    );
  });

  it.each([
    ['App Crashes', 'Date'],
    ['App Store Subscription Event Standard', 'Event Date'],
    ['Platform App Installs', 'Install Day'],
  ])('hold every column of %s in order but %s, which is the partition', (name, dateColumn) => {
    const report = reportNamed(name);
    const apple = reportTable(report, 'DAILY').columns.map((column) => column.apple.name);
    expect(apple).toEqual(report.columns.map((column) => column.name).filter((each) => each !== dateColumn));
    expect(apple).not.toContain(dateColumn);
  });

  it.each([
    ['replace', 'App Crashes', false],
    ['replace (assumed)', 'App Store Retention Messaging', false],
    ['unknown', 'CarPlay App Usage', true],
  ])('keep deliveries beside each other or not by their semantics %s', (semantics, name, keeps) => {
    const report = reportNamed(name);
    expect(report.semantics).toBe(semantics);
    expect(reportTable(report, 'DAILY').keepsDeliveries).toBe(keeps);
  });

  it('keep deliveries that add up beside each other', () => {
    const report: CatalogReport = { ...reportNamed('App Crashes'), semantics: 'increment' };
    expect(reportTable(report, 'DAILY').keepsDeliveries).toBe(true);
  });
});

describe('the first Date of a table', () => {
  it.each([
    ['DAILY', '2024-01-01', '2024-01-01'],
    ['WEEKLY', '2024-01-01', '2024-01-01'],
    ['MONTHLY', '2024-01-01', '2024-01-01'],
    ['DAILY', '2025-01-01', '2025-01-01'],
    ['WEEKLY', '2025-01-01', '2024-12-30'],
    ['MONTHLY', '2026-04-20', '2026-04-01'],
    ['WEEKLY', '2026-04-19', '2026-04-13'],
  ] as const)('%s, of a history from %s on, is %s', (granularity, historyStart, firstDate) => {
    const report = { ...reportNamed('App Crashes'), historyStart };
    expect(reportTable(report, granularity).firstDate).toBe(firstDate);
  });

  it('is a Monday in weekly tables, whose partitions are a week apart', () => {
    const weekly = REPORT_TABLES.filter(({ granularity }) => granularity === 'WEEKLY');
    expect(weekly.filter(({ firstDate }) => new Date(firstDate).getUTCDay() !== 1)).toEqual([]);
    expect(new Set(weekly.map((table) => table.partitionStepDays))).toEqual(new Set([7]));
    const others = REPORT_TABLES.filter(({ granularity }) => granularity !== 'WEEKLY');
    expect(new Set(others.map((table) => table.partitionStepDays))).toEqual(new Set([1]));
  });
});

describe('the comment of a column', () => {
  const commentOf = (report: string, column: string) =>
    reportTable(reportNamed(report), 'DAILY').columns.find(({ name }) => name === column)?.comment;

  it.each([
    ['App Crashes', 'crashes', 'May be added up over rows and Dates.'],
    ['App Store Subscription State Standard', 'counts', 'over the rows of one Date, never over Dates.'],
    ['CarPlay App Usage', 'count', 'over rows and Dates, never over processing dates.'],
    ['App Crashes', 'unique_devices', 'Counts distinct users or devices: never add it up.'],
    ['App Crashes', 'device', 'Apple: Device.'],
  ])('of %s.%s says over what it may be added up', (report, column, text) => {
    expect(commentOf(report, column)).toContain(text);
  });
});

describe('a column name', () => {
  it.each([
    ['Proceeds in USD', 'proceeds_in_usd'],
    ['Users Opting-In', 'users_opting_in'],
    ['Pre-Order', 'pre_order'],
    [' Offer  ID ', 'offer_id'],
  ])('of %s is %s', (apple, sql) => {
    expect(columnName(apple)).toBe(sql);
  });
});
