import { toTable } from '../queries/answer-text.ts';
import { type Bar, toBarChart } from '../queries/bar-chart.ts';
import { type LakeDatabase, openLakeDatabase, type QueryAnswer } from '../queries/lake-database.ts';
import { readShippedQuery } from '../queries/query-files.ts';

/** What is shown of one query: some of its columns, and the first of its rows. */
interface Sample {
  readonly query: string;
  readonly columns: readonly string[];
  readonly rows: number;
}

const FROM = '2024-01-01';
const TO = '2099-12-31';
const CHART_DAYS = 14;
const CHART_WIDTH = 40;

const SAMPLES: readonly Sample[] = [
  {
    query: 'app-store-connect-metrics',
    columns: ['metric', 'value', 'comparable', 'first_date', 'last_date'],
    rows: 14,
  },
  {
    query: 'crash-rate-by-version',
    columns: ['app_version', 'sessions', 'crashes', 'crashes_per_1000_sessions', 'last_date'],
    rows: 8,
  },
  {
    query: 'restatements',
    columns: ['report', 'date', 'measure', 'deliveries', 'first_total', 'owner_total', 'moved'],
    rows: 8,
  },
];

const ACCOUNT_DATA_SAMPLES: readonly Sample[] = [
  {
    query: 'account-data-arrivals',
    columns: [
      'instance_at',
      'standing',
      'partial',
      'archives',
      'members',
      'tables',
      'files',
      'rows',
      'bytes',
    ],
    rows: 6,
  },
  {
    query: 'account-data-current-rows',
    columns: ['dataset', 'member', 'row_number', 'fields'],
    rows: 6,
  },
];

function shorten(answer: QueryAnswer, { columns, rows }: Sample): QueryAnswer {
  const places = columns.map((name) => answer.columns.findIndex((column) => column.name === name));
  return {
    columns: places.flatMap((place) => answer.columns[place] ?? []),
    rows: answer.rows.slice(0, rows).map((row) => places.map((place) => row[place] ?? null)),
  };
}

function heading(question: string, query: string, parameters: readonly string[]): string {
  return `\n${question}\nnpm run query -- ${[query, ...parameters].join(' --param ')}`;
}

async function sampleTable(
  database: LakeDatabase,
  sample: Sample,
  parameters: readonly string[],
): Promise<string> {
  const query = await readShippedQuery(sample.query);
  const answer = await database.answer(query, parameters);
  const shown = shorten(answer, sample);
  const more = answer.rows.length - shown.rows.length;
  return [
    heading(query.header.question, query.name, parameters),
    toTable(shown),
    ...(more > 0 ? [`and ${more} more rows`] : []),
  ].join('\n');
}

async function downloadsChart(database: LakeDatabase, parameters: readonly string[]): Promise<string> {
  const query = await readShippedQuery('overview');
  const { columns, rows } = await database.answer(query, parameters);
  const [date, downloads] = ['date', 'total_downloads'].map((name) =>
    columns.findIndex((column) => column.name === name),
  );
  const bars = rows
    .slice(-CHART_DAYS)
    .map((row): Bar => ({ label: String(row[date ?? 0]), value: Number(row[downloads ?? 0] ?? 0) }));
  return `${heading(query.header.question, query.name, parameters)}\n${toBarChart(`total_downloads, last ${CHART_DAYS} days`, bars, CHART_WIDTH)}`;
}

/**
 * Answers to three shipped queries as tables and to one as a chart, for one app of a lake directory, each below the
 * command that gives it whole. Throws LakeNotFoundError and QueryFailedError.
 */
export async function sampleAnswers(lakeDirectory: string, appId: string): Promise<string> {
  const parameters = [FROM, TO, appId];
  return withLake(lakeDirectory, async (database) => {
    const parts: string[] = [];
    for (const sample of SAMPLES) parts.push(await sampleTable(database, sample, parameters));
    parts.push(await downloadsChart(database, parameters));
    return parts;
  });
}

/**
 * Answers to both queries of account data for one grant of a lake directory, each below the command that gives it
 * whole. Throws LakeNotFoundError and QueryFailedError.
 */
export async function sampleAccountDataAnswers(lakeDirectory: string, grantId: string): Promise<string> {
  return withLake(lakeDirectory, async (database) => {
    const parts: string[] = [];
    for (const sample of ACCOUNT_DATA_SAMPLES) parts.push(await sampleTable(database, sample, [grantId]));
    return parts;
  });
}

async function withLake(
  lakeDirectory: string,
  work: (database: LakeDatabase) => Promise<readonly string[]>,
): Promise<string> {
  const database = await openLakeDatabase(lakeDirectory);
  try {
    return (await work(database)).join('\n');
  } finally {
    database.close();
  }
}
