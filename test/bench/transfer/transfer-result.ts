import Table from 'cli-table3';
import type { BenchmarkResult } from '../benchmark.ts';
import { median } from '../figures.ts';
import type { MeasuredTransfer } from './measured-transfer.ts';

/** What a function promises that moves bytes from Apple to S3. */
export interface TransferPromise {
  /** Of the function, as it stands in tables. */
  readonly name: string;
  /** Throughput of the function over that of `curl | curl`, in the same round. */
  readonly leastRatio: number;
  /** Of the function's process, whatever the size; 1 MB is a million bytes. */
  readonly mostMemoryMegabytes: number;
}

const LAND_SEGMENTS: TransferPromise = { name: 'LandSegments', leastRatio: 0.6, mostMemoryMegabytes: 200 };
/** From this share of a core on, other processes disturb a measurement. */
const NOISE_CORES = 0.12;

/** Both ways measured one after the other. */
export type Round = Readonly<Record<MeasuredTransfer['way'], MeasuredTransfer>>;

/** Nothing else kept this machine busy while the round was measured. */
export function isQuiet(round: Round): boolean {
  return Math.max(round.curl.foreignCores, round.function.foreignCores) <= NOISE_CORES;
}

function ratio(round: Round): number {
  return round.function.megabytesPerSecond / round.curl.megabytesPerSecond;
}

function peakMegabytes({ function: { peakMemoryBytes = Number.NaN } }: Round): number {
  return peakMemoryBytes / 1e6;
}

const COLUMNS = [
  ...['way', 'round', 'MB/s', 'of curl', 'peak MB'],
  ...['client cpu s/GB', 'Apple cpu s/GB', 'S3 cpu s/GB', 'others, cores'],
];

function tableRow(
  way: MeasuredTransfer['way'],
  label: string,
  rounds: readonly Round[],
  bytes: number,
  name: string,
): string[] {
  const of = (value: (round: Round) => number, digits: number) => median(rounds.map(value)).toFixed(digits);
  const perGigabyte = (value: (transfer: MeasuredTransfer) => number) =>
    of((round) => value(round[way]) / (bytes / 1e9), 2);
  return [
    way === 'curl' ? 'curl | curl' : name,
    label,
    of((round) => round[way].megabytesPerSecond, 0),
    way === 'curl' ? '-' : of(ratio, 2),
    way === 'curl' ? '-' : of(peakMegabytes, 0),
    perGigabyte((transfer) => transfer.clientCpuSeconds),
    perGigabyte((transfer) => transfer.appleCpuSeconds),
    perGigabyte((transfer) => transfer.s3CpuSeconds),
    of((round) => round[way].foreignCores, 2),
  ];
}

function table(rounds: readonly Round[], judged: readonly Round[], bytes: number, name: string): string {
  const colAligns = COLUMNS.map((_, index) => (index === 0 ? ('left' as const) : ('right' as const)));
  const lines = new Table({ head: COLUMNS, colAligns, style: { head: [], border: [], compact: true } });
  for (const way of ['curl', 'function'] as const) {
    for (const [index, round] of rounds.entries()) {
      lines.push(tableRow(way, `${index + 1}${isQuiet(round) ? '' : ' disturbed'}`, [round], bytes, name));
    }
    lines.push(tableRow(way, 'median', judged, bytes, name));
  }
  return lines.toString();
}

function noiseNote(rounds: readonly Round[], quiet: readonly Round[]): string {
  const disturbed = rounds.length - quiet.length;
  const limit = `${NOISE_CORES * 100} % of a core`;
  if (disturbed === 0) return `Quiet machine: other processes never used more than ${limit}.`;
  const count = `In ${disturbed} of ${rounds.length} rounds other processes used more than ${limit}`;
  return quiet.length > 0
    ? `${count}; the medians are those of the other rounds.`
    : `${count}; the medians are those of disturbed rounds: repeat it on a quiet machine.`;
}

/**
 * Judges rounds that moved so many bytes each: the ratio by the median of the quiet rounds (of all, when none was
 * quiet), memory by the worst of all.
 */
export function transferResult(
  rounds: readonly Round[],
  bytes: number,
  { name, leastRatio, mostMemoryMegabytes }: TransferPromise = LAND_SEGMENTS,
): BenchmarkResult {
  const quiet = rounds.filter(isQuiet);
  const judged = quiet.length > 0 ? quiet : rounds;
  const medianRatio = median(judged.map(ratio));
  const peak = Math.max(...rounds.map(peakMegabytes));
  return {
    tables: [table(rounds, judged, bytes, name)],
    notes: [
      `${bytes} bytes a round. ${name} runs in a fresh, warm process each time; its token and its paced calls to Apple count, the start of the process does not. 'of curl' compares within a round.`,
      noiseNote(rounds, quiet),
    ],
    measurements: { bytes, medianRatio, peakMegabytes: peak, quietRounds: quiet.length, rounds },
    bounds: [
      {
        what: `throughput of ${name} over that of curl | curl, median`,
        measured: medianRatio,
        limit: leastRatio,
        kind: 'at least',
        unit: '',
      },
      {
        what: `peak memory of ${name}' process`,
        measured: peak,
        limit: mostMemoryMegabytes,
        kind: 'at most',
        unit: 'MB',
      },
    ],
  };
}
