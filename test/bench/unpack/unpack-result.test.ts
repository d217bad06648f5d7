import { describe, expect, it } from 'vitest';
import { missedBounds } from '../figures.ts';
import { type Round, unpackResult, type WholeSteps } from './unpack-result.ts';

function measured(seconds: number, megabytes: number) {
  return { seconds, peakMemoryBytes: megabytes * 1e6, entries: 10_000, bytes: 1e8 };
}

function round(seconds: number, megabytes = 150): Round {
  return { verify: measured(seconds, megabytes), unzipSeconds: 0.5 };
}

function stepsWith(megabytes: number, tableMegabytes = 300): WholeSteps {
  return {
    manyEntries: measured(20, 200),
    oneLargeEntry: measured(30, megabytes),
    oneLargeTable: measured(40, tableMegabytes),
  };
}

function missed(rounds: readonly Round[], largeMegabytes = 150): string[] {
  return missedBounds(unpackResult(rounds, stepsWith(largeMegabytes)).bounds);
}

describe('the unpacking benchmark', () => {
  it('passes with a quarter of unzip and 200 MB', () => {
    expect(missed([round(2), round(2), round(2)])).toEqual([]);
  });

  it('fails when it is slower than 0.17 of unzip in most rounds, not in one of three', () => {
    expect(missed([round(5), round(5), round(2)])).toEqual([
      'entries a second over those of unzip -p, median: 0.10, must be at least 0.17 (0.07 too little)',
    ]);
    expect(missed([round(5), round(2), round(2)])).toEqual([]);
  });

  it('fails when any process needs more than 250 MB', () => {
    expect(missed([round(2, 251)])[0]).toContain('251.00 MB, must be at most 250.00 MB');
    expect(missed([round(2)], 300)[0]).toContain('300.00 MB, must be at most 250.00 MB');
  });

  it('fails when the process that reads a table needs more than 350 MB', () => {
    const [sentence] = missedBounds(unpackResult([round(2)], stepsWith(150, 351)).bounds);
    expect(sentence).toContain('351.00 MB, must be at most 350.00 MB');
  });

  it('shows every round and the whole steps', () => {
    const { tables } = unpackResult([round(2), round(2)], stepsWith(150));
    expect(tables[0]?.match(/unzip -p/g)).toHaveLength(2);
    expect(tables[0]?.match(/read and verify/g)).toHaveLength(2);
    expect(tables[0]?.match(/unpack to/g)).toHaveLength(3);
  });
});
