import {
  ACCOUNT_DATA_DATABASE_NAME,
  ACCOUNT_DATA_TABLES,
  DATABASE_NAME,
  finalitySentence,
  LINES_TABLES,
  type PrefixTableDescription,
  semanticsSentence,
} from '../../infra/tables.ts';
import {
  type CatalogReport,
  REPORT_CATEGORIES,
  REPORTS,
} from '../../lambdas/lib/analytics/report-catalog.ts';
import {
  ADDED_COLUMNS,
  DATE_COLUMN,
  type ReportColumn,
  type ReportTable,
  reportTable,
  type TableColumn,
} from '../../lambdas/lib/analytics/report-tables.ts';

const CATEGORY_TITLES: Readonly<Record<(typeof REPORT_CATEGORIES)[number], string>> = {
  APP_STORE_ENGAGEMENT: 'App Store engagement',
  COMMERCE: 'Commerce',
  APP_USAGE: 'App usage',
  FRAMEWORK_USAGE: 'Framework usage',
  PERFORMANCE: 'Performance',
};

const INTRODUCTION = `# Data contract

Every table of the databases \`${DATABASE_NAME}\` and \`${ACCOUNT_DATA_DATABASE_NAME}\`, with every column. Made from \`catalog/reports.json\` by \`npm run docs:contract\`; a test compares.

## How to read it

- A table is one report of Apple's in one granularity. Which of them exist follows from the reports and granularities that the configuration names.
- Values keep Apple's spelling, and Apple changes case now and then: compare \`lower(column)\`.
- A Date is delivered several times before it is final. A table holds each Date once, as its owner delivered it, unless the table says that deliveries stand beside each other.
- *May be added up over* says over what a plain sum gives Apple's own figure. Counts of distinct users and devices are never added up: a person who comes on two days, or by two sources, is in two rows. Weekly and monthly figures of them come from the tables of those granularities.
- Never add up Standard and Detailed of one report, or two granularities: they tell of the same events.
- Reports of app usage, frameworks and performance tell of users who share their data with developers only.
- A column that a file lacks is null. A column that the catalog does not know is in \`extra\`.`;

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function rows(heads: readonly string[], body: readonly (readonly string[])[]): string {
  return [row(...heads), row(...heads.map(() => '---')), ...body.map((cells) => row(...cells))].join('\n');
}

function code(name: string): string {
  return `\`${name}\``;
}

function columnsOf(columns: readonly TableColumn[]): string {
  return rows(
    ['column', 'type', 'meaning'],
    columns.map(({ name, type, comment }) => [code(name), type, comment]),
  );
}

function additivity({ apple }: ReportColumn, { semantics }: CatalogReport): string {
  if (apple.sumOver === undefined) return '';
  if (apple.sumOver.length === 0) return 'nothing';
  const over = apple.sumOver.includes('dates') ? 'rows and Dates' : 'rows of one Date';
  return semantics === 'unknown' ? `${over} of one processing_date` : over;
}

function appleColumnsOf({ columns, report }: ReportTable): string {
  return rows(
    ['column', 'type', "Apple's name", 'may be added up over'],
    columns.map((column) => [code(column.name), column.type, column.apple.name, additivity(column, report)]),
  );
}

function tablesOf(report: CatalogReport): ReportTable[] {
  return report.granularities.map((granularity) => reportTable(report, granularity));
}

/** The reports in groups of equal columns and semantics, in the catalog's order: most of Apple's share one set. */
function groupByColumns(reports: readonly CatalogReport[]): CatalogReport[][] {
  const groups = new Map<string, CatalogReport[]>();
  for (const report of reports) {
    const columns = JSON.stringify([
      report.columns,
      report.dateColumn,
      report.templateOnly,
      report.semantics,
    ]);
    groups.set(columns, [...(groups.get(columns) ?? []), report]);
  }
  return [...groups.values()];
}

function factsOf(report: CatalogReport): string {
  const [first, ...others] = tablesOf(report).map((table) =>
    [`- ${code(table.name)}, from ${table.firstDate} on.`, finalitySentence(table)].join(' '),
  );
  return [first, ...others, '', semanticsSentence(report)].join('\n');
}

function sectionOf(reports: readonly CatalogReport[]): string {
  const [report, ...others] = reports;
  if (report === undefined) return '';
  const date = `Apple's \`${report.dateColumn}\` is the partition \`${DATE_COLUMN.name}\`.`;
  const [table] = tablesOf(report);
  const columns = table === undefined ? '' : appleColumnsOf(table);
  if (others.length === 0) return [`### ${report.name}`, factsOf(report), date, columns].join('\n\n');
  const template = report.templateOnly
    ? 'What these reports have in common; each may have columns of its own, which are in `extra`.'
    : 'These reports have the same columns.';
  const tables = rows(
    ['table', "Apple's report", 'from', 'final'],
    reports.flatMap((each) =>
      tablesOf(each).map((entry) => [
        code(entry.name),
        each.name,
        entry.firstDate,
        each.completenessDays === 0 ? 'at once' : `${each.completenessDays} days later`,
      ]),
    ),
  );
  return [
    `### ${reports.length} reports with common columns`,
    template,
    semanticsSentence(report),
    tables,
    date,
    columns,
  ].join('\n\n');
}

function categorySections(category: CatalogReport['category']): string[] {
  const groups = groupByColumns(REPORTS.filter((report) => report.category === category));
  return [`## ${CATEGORY_TITLES[category]}`, ...groups.map(sectionOf)];
}

const ACCOUNT_DATA = `## Account data

What people's archives held, in the database \`${ACCOUNT_DATA_DATABASE_NAME}\` and with the keys of the personal bucket, where the configuration has \`accountData\`. Apple publishes neither the members of an archive nor their columns: members that are CSV, TSV, JSON or JSON Lines become rows, whatever their columns; everything else is kept as a file.

- An instance is one delivery of a person's data, and a full snapshot: instances of a grant repeat each other, so nothing is added up over them.
- *Current* is, of each grant, the newest instance with \`complete\` and any member. Newer ones are partial. Superseded instances beyond the configured number are deleted.
- A member's path is data: it may name the person.`;

function prefixTable({ name, description, columns }: PrefixTableDescription): string[] {
  return [`### ${name}`, description, columnsOf(columns)];
}

/** The text of `docs/data-contract.md`: every table and column of the catalog and what may be added up, as Markdown. */
export function dataContract(): string {
  const sections = [
    INTRODUCTION,
    '## In every table of a report',
    columnsOf([DATE_COLUMN, ...ADDED_COLUMNS]),
    "Apple's columns, listed below by report, stand before these in the files.",
    "## The pipeline's own tables",
    ...LINES_TABLES.flatMap(prefixTable),
    ACCOUNT_DATA,
    ...ACCOUNT_DATA_TABLES.flatMap(prefixTable),
    '## Raw tables',
    'Where the configuration sets `rawTables`, each report also has a table `raw_<report>` over its files as Apple sent them: every column text, by position, every delivery beside the others. They are for diagnosis; nothing is added up in them.',
    ...REPORT_CATEGORIES.flatMap(categorySections),
  ];
  return `${sections.join('\n\n')}\n`;
}
