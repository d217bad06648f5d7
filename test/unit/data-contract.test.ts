import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ACCOUNT_DATA_TABLES } from '../../infra/tables.ts';
import { REPORT_TABLES } from '../../lambdas/lib/analytics/report-tables.ts';
import { dataContract } from '../../local/documentation/data-contract.ts';

const text = readFileSync(new URL('../../docs/data-contract.md', import.meta.url), 'utf8');

/** The lines of the section that first names a table, up to the next heading. */
function sectionWith(table: string): string {
  const section = text.split(/\n(?=##+ )/).find((part) => part.includes(`\`${table}\``));
  if (section === undefined) throw new Error(`no section names ${table}`);
  return section;
}

describe('docs/data-contract.md', () => {
  it('is what `npm run docs:contract` makes of the catalog', () => {
    expect(text).toBe(dataContract());
  });

  it("lists every table with every column of Apple's", () => {
    for (const table of REPORT_TABLES) {
      const section = sectionWith(table.name);
      const missing = table.columns.filter(
        ({ name, type, apple }) => !section.includes(`| \`${name}\` | ${type} | ${apple.name} |`),
      );
      expect(missing, table.name).toEqual([]);
    }
  });

  it('lists the tables of account data with every column', () => {
    for (const { name, columns } of ACCOUNT_DATA_TABLES) {
      const section = text.split(/\n(?=##+ )/).find((part) => part.startsWith(`### ${name}\n`)) ?? '';
      const missing = columns.filter(
        (column) => !section.includes(`| \`${column.name}\` | ${column.type} | ${column.comment} |`),
      );
      expect(missing, name).toEqual([]);
    }
  });

  it('says of each measure over what it may be added up', () => {
    expect(sectionWith('app_crashes_daily')).toContain('| `crashes` | BIGINT | Crashes | rows and Dates |');
    expect(sectionWith('app_crashes_daily')).toContain(
      '| `unique_devices` | BIGINT | Unique Devices | nothing |',
    );
    expect(sectionWith('carplay_app_usage_daily')).toContain('| rows and Dates of one processing_date |');
    expect(sectionWith('app_store_subscription_state_standard_daily')).toContain(
      '| `counts` | BIGINT | Counts | rows of one Date |',
    );
  });
});
