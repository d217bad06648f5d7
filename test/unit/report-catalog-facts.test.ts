import { describe, expect, it } from 'vitest';
import { REPORTS } from '../../lambdas/lib/analytics/report-catalog.ts';
import { REPORTS as SIMULATED_REPORTS } from '../../local/apple/report-data/reports.ts';
import {
  catalogFacts,
  factDifferences,
  type ReportFacts,
  referenceFacts,
  simulatedFacts,
} from '../reference/report-facts.ts';

const FACTS: ReportFacts = {
  category: 'COMMERCE',
  level: null,
  granularities: ['DAILY'],
  completenessDays: 2,
  dateColumn: 'Date',
  columns: ['Date date', 'Counts integer'],
  metrics: ['Counts'],
  nonAdditiveMetrics: [],
};

const REFERENCE_REPORT = {
  name: 'Report',
  category: 'FRAMEWORK_USAGE',
  level: null,
  granularities: ['DAILY'],
  completenessDays: 8,
  historyFrom: 'iOS 17.4',
  dateColumn: 'Date',
  columns: [{ name: 'Date', type: 'date' }],
  columnsAreTemplateOnly: true,
  metrics: [],
  nonAdditiveMetrics: [],
  overwriteSemanticsDocumented: false,
};

describe("the catalog and simulated Apple's own data", () => {
  it('state the same about every report', () => {
    const simulated = simulatedFacts(SIMULATED_REPORTS);
    expect(factDifferences(simulated, catalogFacts(REPORTS))).toEqual([]);
    expect(simulated.size).toBe(134);
  });
});

describe('a difference between two lists of reports', () => {
  const changes: readonly Partial<ReportFacts>[] = [
    { category: 'PERFORMANCE' },
    { level: 'STANDARD' },
    { granularities: ['DAILY', 'WEEKLY'] },
    { completenessDays: 3 },
    { dateColumn: 'Event Date' },
    { columns: ['Counts integer', 'Date date'] },
    { columns: ['Date date', 'Counts float'] },
    { metrics: [] },
    { nonAdditiveMetrics: ['Counts'] },
  ];

  it.each(changes)('is found by its field: %j', (change) => {
    const [field = ''] = Object.keys(change);
    const differences = factDifferences(new Map([['R', FACTS]]), new Map([['R', { ...FACTS, ...change }]]));
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatch(new RegExp(`^R: ${field} is `));
  });

  it('is a report that one of them lacks', () => {
    const [one, other] = [new Map([['A', FACTS]]), new Map([['B', FACTS]])];
    expect(factDifferences(one, other)).toEqual([
      'A: is in the first list only',
      'B: is in the second list only',
    ]);
  });

  it('is no fact that only one of them states', () => {
    const stated = { ...FACTS, templateOnly: true };
    expect(factDifferences(new Map([['R', stated]]), new Map([['R', FACTS]]))).toEqual([]);
    expect(factDifferences(new Map([['R', FACTS]]), new Map([['R', stated]]))).toEqual([]);
  });
});

describe('the reference list', () => {
  it('lets reports of iOS 17.4 begin with the first day of all analytics reports', () => {
    expect(referenceFacts({ reports: [REFERENCE_REPORT] }).get('Report')).toMatchObject({
      historyStart: '2024-01-01',
      templateOnly: true,
      replacementDocumented: false,
    });
  });

  it('is refused when a report lacks a field', () => {
    const { metrics: _metrics, ...rest } = REFERENCE_REPORT;
    expect(() => referenceFacts({ reports: [rest] })).toThrow(/metrics/);
  });
});
