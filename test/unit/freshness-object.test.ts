import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppDeliveries } from '../../lambdas/lib/analytics/freshness.ts';
import { updateFreshness } from '../../lambdas/lib/analytics/freshness-object.ts';
import { type DeliveredDate, writeDelivery } from '../../lambdas/lib/lake/deliveries.ts';
import { deliveryKey, type InstanceIdentity } from '../../lambdas/lib/lake/keys.ts';
import { type ObjectStore, objectStore } from '../../lambdas/lib/lake/object-store.ts';
import { BUCKET, startStore, type TestStore } from './local-s3-harness.ts';

const KEY = 'freshness/main/10%2E01.json';

function delivery(processingDate: string): InstanceIdentity {
  return {
    appId: '10.01',
    reportSlug: 'app-downloads-standard',
    granularity: 'DAILY',
    access: 'ONGOING',
    processingDate,
    instanceId: `id-${processingDate}`,
  };
}

const DATES: Readonly<Record<string, readonly DeliveredDate[]>> = {
  '2026-06-08': [{ date: '2026-06-06', isFinal: true, rows: 3, sums: { counts: 7 } }],
  '2026-06-09': [{ date: '2026-06-07', isFinal: true, rows: 4, sums: { counts: 9 } }],
};

function datesOf({ processingDate }: InstanceIdentity): readonly DeliveredDate[] {
  return DATES[processingDate] ?? [];
}

/** A day on which everything up to it has landed and is curated; `made` by the run itself. */
function onDay(today: string, made: readonly string[]): AppDeliveries {
  const landed = Object.keys(DATES)
    .filter((day) => day <= today)
    .map(delivery);
  return {
    accountName: 'main',
    appId: '10.01',
    today,
    reports: [{ slug: 'app-downloads-standard', granularities: ['DAILY', 'WEEKLY'] }],
    granularities: ['DAILY', 'WEEKLY'],
    landed,
    curated: landed,
    known: made.map((day) => ({ instance: delivery(day), dates: datesOf(delivery(day)) })),
  };
}

let server: TestStore;
let store: ObjectStore;
let requests: string[];
beforeEach(async () => {
  server = await startStore();
  store = objectStore(server.client, BUCKET);
  for (const day of Object.keys(DATES)) await writeDelivery(store, delivery(day), datesOf(delivery(day)), 1);
  requests = [];
  server.client.middlewareStack.add(
    (next, context) => (call) => {
      const { Key } = call.input as { readonly Key?: string };
      requests.push(`${context.commandName} ${Key}`);
      return next(call);
    },
    { step: 'initialize' },
  );
});
afterEach(() => server.close());

/** The keys of the delivery objects that were read since the last call. */
function deliveriesRead(): string[] {
  return requests.splice(0).filter((request) => request.startsWith('GetObjectCommand deliveries/'));
}

async function stored(): Promise<string> {
  return (await store.readText(KEY))?.value ?? '';
}

describe('updateFreshness', () => {
  it('writes one line of JSON per report and granularity and returns the same lines', async () => {
    const lines = await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));

    const text = await stored();
    expect(text.endsWith('}\n')).toBe(true);
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(lines);
    expect(lines.map((line) => [line.granularity, line.newest_final_date, line.empty])).toEqual([
      ['daily', '2026-06-06', false],
      ['weekly', null, true],
    ]);
  });

  it('costs one GET and one PUT, and on a second run of the day the GET alone', async () => {
    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    expect(requests.splice(0)).toEqual([`GetObjectCommand ${KEY}`, `PutObjectCommand ${KEY}`]);

    await updateFreshness(store, onDay('2026-06-08', []));
    expect(requests).toEqual([`GetObjectCommand ${KEY}`]);
  });

  it('reads the deliveries of a run that died before it came here, once', async () => {
    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    const before = await stored();
    await updateFreshness(store, onDay('2026-06-09', ['2026-06-09']));
    const whole = await stored();
    expect(deliveriesRead()).toEqual([]);

    await store.writeText(KEY, before);
    await updateFreshness(store, onDay('2026-06-09', []));
    expect(deliveriesRead()).toEqual([`GetObjectCommand ${deliveryKey(delivery('2026-06-09'))}`]);
    expect(await stored()).toBe(whole);
    await updateFreshness(store, onDay('2026-06-09', []));
    expect(deliveriesRead()).toEqual([]);
  });

  it('makes a lost object anew from the deliveries', async () => {
    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    await updateFreshness(store, onDay('2026-06-09', ['2026-06-09']));
    const whole = await stored();

    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: KEY }));
    await updateFreshness(store, onDay('2026-06-09', []));
    expect(await stored()).toBe(whole);
  });

  it('is not taken back by a run of the day before that ends late', async () => {
    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    await updateFreshness(store, onDay('2026-06-09', ['2026-06-09']));
    const whole = await stored();

    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    expect(await stored()).toBe(whole);
  });

  it('takes lines with columns that this release does not know', async () => {
    await updateFreshness(store, onDay('2026-06-08', ['2026-06-08']));
    await store.writeText(KEY, (await stored()).replaceAll('}', ',"later":1}'));

    const [line] = await updateFreshness(store, onDay('2026-06-09', ['2026-06-09']));
    expect(line).toMatchObject({ first_processing_date: '2026-06-08', newest_final_date: '2026-06-07' });
    expect(await stored()).not.toContain('later');
  });

  it.each(['{"report":', '{"report":"a"}\n', '[]\n'])(
    'refuses %j by its key, and leaves it',
    async (text) => {
      await store.writeText(KEY, text);

      await expect(updateFreshness(store, onDay('2026-06-08', []))).rejects.toMatchObject({
        name: 'PayloadContractError',
        message: expect.stringContaining(KEY),
        details: { key: KEY },
      });
      expect(await stored()).toBe(text);
    },
  );
});
