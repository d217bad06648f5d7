import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { curateInstance } from '../../lambdas/lib/analytics/curate-instance.ts';
import { curateDelivery } from '../../lambdas/lib/curation/curate-delivery.ts';
import { readDelivery } from '../../lambdas/lib/lake/deliveries.ts';
import { DELIVERY_COLUMNS } from '../../lambdas/lib/lake/delivery-columns.ts';
import { deliveryKey, rawKey } from '../../lambdas/lib/lake/keys.ts';
import { buildManifest, writeManifest } from '../../lambdas/lib/lake/ledger.ts';
import {
  APP_ID,
  DOWNLOADS,
  delivered,
  LandedLake,
  noHeads,
  type Row,
  segmentFile,
  tableNamed,
} from '../support/landed-lake.ts';
import { BUCKET } from './local-s3-harness.ts';

let lake: LandedLake;
beforeEach(async () => {
  lake = await LandedLake.start();
});
afterEach(() => lake.close());

const curatedKeys = () => lake.store.list('curated/');
const deliveryKeys = () => lake.store.list('deliveries/');
const workDirectories = async () =>
  (await readdir(tmpdir())).filter((name) =>
    name.includes(`-work-${process.getuid?.() ?? 0}.${process.pid}.`),
  );

/** A clock that moves on by one at each look. */
function tickingClock() {
  let now = 0;
  return { now: () => now++, sleep: async () => {} };
}

