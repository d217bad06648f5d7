import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueryLake } from '../support/query-lake.ts';

const DAY = { date: '2026-06-01' };

let lake: QueryLake;

beforeEach(async () => {
  lake = await QueryLake.create();
});
afterEach(() => lake.remove());

describe('subscriptions, pre-orders, the web and people who share their data', () => {
  it('subscriptions: states of a day, never of several days together', async () => {
    const state = { subscription_identifier: 9, subscription_name: 'Pro', territory: 'US' };
    const paid = { ...state, state_metric_grouping: 'Paid plans', state_metric: 'Full price' };
    await lake.curated('app_store_subscription_state_standard_daily', DAY, [
      { ...paid, counts: 10 },
      { ...paid, territory: 'DE', state_metric: 'Full Price', counts: 5 },
    ]);
    await lake.curated('app_store_subscription_state_standard_daily', { date: '2026-06-02' }, [
      { ...paid, counts: 16 },
    ]);
    const rows = await lake.answer('subscriptions');
    expect(rows.map(({ date, state_metric, subscriptions }) => [date, state_metric, subscriptions])).toEqual([
      ['2026-06-01', 'full price', 15],
      ['2026-06-02', 'full price', 16],
    ]);
  });

  it('subscription-churn: events of the day beside the paid plans at its end', async () => {
    const event = (event_grouping: string, counts: number) => ({ event_grouping, counts });
    await lake.curated('app_store_subscription_event_standard_daily', DAY, [
      event('Renewals', 40),
      event('Voluntary Churn', 3),
      event('Involuntary churn', 1),
      event('Paid Subscription Starts', 5),
      event('Paid Subscriptions from Offers', 2),
      event('Offer Starts', 8),
      event('Entered Billing Issue', 6),
      event('Recoveries from Billing Issue', 4),
      event('Extensions', 1000),
    ]);
    const stateTable = 'app_store_subscription_state_standard_daily';
    await lake.curated(stateTable, DAY, [
      { state_metric_grouping: 'Paid plans', counts: 96 },
      { state_metric_grouping: 'Churned', counts: 500 },
    ]);
    await lake.curated(stateTable, { date: '2026-06-02' }, [
      { state_metric_grouping: 'Paid plans', counts: 99 },
    ]);
    expect(await lake.answer('subscription-churn')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        starts: 7,
        offer_starts: 8,
        renewals: 40,
        voluntary_churn: 3,
        involuntary_churn: 1,
        billing_issues: 6,
        recoveries: 4,
        paid_plans: 96,
        churned_share: 0.04,
        is_final: true,
      },
      {
        date: '2026-06-02',
        app_id: '1',
        starts: null,
        offer_starts: null,
        renewals: null,
        voluntary_churn: null,
        involuntary_churn: null,
        billing_issues: null,
        recoveries: null,
        paid_plans: 99,
        churned_share: null,
        is_final: true,
      },
    ]);
  });

  it('pre-orders, web-preview and opt-in add up the rows of a day', async () => {
    await lake.curated('app_store_pre_orders_standard_daily', DAY, [
      { territory: 'US', pre_orders_placed: 9, pre_orders_canceled: 2 },
      { territory: 'US', pre_orders_placed: 1, pre_orders_canceled: 0 },
    ]);
    await lake.curated('app_store_web_preview_engagement_standard_daily', DAY, [
      { event: 'Page View', source_type: 'Web referrer', counts: 8 },
      { event: 'Tap', source_type: 'Web Referrer', counts: 2 },
    ]);
    await lake.curated('app_opt_in_daily', DAY, [{ downloading_users: 40, users_opting_in: 10 }]);
    const day = { date: '2026-06-01', app_id: '1', is_final: true };
    expect(await lake.answer('pre-orders')).toEqual([
      { ...day, territory: 'US', pre_orders_placed: 10, pre_orders_canceled: 2, net_pre_orders: 8 },
    ]);
    expect(await lake.answer('web-preview')).toEqual([
      { ...day, source_type: 'web referrer', page_views: 8, taps: 2, taps_per_page_view: 0.25 },
    ]);
    expect(await lake.answer('opt-in')).toEqual([
      { ...day, downloading_users: 40, users_opting_in: 10, opt_in_share: 0.25 },
    ]);
  });
});

describe('uniques of whole weeks and months', () => {
  it.each([
    ['weekly', 'week'],
    ['monthly', 'month'],
  ])('%s-uniques: bounds from that report alone, refunds are no paying users', async (word, period) => {
    await lake.curated('app_sessions_standard_daily', DAY, [{ sessions: 100_000, unique_devices: 100_000 }]);
    await lake.curated(`app_store_discovery_and_engagement_standard_${word}`, DAY, [
      { event: 'Impression', counts: 100, unique_counts: 70 },
      { event: 'impression', counts: 40, unique_counts: 40 },
      { event: 'Page view', counts: 9, unique_counts: 5 },
      { event: 'Tap', counts: 900, unique_counts: 900 },
    ]);
    await lake.curated(`app_sessions_standard_${word}`, DAY, [
      { sessions: 50, unique_devices: 20 },
      { sessions: 30, unique_devices: 25 },
    ]);
    await lake.curated(`app_store_installation_and_deletion_standard_${word}`, DAY, [
      { event: 'Install', counts: 12, unique_devices: 11 },
      { event: 'Delete', counts: 6, unique_devices: 6 },
    ]);
    await lake.curated(`app_crashes_${word}`, DAY, [{ crashes: 4, unique_devices: 2 }]);
    await lake.curated(`app_store_purchases_standard_${word}`, DAY, [
      { purchases: 3, paying_users: 2 },
      { purchases: -60, paying_users: 60 },
    ]);
    const rows = await lake.answer(`${word}-uniques`);
    expect(rows.map((row) => [row.metric, row.at_least, row.at_most, row.rows_delivered])).toEqual([
      ['active devices', 25, 80, 2],
      ['crashed devices', 2, 4, 1],
      ['deleting devices', 6, 6, 1],
      ['installing devices', 11, 12, 1],
      ['paying users', 2, 3, 1],
      ['unique impressions', 70, 149, 3],
      ['unique page views', 5, 9, 1],
    ]);
    expect(rows.every((row) => row[period] === '2026-06-01' && row.app_id === '1')).toBe(true);
  });
});
