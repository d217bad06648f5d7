import { describe, expect, it } from 'vitest';
import { missedBounds } from '../figures.ts';
import type { MeasuredTransfer } from '../transfer/measured-transfer.ts';
import { archiveResult } from './archive-result.ts';

const BYTES = 1_000_000_000;

function transfer(
  way: MeasuredTransfer['way'],
  megabytesPerSecond: number,
  peakMegabytes = 150,
): MeasuredTransfer {
  return {
    way,
    seconds: BYTES / 1e6 / megabytesPerSecond,
    megabytesPerSecond,
    clientCpuSeconds: 2,
    appleCpuSeconds: 1,
    s3CpuSeconds: 1,
    foreignCores: 0,
    ...(way === 'function' ? { peakMemoryBytes: peakMegabytes * 1e6 } : {}),
  };
}

function missed(speed: number, peakMegabytes: number, largerMegabytes: number): string[] {
  const round = { curl: transfer('curl', 200), function: transfer('function', speed, peakMegabytes) };
  const larger = { transfer: transfer('function', 100, largerMegabytes), bytes: 5 * BYTES };
  return missedBounds(archiveResult([round, round, round], BYTES, larger).bounds);
}

describe('the archive benchmark', () => {
  it('passes with 0.55 of curl and 220 MB', () => {
    expect(missed(110, 220, 220)).toEqual([]);
  });

  it('fails when FetchArchives is slower than 0.55 of curl', () => {
    expect(missed(100, 150, 150)).toEqual([
      'throughput of FetchArchives over that of curl | curl, median: 0.50, must be at least 0.55 (0.05 too little)',
    ]);
  });

  it('fails when a round needs more than 220 MB', () => {
    expect(missed(120, 221, 150)).toHaveLength(1);
  });

  it('fails when the larger archive needs more than 220 MB', () => {
    expect(missed(120, 150, 300)).toEqual([
      "peak memory of FetchArchives' process with the larger archive: 300.00 MB, must be at most 220.00 MB (80.00 MB too much)",
    ]);
  });
});
