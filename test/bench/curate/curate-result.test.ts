import { describe, expect, it } from 'vitest';
import { missedBounds } from '../figures.ts';
import type { BundleImports } from './bundle-import.ts';
import { curateResult, type Round } from './curate-result.ts';

const ROWS = 5_000_000;
const IMPORTS: BundleImports = { curate: [130, 140, 900], s3: [100, 100, 100] };

interface Figures {
  readonly curate?: number;
  readonly duckdb?: number;
  readonly wall?: number;
  readonly peakMegabytes?: number;
}

function round({ curate = 20, duckdb = 16, wall = 25, peakMegabytes = 200 }: Figures): Round {
  const measured = (cpuSeconds: number, peak: number) => ({
    ...{ rows: ROWS, files: 400, bytes: 3e7, counts: 7, foreignCores: 0, seconds: wall, cpuSeconds },
    peakMemoryBytes: peak * 1e6,
  });
  return { curate: measured(curate, peakMegabytes), duckdb: measured(duckdb, 900) };
}

function missed(rounds: readonly Figures[], imports = IMPORTS): string[] {
  return missedBounds(curateResult(rounds.map(round), imports, 8e7).bounds);
}

describe('the curation benchmark', () => {
  it('passes with 0.8 of DuckDB, 200 MB and 1.4 of the import', () => {
    expect(missed([{}, {}, {}])).toEqual([]);
  });

  it('fails when curation is slower than 0.6 of DuckDB in most rounds, not in one of three', () => {
    expect(missed([{ curate: 32 }, { curate: 32 }, {}])).toEqual([
      "rows a second over those of DuckDB's COPY, median: 0.50, must be at least 0.60 (0.10 too little)",
    ]);
    expect(missed([{ curate: 32 }, {}, {}])).toEqual([]);
  });

  it('compares within a round and in processor time, so that a busy machine does not count', () => {
    expect(
      missed([
        { curate: 40, duckdb: 30, wall: 300 },
        { curate: 20, duckdb: 15 },
      ]),
    ).toEqual([]);
  });

  it('fails when a single round needs more than 350 MB', () => {
    const [sentence, ...more] = missed([{}, {}, { peakMegabytes: 351 }]);
    expect(sentence).toContain('351.00 MB, must be at most 350.00 MB');
    expect(more).toEqual([]);
  });

  it('fails when the bundle takes more than 1.5 times as long to import in most cases', () => {
    const [sentence] = missed([{}], { ...IMPORTS, curate: [160, 160, 100] });
    expect(sentence).toContain('1.60, must be at most 1.50');
  });

  it('shows both ways in every round, and says how many rows there were', () => {
    const { tables, notes } = curateResult([round({}), round({})], IMPORTS, 8e7);
    expect(tables[0]?.match(/curateDelivery/g)).toHaveLength(3);
    expect(tables[0]?.match(/DuckDB COPY/g)).toHaveLength(3);
    expect(notes[0]).toContain('5000000 rows of 400 Dates');
    expect(notes[1]).toContain('140 ms of processor time, one with a client of S3 alone 100 ms: 1.40 times');
  });
});
