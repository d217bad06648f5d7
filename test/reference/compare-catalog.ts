import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { REPORTS } from '../../lambdas/lib/analytics/report-catalog.ts';
import { REPORTS as SIMULATED_REPORTS } from '../../local/apple/report-data/reports.ts';
import {
  catalogFacts,
  type FactsByReport,
  factDifferences,
  referenceFacts,
  simulatedFacts,
} from './report-facts.ts';

/**
 * Compares `catalog/reports.json` and simulated Apple's own data, each by itself, with the reference list of Apple's
 * reports, field by field; prints every difference on standard error and exits 1 when there is one.
 */
function compareWithReference(path: string): void {
  const reference = referenceFacts(JSON.parse(readFileSync(path, 'utf8')));
  const places: readonly (readonly [string, FactsByReport])[] = [
    ['catalog', catalogFacts(REPORTS)],
    ['simulated Apple', simulatedFacts(SIMULATED_REPORTS)],
  ];
  const differences = places.flatMap(([place, facts]) =>
    factDifferences(reference, facts).map((difference) => `${place}: ${difference}`),
  );
  for (const difference of differences) console.error(difference);
  console.log(`${reference.size} reports compared, ${differences.length} differences`);
  process.exitCode = differences.length === 0 && reference.size > 0 ? 0 : 1;
}

await new Command('compare-catalog')
  .description(
    'Compares the catalog and simulated Apple with the reference list (first list) of Apple reports.',
  )
  .argument('<reference>', 'JSON file of the reference list')
  .action(compareWithReference)
  .parseAsync();
