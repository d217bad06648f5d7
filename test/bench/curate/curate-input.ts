import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { findReport } from '../../../lambdas/lib/analytics/report-catalog.ts';
import { type ReportTable, reportTable } from '../../../lambdas/lib/analytics/report-tables.ts';
import { addDays } from '../../../lambdas/lib/runtime/clock.ts';
import { BenchmarkError } from '../benchmark.ts';

const REPORT = 'App Store Installation and Deletion Detailed';
const BYTES_PER_ROW = 200;
const ROWS_PER_PIECE = 5_000;

export const DATES = 400;
export const PROCESSING_DATE = '2026-11-20';

/** The table whose file is made: 17 columns with the Date. */
export function benchmarkTable(): ReportTable {
  const report = findReport(REPORT);
  if (report === undefined) throw new BenchmarkError(`the catalog lacks ${REPORT}`);
  return reportTable(report, 'DAILY');
}

/** How many rows have about so many bytes. */
export function rowsOf(bytes: number): number {
  return Math.max(DATES, Math.round(bytes / BYTES_PER_ROW));
}

/** The same numbers in every run: xorshift, 32 bits. */
function randomNumbers(): (below: number) => number {
  let state = 20_261_120;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function named(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);
}

type Field = (random: (below: number) => number) => string;

/** Small numbers of a list come up more often, as in real reports. */
function pick(values: readonly string[]): Field {
  return (random) => values[Math.min(random(values.length), random(values.length))] ?? '';
}

function territories(): string[] {
  return Array.from({ length: 175 }, (_, index) =>
    String.fromCharCode(65 + (index % 26), 65 + Math.floor(index / 26)),
  );
}

function fields(): Readonly<Record<string, Field>> {
  const dates = Array.from({ length: DATES }, (_, index) => addDays(PROCESSING_DATE, index - DATES));
  const downloads = ['', ...Array.from({ length: 30 }, (_, index) => addDays(PROCESSING_DATE, -index))];
  return {
    Date: (random) => dates[random(DATES)] ?? '',
    'App Name': () => 'A Benchmark: Rows by the Million',
    'App Apple Identifier': () => '6448311069',
    Event: pick(['Install', 'Delete']),
    'Download Type': pick([
      'First-time download',
      'Redownload',
      'Auto-update',
      'Manual update',
      'Restore',
      '',
    ]),
    'App Version': pick(named('5', 40).map((version) => version.replace(' ', '.'))),
    Device: pick(['iPhone', 'iPad', 'Apple TV', 'Desktop', 'Apple Vision', 'iPod']),
    'Platform Version': pick(named('iOS 26', 30).map((version) => version.replace(/ (\d+)$/, '.$1'))),
    'Source Type': pick([
      'App Store search',
      'App Store browse',
      'App referrer',
      'Web referrer',
      'Unavailable',
    ]),
    'Source Info': pick(['', ...named('com.example.referrer', 300)]),
    Campaign: pick(['', '', '', ...named('campaign', 60)]),
    'Page Type': pick(['Product page', 'No page', 'Store sheet', 'In-app event']),
    'Page Title': pick(['Default product page', ...named('Custom product page', 35)]),
    'App Download Date': pick(downloads),
    Territory: pick(territories()),
    Counts: (random) => `${random(10) < 9 ? 1 + random(40) : random(20_000)}`,
    'Unique Devices': (random) => `${1 + Math.min(random(40), random(400))}`,
  };
}

/** Writes so many rows with their Dates mixed, the worst case, as one gzip segment. */
export async function writeInput(file: string, rows: number): Promise<void> {
  const columns = benchmarkTable().report.columns.map(({ name }) => name);
  const fieldOf = fields();
  const makers = columns.map((name) => {
    const maker = fieldOf[name];
    if (maker === undefined) throw new BenchmarkError(`the benchmark has no values for the column ${name}`);
    return maker;
  });
  const random = randomNumbers();
  const pieces = function* () {
    yield `${columns.join('\t')}\n`;
    for (let written = 0; written < rows; written += ROWS_PER_PIECE) {
      const count = Math.min(ROWS_PER_PIECE, rows - written);
      const lines = Array.from({ length: count }, () => makers.map((maker) => maker(random)).join('\t'));
      yield `${lines.join('\n')}\n`;
    }
  };
  await pipeline(Readable.from(pieces()), createGzip(), createWriteStream(file));
}
