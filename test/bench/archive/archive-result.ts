import type { BenchmarkResult } from '../benchmark.ts';
import type { MeasuredTransfer } from '../transfer/measured-transfer.ts';
import { type Round, type TransferPromise, transferResult } from '../transfer/transfer-result.ts';

const FETCH_ARCHIVES: TransferPromise = { name: 'FetchArchives', leastRatio: 0.55, mostMemoryMegabytes: 220 };

/**
 * Judges rounds that moved an archive of so many bytes each, and one transfer of a larger archive, of which only the
 * memory is judged: it must not grow with the archive.
 */
export function archiveResult(
  rounds: readonly Round[],
  bytes: number,
  larger: { readonly transfer: MeasuredTransfer; readonly bytes: number },
): BenchmarkResult {
  const result = transferResult(rounds, bytes, FETCH_ARCHIVES);
  const { transfer } = larger;
  const peakMegabytes = (transfer.peakMemoryBytes ?? Number.NaN) / 1e6;
  return {
    tables: result.tables,
    notes: [
      ...result.notes,
      `An archive of ${larger.bytes} bytes: ${transfer.megabytesPerSecond.toFixed(0)} MB/s, peak ${peakMegabytes.toFixed(0)} MB.`,
    ],
    measurements: { ...result.measurements, larger },
    bounds: [
      ...result.bounds,
      {
        what: "peak memory of FetchArchives' process with the larger archive",
        measured: peakMegabytes,
        limit: FETCH_ARCHIVES.mostMemoryMegabytes,
        kind: 'at most',
        unit: 'MB',
      },
    ],
  };
}