describe('curation of a landed instance', () => {
  it('takes the rows of one Date from all segments', async () => {
    const instance = delivered('2026-06-03', [
      [
        ['2026-06-01', 'US', 5],
        ['2026-06-02', 'US', 6],
      ],
      [['2026-06-01', 'DE', 7]],
    ]);
    await lake.land(instance);

    expect(await lake.curate(instance)).toMatchObject({ outcome: 'curated', written: 2 });
    expect(await lake.rows()).toEqual([
      '2026-06-01 DE 7 true instance-2026-06-03',
      '2026-06-01 US 5 true instance-2026-06-03',
      '2026-06-02 US 6 false instance-2026-06-03',
    ]);
    expect(await curatedKeys()).toEqual(
      ['01', '02'].map((day) => `curated/${DOWNLOADS.name}/date=2026-06-${day}/${APP_ID}.parquet`),
    );
  });

  it('leaves a line per Date, with the columns of the table of deliveries', async () => {
    const rows: Row[] = [
      ['2026-06-02', 'US', 6],
      ['2026-06-01', 'US', 5],
      ['2026-06-01', 'DE', 7],
    ];
    const instance = delivered('2026-06-03', [rows], { instanceId: 'a.b/c' });
    await lake.land(instance);
    await lake.curate(instance);

    expect(await deliveryKeys()).toEqual([
      `deliveries/${APP_ID}/2026-06-03.ongoing.app-downloads-standard.daily.a%2Eb%2Fc.json`,
    ]);
    const text = (await lake.store.readText(deliveryKey(instance)))?.value ?? '';
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      {
        app_id: APP_ID,
        report: 'app-downloads-standard',
        granularity: 'daily',
        access: 'ongoing',
        processing_date: '2026-06-03',
        instance_id: 'a.b/c',
        date: '2026-06-01',
        is_final: true,
        rows: 2,
        sums: { counts: 12 },
        curation_version: 1,
      },
      expect.objectContaining({ date: '2026-06-02', is_final: false, rows: 1, sums: { counts: 6 } }),
    ]);
    for (const line of lines) expect(Object.keys(line)).toEqual(DELIVERY_COLUMNS.map(({ name }) => name));
    expect(await readDelivery(lake.store, instance)).toEqual([
      { date: '2026-06-01', isFinal: true, rows: 2, sums: { counts: 12 } },
      { date: '2026-06-02', isFinal: false, rows: 1, sums: { counts: 6 } },
    ]);
  });

  it('publishes nothing of a file that has only a header, and says that it is curated', async () => {
    const instance = delivered('2026-06-03', [[]]);
    await lake.land(instance);

    expect(await lake.curate(instance)).toMatchObject({ outcome: 'curated', written: 0 });
    expect(await curatedKeys()).toEqual([]);
    const text = (await lake.store.readText(deliveryKey(instance)))?.value ?? '';
    expect(JSON.parse(text)).toMatchObject({ date: null, is_final: false, rows: 0, sums: {} });
    expect(await readDelivery(lake.store, instance)).toEqual([]);
  });

  it('names a delivery object that holds something else', async () => {
    const instance = delivered('2026-06-03', []);
    await lake.store.writeText(deliveryKey(instance), '{"date":"2026-06-01"}\n');
    await expect(readDelivery(lake.store, instance)).rejects.toMatchObject({
      name: 'PayloadContractError',
      message: expect.stringContaining(deliveryKey(instance)),
    });
  });

  it('has nothing to do for an instance that Apple no longer had', async () => {
    const instance = delivered('2026-06-03', []);
    const { segments: _, ...identity } = instance;
    await writeManifest(
      lake.store,
      identity,
      buildManifest(identity, 'App Downloads Standard', 'expired', []),
    );

    expect(await lake.curate(instance)).toEqual({ outcome: 'expired' });
    expect(await deliveryKeys()).toEqual([]);
  });

  it('lets the rows vanish that a later delivery of the Date does not have', async () => {
    const first = delivered('2026-06-02', [
      [
        ['2026-06-01', 'DE', 7],
        ['2026-06-01', 'US', 5],
      ],
    ]);
    const later = delivered('2026-06-03', [[['2026-06-01', 'US', 6]]]);
    for (const instance of [first, later]) {
      await lake.land(instance);
      await lake.curate(instance);
    }
    expect(await lake.rows()).toEqual(['2026-06-01 US 6 true instance-2026-06-03']);
  });

  it('keeps the Dates that a later delivery does not have', async () => {
    const first = delivered('2026-06-02', [[['2026-06-01', 'US', 5]]]);
    const later = delivered('2026-06-03', [[['2026-06-02', 'US', 6]]]);
    for (const instance of [first, later]) {
      await lake.land(instance);
      await lake.curate(instance);
    }
    expect(await lake.rows()).toHaveLength(2);
  });

  describe.each([
    ['first', false],
    ['last', true],
  ])('with the snapshot %s', (_, reversed) => {
    async function curateBoth(...instances: ReturnType<typeof delivered>[]) {
      for (const instance of instances) await lake.land(instance);
      for (const instance of reversed ? instances : instances.toReversed()) await lake.curate(instance);
    }

    it('gives a Date that the snapshot has whole to the snapshot, beside a partial ongoing one', async () => {
      const ongoing = delivered('2026-06-03', [[['2026-06-02', 'US', 1]]]);
      const snapshot = delivered(
        '2026-06-03',
        [
          [
            ['2026-06-02', 'US', 2],
            ['2026-06-03', 'US', 1],
          ],
        ],
        { access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' },
      );
      await curateBoth(ongoing, snapshot);
      expect(await lake.rows()).toEqual(['2026-06-02 US 2 true snapshot', '2026-06-03 US 1 false snapshot']);
    });

    it('gives a Date that the ongoing delivery has whole to it, beside a partial one of a later snapshot', async () => {
      const ongoing = delivered('2026-06-04', [[['2026-06-02', 'US', 2]]]);
      const snapshot = delivered('2026-06-05', [[['2026-06-02', 'US', 1]]], {
        access: 'ONE_TIME_SNAPSHOT',
        instanceId: 'snapshot',
      });
      await curateBoth(ongoing, snapshot);
      expect(await lake.rows()).toEqual(['2026-06-02 US 2 true instance-2026-06-04']);
    });
  });

  it('keeps deliveries beside each other where it is not known that the newer one replaces the older', async () => {
    const table = tableNamed('app_sessions_context_daily');
    const identity = { reportSlug: table.report.slug };
    const rows: Row[] = [['2026-06-01', 'US', 5]];
    const instances = [
      delivered('2026-06-02', [rows], identity),
      delivered('2026-06-03', [rows], identity),
      delivered('2026-06-03', [rows], { ...identity, access: 'ONE_TIME_SNAPSHOT', instanceId: 'snapshot' }),
    ];
    for (const instance of instances) {
      await lake.land(instance, table);
      expect(await lake.curate(instance, { table })).toMatchObject({ written: 1 });
    }
    expect(await curatedKeys()).toEqual(
      ['2026-06-02', '2026-06-03', '2026-06-03.snapshot'].map(
        (delivery) => `curated/${table.name}/date=2026-06-01/${APP_ID}.${delivery}.parquet`,
      ),
    );
    expect(await lake.rows(table)).toHaveLength(3);
  });
});

