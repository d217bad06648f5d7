import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueryLake } from '../support/query-lake.ts';

let lake: QueryLake;

beforeEach(async () => {
  lake = await QueryLake.create();
});
afterEach(() => lake.remove());

async function rowsOf(name: string, ...values: string[]): Promise<unknown[][]> {
  return (await lake.answer(name, ...values)).map((row) => Object.values(row));
}

interface Delivery {
  readonly processingDate: string;
  readonly access?: 'ongoing' | 'snapshot';
  readonly instanceId?: string;
  readonly appId?: string;
  readonly report?: string;
  readonly granularity?: string;
  /** Date, is_final, rows, counts. */
  readonly dates: readonly (readonly [string | null, boolean, number, number | undefined])[];
}

async function deliver(delivery: Delivery): Promise<void> {
  const { processingDate, access = 'ongoing', appId = '1', report = 'app-crashes', dates } = delivery;
  const { granularity = 'daily', instanceId = `${access}-${processingDate}` } = delivery;
  await lake.lines(
    `deliveries/${appId}/${processingDate}.${access}.${report}.${granularity}.${instanceId}.json`,
    dates.map(([date, isFinal, rows, counts]) => ({
      app_id: appId,
      report,
      granularity,
      access,
      processing_date: processingDate,
      instance_id: instanceId,
      date,
      is_final: isFinal,
      rows,
      sums: counts === undefined ? {} : { crashes: counts },
      curation_version: 1,
    })),
  );
}

describe('restatements', () => {
  const shortened = async () =>
    (await rowsOf('restatements')).map(
      ([, , , date, measure, deliveries, first, owner, moved, share, ...rest]) => [
        date,
        measure,
        deliveries,
        [first, owner, moved, share],
        rest,
      ],
    );

  it('measures from the first delivery to the owner, in which a row may have vanished', async () => {
    await deliver({ processingDate: '2026-06-02', dates: [['2026-06-01', false, 5, 80]] });
    await deliver({ processingDate: '2026-06-03', dates: [['2026-06-01', false, 6, 120]] });
    await deliver({ processingDate: '2026-06-06', dates: [['2026-06-01', true, 4, 100]] });
    expect(await shortened()).toEqual([
      ['2026-06-01', 'crashes', 3, [80, 100, 20, 0.25], [80, 120, 4, '2026-06-06', 'ongoing', true]],
    ]);
  });

  it('takes the owner by rank, not by age: a final snapshot before a later partial delivery', async () => {
    await deliver({
      processingDate: '2026-06-05',
      access: 'snapshot',
      dates: [['2026-06-01', true, 4, 100]],
    });
    await deliver({ processingDate: '2026-06-07', dates: [['2026-06-01', false, 3, 90]] });
    expect((await shortened()).map(([, , , totals, rest]) => [totals, rest])).toEqual([
      [
        [100, 100, 0, 0],
        [90, 100, 4, '2026-06-05', 'snapshot', true],
      ],
    ]);
  });

  it('takes ongoing before a snapshot of the same day, and the higher instance id of two equals', async () => {
    const dates = (counts: number): Delivery['dates'] => [['2026-06-01', true, 1, counts]];
    await deliver({ processingDate: '2026-06-06', access: 'snapshot', instanceId: 'z', dates: dates(1) });
    await deliver({ processingDate: '2026-06-06', instanceId: 'a', dates: dates(2) });
    await deliver({ processingDate: '2026-06-06', instanceId: 'b', dates: dates(3) });
    expect((await shortened())[0]?.[3]).toEqual([2, 3, 1, 0.5]);
  });

  it('has no row for a Date that was delivered once, or without measures, and none for an empty delivery', async () => {
    await deliver({ processingDate: '2026-06-02', dates: [['2026-06-01', false, 5, 80]] });
    await deliver({ processingDate: '2026-06-03', dates: [[null, false, 0, undefined]] });
    await deliver({ processingDate: '2026-06-04', dates: [['2026-06-02', false, 5, undefined]] });
    await deliver({ processingDate: '2026-06-05', dates: [['2026-06-02', false, 5, undefined]] });
    expect(await shortened()).toEqual([]);
  });

  it('leaves the share empty where the first sum is 0', async () => {
    await deliver({ processingDate: '2026-06-02', dates: [['2026-06-01', false, 1, 0]] });
    await deliver({ processingDate: '2026-06-03', dates: [['2026-06-01', false, 1, 5]] });
    expect((await shortened())[0]?.[3]).toEqual([0, 5, 5, null]);
  });
});

describe('what-is-final', () => {
  it('tells the newest final Date, and the oldest that may change, by the owner of each Date', async () => {
    await deliver({
      processingDate: '2026-06-04',
      dates: [
        ['2026-06-01', true, 1, 1],
        ['2026-06-02', false, 1, 1],
      ],
    });
    await deliver({ processingDate: '2026-06-05', dates: [['2026-06-03', false, 1, 1]] });
    await deliver({ processingDate: '2026-06-07', dates: [['2026-06-02', true, 1, 1]] });
    await deliver({ processingDate: '2026-06-08', dates: [['2026-06-02', false, 1, 1]] });
    await deliver({
      processingDate: '2026-06-08',
      instanceId: 'empty',
      dates: [[null, false, 0, undefined]],
    });
    expect(await rowsOf('what-is-final')).toEqual([
      ['1', 'app-crashes', 'daily', 3, 2, '2026-06-02', '2026-06-03', '2026-06-03'],
    ]);
  });
});

describe('freshness', () => {
  const line = {
    account: 'main',
    app_id: '1',
    report: 'app-crashes',
    granularity: 'daily',
    as_of: '2026-06-10',
    first_processing_date: '2026-06-02',
    newest_processing_date: '2026-06-08',
    newest_curated_processing_date: '2026-06-08',
    newest_date: '2026-06-04',
    newest_final_date: '2026-06-02',
    missing_days: 2,
    oldest_missing_day: '2026-06-05',
    days_until_deleted: 30,
    empty: false,
  };

  it('tells how far each report has come, and the Dates between the first and the last that have no rows', async () => {
    const never = {
      ...line,
      report: 'app-opt-in',
      newest_processing_date: null,
      newest_date: null,
      newest_final_date: null,
      missing_days: 0,
      oldest_missing_day: null,
      days_until_deleted: null,
      empty: true,
    };
    await lake.lines('freshness/main/1.json', [line, never]);
    await lake.lines('freshness/other/2.json', [{ ...line, account: 'other', app_id: '2' }]);
    await deliver({
      processingDate: '2026-06-05',
      dates: [
        ['2026-06-01', true, 1, 1],
        ['2026-06-04', false, 1, 1],
      ],
    });
    await deliver({ processingDate: '2026-06-06', dates: [['2026-06-04', false, 1, 1]] });
    expect(await rowsOf('freshness', '1')).toEqual([
      [
        'main',
        '1',
        'app-crashes',
        'daily',
        '2026-06-10',
        '2026-06-08',
        2,
        '2026-06-04',
        '2026-06-02',
        2,
        '2026-06-05',
        30,
        2,
        2,
        false,
      ],
      [
        'main',
        '1',
        'app-opt-in',
        'daily',
        '2026-06-10',
        null,
        null,
        null,
        null,
        0,
        null,
        null,
        0,
        null,
        true,
      ],
    ]);
    expect(await rowsOf('freshness')).toHaveLength(3);
  });
});
