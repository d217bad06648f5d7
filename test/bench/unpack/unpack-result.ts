import Table from 'cli-table3';
import type { BenchmarkResult } from '../benchmark.ts';
import { median } from '../figures.ts';
import type { Measured } from './measured-process.ts';

/** Entries a second of ours over those of `unzip -p`, in the same round. */
const LEAST_RATIO = 0.17;
/** Of the unpacking process, whatever the number and size of files; 1 MB is a million bytes. */
const MOST_MEMORY_MEGABYTES = 250;
/** Of the process that makes rows of a table, whatever its size. */
const MOST_TABLE_MEMORY_MEGABYTES = 350;

/** Both ways through the many small entries, one after the other. */
export interface Round {
  readonly verify: Measured;
  readonly unzipSeconds: number;
}

/** What whole steps took, by what they unpacked. */
export interface WholeSteps {
  readonly manyEntries: Measured;
  readonly oneLargeEntry: Measured;
  readonly oneLargeTable: Measured;
}

function ratio({ verify, unzipSeconds }: Round): number {
  return unzipSeconds / verify.seconds;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function table(rounds: readonly Round[], steps: WholeSteps): string {
  const head = ['way', 'entries', 'content MB', 'seconds', 'of unzip', 'peak MB'];
  const colAligns = head.map((_, index) => (index === 0 ? ('left' as const) : ('right' as const)));
  const lines = new Table({ head, colAligns, style: { head: [], border: [], compact: true } });
  const add = (way: string, { entries, bytes, seconds, peakMemoryBytes }: Measured, of: string) =>
    lines.push([way, entries, megabytes(bytes), seconds.toFixed(2), of, megabytes(peakMemoryBytes)]);
  for (const round of rounds) {
    const { entries, bytes } = round.verify;
    lines.push(['unzip -p', entries, megabytes(bytes), round.unzipSeconds.toFixed(2), '-', '-']);
    add('read and verify', round.verify, ratio(round).toFixed(2));
  }
  add('unpack to files', steps.manyEntries, '-');
  add('unpack to a file', steps.oneLargeEntry, '-');
  add('unpack to rows', steps.oneLargeTable, '-');
  return lines.toString();
}

/** Judges speed by the median of the rounds, memory by the worst process. */
export function unpackResult(rounds: readonly Round[], steps: WholeSteps): BenchmarkResult {
  const medianRatio = median(rounds.map(ratio));
  const { manyEntries, oneLargeEntry, oneLargeTable } = steps;
  const measured = [...rounds.map(({ verify }) => verify), manyEntries, oneLargeEntry];
  const peakMegabytes = Math.max(...measured.map(({ peakMemoryBytes }) => peakMemoryBytes / 1e6));
  return {
    tables: [table(rounds, steps)],
    notes: [
      'unzip -p reads the archive from a file, ours over HTTP from local S3 by ranges; each in a fresh process, timed from its first request.',
    ],
    measurements: { medianRatio, peakMegabytes, rounds, steps },
    bounds: [
      {
        what: 'entries a second over those of unzip -p, median',
        measured: medianRatio,
        limit: LEAST_RATIO,
        kind: 'at least',
        unit: '',
      },
      {
        what: 'peak memory of the unpacking process',
        measured: peakMegabytes,
        limit: MOST_MEMORY_MEGABYTES,
        kind: 'at most',
        unit: 'MB',
      },
      {
        what: 'peak memory of the process that reads a table',
        measured: oneLargeTable.peakMemoryBytes / 1e6,
        limit: MOST_TABLE_MEMORY_MEGABYTES,
        kind: 'at most',
        unit: 'MB',
      },
    ],
  };
}
