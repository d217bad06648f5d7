import Table from 'cli-table3';
import type { BenchmarkResult } from '../benchmark.ts';
import { median } from '../figures.ts';
import type { BundleImports } from './bundle-import.ts';
import type { MeasuredCuration } from './measured-process.ts';

/** Rows a second of our curation over those of DuckDB's COPY, in the same round. */
const LEAST_RATIO = 0.6;
/** Of the curating process, whatever the number of rows; 1 MB is a million bytes. */
const MOST_MEMORY_MEGABYTES = 350;
/** Time of importing the function's bundle over that of a bundle with only a client of S3. */
const MOST_IMPORT_RATIO = 1.5;

/** Both ways measured one after the other. */
export interface Round {
  readonly curate: MeasuredCuration;
  readonly duckdb: MeasuredCuration;
}

/** In processor seconds: pinned to one core, they are what each would take there alone. */
function rowsPerSecond({ rows, cpuSeconds }: MeasuredCuration): number {
  return rows / cpuSeconds;
}

function ratio({ curate, duckdb }: Round): number {
  return rowsPerSecond(curate) / rowsPerSecond(duckdb);
}

const COLUMNS = [
  ...['way', 'round', 'rows/s', 'of DuckDB', 'cpu s', 'wall s'],
  ...['peak MB', 'output MB', 'files', 'others, cores'],
];

function table(rounds: readonly Round[]): string {
  const colAligns = COLUMNS.map((_, index) => (index === 0 ? ('left' as const) : ('right' as const)));
  const lines = new Table({ head: COLUMNS, colAligns, style: { head: [], border: [], compact: true } });
  const add = (way: keyof Round, label: string, judged: readonly Round[]) => {
    const of = (value: (measured: MeasuredCuration) => number, digits: number) =>
      median(judged.map((round) => value(round[way]))).toFixed(digits);
    lines.push([
      way === 'curate' ? 'curateDelivery' : 'DuckDB COPY',
      label,
      of(rowsPerSecond, 0),
      way === 'curate' ? median(judged.map(ratio)).toFixed(2) : '-',
      of(({ cpuSeconds }) => cpuSeconds, 1),
      of(({ seconds }) => seconds, 1),
      of(({ peakMemoryBytes }) => peakMemoryBytes / 1e6, 0),
      of(({ bytes }) => bytes / 1e6, 1),
      of(({ files }) => files, 0),
      of(({ foreignCores }) => foreignCores, 2),
    ]);
  };
  for (const way of ['duckdb', 'curate'] as const) {
    for (const [index, round] of rounds.entries()) add(way, String(index + 1), [round]);
    add(way, 'median', rounds);
  }
  return lines.toString();
}

/** Judges speed and imports by medians, memory by the worst round. `inputBytes` is the size of the gzip file. */
export function curateResult(
  rounds: readonly Round[],
  imports: BundleImports,
  inputBytes: number,
): BenchmarkResult {
  const medianRatio = median(rounds.map(ratio));
  const peakMegabytes = Math.max(...rounds.map(({ curate }) => curate.peakMemoryBytes / 1e6));
  const importMilliseconds = { curate: median(imports.curate), s3: median(imports.s3) };
  const importRatio = importMilliseconds.curate / importMilliseconds.s3;
  const { rows = 0, files = 0 } = rounds[0]?.curate ?? {};
  return {
    tables: [table(rounds)],
    notes: [
      `${rows} rows of ${files} Dates, mixed, in one gzip file of ${(inputBytes / 1e6).toFixed(1)} MB; each way in a fresh process on one core. Rows a second are those of a second of processor time; DuckDB neither sorts nor adds columns.`,
      `Importing the bundle of Curate Instances takes ${importMilliseconds.curate.toFixed(0)} ms of processor time, one with a client of S3 alone ${importMilliseconds.s3.toFixed(0)} ms: ${importRatio.toFixed(2)} times.`,
    ],
    measurements: { inputBytes, medianRatio, peakMegabytes, importRatio, importMilliseconds, rounds },
    bounds: [
      {
        what: "rows a second over those of DuckDB's COPY, median",
        measured: medianRatio,
        limit: LEAST_RATIO,
        kind: 'at least',
        unit: '',
      },
      {
        what: 'peak memory of the curating process',
        measured: peakMegabytes,
        limit: MOST_MEMORY_MEGABYTES,
        kind: 'at most',
        unit: 'MB',
      },
      {
        what: 'import of the bundle over that of one with a client of S3, median',
        measured: importRatio,
        limit: MOST_IMPORT_RATIO,
        kind: 'at most',
        unit: '',
      },
    ],
  };
}