describe('a delivery that cannot be curated', () => {
  const rows: Row[] = [
    ['2026-06-01', 'US', 5],
    ['2026-06-02', 'US', 6],
  ];
  const good = segmentFile(DOWNLOADS, rows);
  const drifted = gzipSync(`${DOWNLOADS.report.columns.map(({ name }) => name).join('\t')}\nno row\n`);
  const tooOld = segmentFile(DOWNLOADS, [['2019-01-01', 'US', 5]]);

  it.each([
    ['SegmentDamagedError', good.subarray(0, good.length - 4)],
    ['SchemaDriftError', drifted],
    ['HistoryRangeError', tooOld],
  ])(
    'is a failure by its name (%s), and nothing of it is published, of its good segments neither',
    async (name, bad) => {
      const instance = delivered('2026-06-03', []);
      await lake.land(instance, DOWNLOADS, [good, bad]);

      expect(await lake.curate(instance)).toMatchObject({ outcome: 'failed', error: { name } });
      expect([...(await curatedKeys()), ...(await deliveryKeys())]).toEqual([]);
      expect(await lake.store.list('raw/')).toHaveLength(2);
      expect(await workDirectories()).toEqual([]);
    },
  );

  it('names the raw object that the ledger has and the bucket has not', async () => {
    const instance = delivered('2026-06-03', [rows]);
    await lake.land(instance);
    const key = rawKey(instance, 'segment-0');
    await lake.server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));

    expect(await lake.curate(instance)).toMatchObject({
      outcome: 'failed',
      error: { name: 'IntegrityError', message: expect.stringContaining(key) },
    });
  });

  it('is not blamed for a body of S3 that breaks off: that is a fault of storage', async () => {
    const instance = delivered('2026-06-03', [rows]);
    await lake.land(instance);
    lake.server.client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          const key = (args.input as { Key?: string }).Key ?? '';
          if (commandName !== GetObjectCommand.name || !key.startsWith('raw/')) return result;
          async function* broken() {
            yield good.subarray(0, 20);
            throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
          }
          Object.assign(result.output, { Body: Readable.from(broken()) });
          return result;
        },
      { step: 'initialize' },
    );

    await expect(lake.curate(instance)).rejects.toMatchObject({
      name: 'StorageUnavailableError',
      message: expect.stringContaining('ECONNRESET'),
    });
    expect([...(await curatedKeys()), ...(await deliveryKeys())]).toEqual([]);
    expect(await workDirectories()).toEqual([]);
  });
});

describe('the time of an invocation', () => {
  const days = Array.from({ length: 20 }, (_, index) => `2026-05-${String(index + 1).padStart(2, '0')}`);
  const instance = delivered('2026-06-03', [days.map((date): Row => [date, 'US', 1])]);

  beforeEach(() => lake.land(instance));

  it('that ends while files are read publishes nothing', async () => {
    expect(await lake.curate(instance, { deadline: 0 })).toEqual({
      outcome: 'out-of-time',
      publishedTo: undefined,
      progressed: false,
    });
    expect(await curatedKeys()).toEqual([]);
    expect(await workDirectories()).toEqual([]);
  });

  it('that ends between two Dates leaves the rest to the next invocation, which looks at none of the first again', async () => {
    const clock = tickingClock();
    const encoding = async (delivery: Parameters<typeof curateDelivery>[0]) =>
      curateDelivery({ ...delivery, mayGoOn: () => true });
    const first = await lake.curate(instance, { clock, deadline: 7, curateDelivery: encoding });
    expect(first).toEqual({ outcome: 'out-of-time', publishedTo: days[6], progressed: true });
    expect(await curatedKeys()).toHaveLength(7);
    expect(await deliveryKeys()).toEqual([]);

    const heads: string[] = [];
    lake.server.client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (commandName === 'HeadObjectCommand') heads.push((args.input as { Key: string }).Key);
          return next(args);
        },
      { step: 'initialize' },
    );
    const again = await curateInstance(lake.deps(), noHeads(), {
      instance,
      table: DOWNLOADS,
      publishedTo: days[6],
    });

    expect(again).toMatchObject({ outcome: 'curated', written: 13 });
    expect(await curatedKeys()).toHaveLength(20);
    expect(await deliveryKeys()).toHaveLength(1);
    expect(await readDelivery(lake.store, instance)).toHaveLength(20);
    // All but the newest, which is believed to be new.
    expect(heads).toHaveLength(12);
  });
});
