import { createReadStream } from 'node:fs';
import { type CuratedDate, curateDelivery } from '../../../lambdas/lib/curation/curate-delivery.ts';
import { BenchmarkError } from '../benchmark.ts';
import { benchmarkTable, PROCESSING_DATE } from './curate-input.ts';
import { reportUsage } from './measured-process.ts';

const [input = '', workDirectory = ''] = process.argv.slice(2);

await reportUsage(
  () =>
    curateDelivery({
      table: benchmarkTable(),
      appId: '6448311069',
      processingDate: PROCESSING_DATE,
      access: 'ONE_TIME_SNAPSHOT',
      instanceId: 'benchmark',
      segments: [{ key: input, open: () => Promise.resolve(createReadStream(input)) }],
      workDirectory,
      mayGoOn: () => true,
    }),
  async (curated) => {
    if (curated === 'out-of-time') throw new BenchmarkError('curation ended although it had time');
    const total = (of: (date: CuratedDate) => number) =>
      curated.dates.reduce((sum, date) => sum + of(date), 0);
    return {
      files: curated.dates.length,
      rows: total(({ rows }) => rows),
      bytes: total(({ bytes }) => bytes),
      counts: total(({ sums }) => sums.counts ?? Number.NaN),
    };
  },
);
