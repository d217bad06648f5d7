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

function shorten(answer: QueryAnswer, { columns, rows }: Sample): QueryAnswer {
  const places = columns.map((name) => answer.columns.findIndex((column) => column.name === name));
  return {
    columns: places.flatMap((place) => answer.columns[place] ?? []),
    rows: answer.rows.slice(0, rows).map((row) => places.map((place) => row[place] ?? null)),
  };
}

function heading(question: string, query: string, appId: string): string {
  return `\n${question}\nnpm run query -- ${query} --param ${FROM} --param ${TO} --param ${appId}`;
}

async function sampleTable(database: LakeDatabase, sample: Sample, appId: string): Promise<string> {
  const query = await readShippedQuery(sample.query);
  const answer = await database.answer(query, [FROM, TO, appId]);
  const shown = shorten(answer, sample);
  const more = answer.rows.length - shown.rows.length;
  return [
    heading(query.header.question, query.name, appId),
    toTable(shown),
    ...(more > 0 ? [`and ${more} more rows`] : []),
  ].join('\n');
}

async function downloadsChart(database: LakeDatabase, appId: string): Promise<string> {
  const query = await readShippedQuery('overview');
  const { columns, rows } = await database.answer(query, [FROM, TO, appId]);
  const [date, downloads] = ['date', 'total_downloads'].map((name) =>
    columns.findIndex((column) => column.name === name),
  );
  const bars = rows
    .slice(-CHART_DAYS)
    .map((row): Bar => ({ label: String(row[date ?? 0]), value: Number(row[downloads ?? 0] ?? 0) }));
  return `${heading(query.header.question, query.name, appId)}\n${toBarChart(`total_downloads, last ${CHART_DAYS} days`, bars, CHART_WIDTH)}`;
}

/**
 * Answers to three shipped queries as tables and to one as a chart, for one app of a lake directory, each below the
 * command that gives it whole. Throws LakeNotFoundError and QueryFailedError.
 */
export async function sampleAnswers(lakeDirectory: string, appId: string): Promise<string> {
  const database = await openLakeDatabase(lakeDirectory);
  try {
    const parts: string[] = [];
    for (const sample of SAMPLES) parts.push(await sampleTable(database, sample, appId));
    parts.push(await downloadsChart(database, appId));
    return parts.join('\n');
  } finally {
    database.close();
  }
}
