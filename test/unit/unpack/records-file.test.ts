import { describe, expect, it } from 'vitest';
import {
  type RecordsOf,
  recordsFile,
  type TableBounds,
} from '../../../lambdas/lib/account-data/unpack/records-file.ts';

const OF: RecordsOf = {
  ...{
    dataset: 'purchases',
    grantId: 'g',
    requestId: 'r',
    instanceAt: '2026-11-21T00:00:00Z',
    partial: false,
  },
  ...{ archive: 1, member: 'Purchases.csv' },
};

async function rowsWritten(rows: number, fields: number, bounds: TableBounds): Promise<number> {
  const names = Array.from({ length: fields }, (_, index) => `c${index}`);
  async function* batches() {
    for (let row = 0; row < rows; row += 1) yield [{ names, values: names }];
  }
  let count = -1;
  await Array.fromAsync(recordsFile(OF, batches(), (written) => (count = written), bounds));
  return count;
}

describe('a file of records', () => {
  it('has at most so many rows', async () => {
    const bounds = { rows: 10, values: 1_000 };
    expect(await rowsWritten(10, 2, bounds)).toBe(10);
    await expect(rowsWritten(11, 2, bounds)).rejects.toMatchObject({ reason: 'table-too-large' });
  });

  it('has at most so many values', async () => {
    const bounds = { rows: 1_000, values: 20 };
    expect(await rowsWritten(10, 2, bounds)).toBe(10);
    await expect(rowsWritten(7, 3, bounds)).rejects.toMatchObject({ reason: 'table-too-large' });
  });
});
