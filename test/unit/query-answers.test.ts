import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueryLake } from '../support/query-lake.ts';

const ENGAGEMENT = 'app_store_discovery_and_engagement_standard_daily';
const DOWNLOADS = 'app_downloads_standard_daily';
const PURCHASES = 'app_store_purchases_standard_daily';
const SESSIONS = 'app_sessions_standard_daily';
const INSTALLATIONS = 'app_store_installation_and_deletion_standard_daily';
const CRASHES = 'app_crashes_daily';

const DAY = { date: '2026-06-01' };
const NEXT_DAY_PARTIAL = { date: '2026-06-02', isFinal: false };

let lake: QueryLake;

beforeEach(async () => {
  lake = await QueryLake.create();
});
afterEach(() => lake.remove());

/** Rows that no figure may count: the same events in other levels and granularities. */
async function plantOtherLevelsAndGranularities(): Promise<void> {
  const monday = { date: '2026-06-01' };
  const download = { download_type: 'First-time download', territory: 'US', source_type: 'App Store search' };
  await lake.curated('app_downloads_detailed_daily', DAY, [{ ...download, counts: 100_000 }]);
  await lake.curated('app_downloads_detailed_weekly', monday, [{ ...download, counts: 100_000 }]);
  const impression = {
    event: 'Impression',
    source_type: 'App Store search',
    counts: 100_000,
    unique_counts: 9,
  };
  await lake.curated('app_store_discovery_and_engagement_detailed_daily', DAY, [impression]);
  await lake.curated('app_store_discovery_and_engagement_standard_weekly', monday, [impression]);
  await lake.curated('app_sessions_standard_weekly', monday, [
    { sessions: 100_000, unique_devices: 100_000 },
  ]);
  await lake.curated('app_crashes_monthly', monday, [{ crashes: 100_000, unique_devices: 100_000 }]);
  const purchase = { purchases: 100_000, sales_in_usd: 1e6, proceeds_in_usd: 1e6, paying_users: 100_000 };
  await lake.curated('app_store_purchases_detailed_daily', DAY, [purchase]);
  await lake.curated('app_store_purchases_standard_weekly', monday, [purchase]);
}

/** One final day with every report, and a partial one with downloads. */
async function writeTwoDays(): Promise<void> {
  await lake.curated(ENGAGEMENT, DAY, [
    { event: 'Impression', source_type: 'App Store search', counts: 100, unique_counts: 80 },
    { event: 'impression', source_type: 'App Store browse', counts: 50, unique_counts: 50 },
    {
      event: 'Page view',
      page_type: 'Product page',
      source_type: 'App Store Search',
      counts: 30,
      unique_counts: 20,
    },
    { event: 'Tap', source_type: 'App Store search', counts: 1000, unique_counts: 900 },
  ]);
  await lake.curated(DOWNLOADS, DAY, [
    { download_type: 'First-time download', territory: 'US', source_type: 'App Store search', counts: 10 },
    { download_type: 'First-time Download', territory: 'US', source_type: 'App Store Search', counts: 5 },
    { download_type: 'Redownload', territory: 'US', source_type: 'App Store search', counts: 4 },
    { download_type: 'Redownload', territory: 'DE', source_type: 'Institutional purchase', counts: 2 },
    { download_type: 'Auto-update', territory: 'US', source_type: 'App Store search', counts: 5000 },
    { download_type: 'Manual update', territory: 'US', source_type: 'App Store search', counts: 40 },
    { download_type: 'Restore', territory: 'US', source_type: 'App Store search', counts: 3 },
  ]);
  await lake.curated(DOWNLOADS, NEXT_DAY_PARTIAL, [
    { download_type: 'First-time download', territory: 'US', source_type: 'App Store search', counts: 7 },
  ]);
  await lake.curated(PURCHASES, DAY, [
    {
      purchase_type: 'In-app purchases',
      content_apple_identifier: 7,
      content_name: 'Coins',
      purchases: 3,
      sales_in_usd: 5.97,
      proceeds_in_usd: 5.07,
      paying_users: 3,
    },
    {
      purchase_type: 'In-App Purchases',
      content_apple_identifier: 7,
      content_name: 'Coins',
      purchases: 2,
      sales_in_usd: 3.98,
      proceeds_in_usd: 3.38,
      paying_users: 2,
    },
    {
      purchase_type: 'In-app purchases',
      content_apple_identifier: 7,
      content_name: 'Coins',
      purchases: -1,
      sales_in_usd: -1.99,
      proceeds_in_usd: -1.69,
      paying_users: 50,
    },
  ]);
  await lake.curated(SESSIONS, DAY, [
    { app_version: '2.0', sessions: 40, total_session_duration: 4000, unique_devices: 25 },
    { app_version: '2.0', sessions: 10, total_session_duration: 500, unique_devices: 8 },
    { app_version: '1.0', sessions: 50, total_session_duration: 500, unique_devices: 30 },
  ]);
  await lake.curated(INSTALLATIONS, DAY, [
    { event: 'Install', counts: 12, unique_devices: 11 },
    { event: 'Delete', counts: 6, unique_devices: 6 },
  ]);
  await lake.curated(CRASHES, DAY, [
    { app_version: '2.0', crashes: 2, unique_devices: 1 },
    { app_version: '1.0', crashes: 9, unique_devices: 5 },
  ]);
}

describe('the shipped queries over a small lake', () => {
  beforeEach(async () => {
    await writeTwoDays();
    await plantOtherLevelsAndGranularities();
  });

  it('overview: one row per app and day, empty where a report has no rows, 0 where only the kind is missing', async () => {
    await lake.curated(ENGAGEMENT, { date: '2026-06-01', appId: '2' }, [{ event: 'Tap', counts: 8 }]);
    const nothing = {
      impressions: null,
      page_views: null,
      sales_in_usd: null,
      proceeds_in_usd: null,
      sessions: null,
      active_devices_at_least: null,
      installations: null,
      deletions: null,
      crashes: null,
    };
    expect(await lake.answer('overview')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        impressions: 180,
        page_views: 30,
        first_time_downloads: 15,
        redownloads: 6,
        total_downloads: 21,
        sales_in_usd: 7.96,
        proceeds_in_usd: 6.76,
        sessions: 100,
        active_devices_at_least: 30,
        installations: 12,
        deletions: 6,
        crashes: 11,
        is_final: true,
      },
      {
        ...nothing,
        date: '2026-06-01',
        app_id: '2',
        impressions: 0,
        page_views: 0,
        first_time_downloads: null,
        redownloads: null,
        total_downloads: null,
        is_final: true,
      },
      {
        ...nothing,
        date: '2026-06-02',
        app_id: '1',
        first_time_downloads: 7,
        redownloads: 0,
        total_downloads: 7,
        is_final: false,
      },
    ]);
  });

  it('app-store-connect-metrics: sums of final Dates are exact, uniques a bound, a rate of uniques nothing', async () => {
    const rows = await lake.answer('app-store-connect-metrics');
    expect(rows.map(({ metric, value, comparable }) => [metric, value, comparable])).toEqual([
      ['Impressions', 180, 'exact'],
      ['Product Page Views', 30, 'exact'],
      ['Conversion Rate', null, 'not derivable'],
      ['First-Time Downloads', 15, 'exact'],
      ['Redownloads', 6, 'exact'],
      ['Total Downloads', 21, 'exact'],
      ['Proceeds', 6.76, 'exact'],
      ['Sales', 7.96, 'exact'],
      ['Paying Users', 3, 'lower bound'],
      ['Sessions', 100, 'exact'],
      ['Active Devices', 30, 'lower bound'],
      ['Installations', 12, 'exact'],
      ['Deletions', 6, 'exact'],
      ['Crashes', 11, 'exact'],
    ]);
    expect(rows.every(({ reason }) => typeof reason === 'string' && reason !== '')).toBe(true);
    const downloads = rows.find(({ metric }) => metric === 'Total Downloads');
    expect(downloads).toMatchObject({
      first_date: '2026-06-01',
      last_date: '2026-06-01',
      dates: 1,
      dates_not_final: 1,
    });
  });

  it('app-store-connect-metrics: a day in between without rows makes a lower bound', async () => {
    await lake.curated(DOWNLOADS, { date: '2026-06-03' }, [{ download_type: 'Redownload', counts: 1 }]);
    const rows = await lake.answer('app-store-connect-metrics');
    expect(rows.find(({ metric }) => metric === 'Redownloads')).toMatchObject({
      value: 7,
      comparable: 'lower bound',
      dates: 2,
    });
  });

  it('app-store-connect-metrics: without a final Date nothing is derivable', async () => {
    const rows = await lake.answer('app-store-connect-metrics', '2026-06-02', '2026-06-02');
    expect(rows.map(({ value, comparable }) => [value, comparable])).toEqual([
      [null, 'not derivable'],
      [null, 'not derivable'],
      [null, 'not derivable'],
    ]);
  });

  it('downloads: updates and restores are no downloads, and spelling does not split a source', async () => {
    expect(await lake.answer('downloads', '2026-06-01', '2026-06-01')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        territory: 'DE',
        source_type: 'institutional purchase',
        first_time_downloads: 0,
        redownloads: 2,
        total_downloads: 2,
        updates: 0,
        restores: 0,
        is_final: true,
      },
      {
        date: '2026-06-01',
        app_id: '1',
        territory: 'US',
        source_type: 'app store search',
        first_time_downloads: 15,
        redownloads: 4,
        total_downloads: 19,
        updates: 5040,
        restores: 3,
        is_final: true,
      },
    ]);
  });

  it('discovery-funnel: shares of events, empty without impressions', async () => {
    expect(await lake.answer('discovery-funnel')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        impressions: 180,
        page_views: 30,
        total_downloads: 21,
        page_views_per_impression: 30 / 180,
        downloads_per_impression: 21 / 180,
        is_final: true,
      },
      {
        date: '2026-06-02',
        app_id: '1',
        impressions: null,
        page_views: null,
        total_downloads: 7,
        page_views_per_impression: null,
        downloads_per_impression: null,
        is_final: false,
      },
    ]);
  });

  it('conversion-by-source: only Dates for which both reports are final count', async () => {
    const dates = { first_date: '2026-06-01', last_date: '2026-06-01' };
    await lake.curated(ENGAGEMENT, { date: '2026-06-02' }, [
      { event: 'Impression', source_type: 'App Store browse', counts: 9999 },
    ]);
    expect(await lake.answer('conversion-by-source')).toEqual([
      {
        ...dates,
        app_id: '1',
        source_type: 'app store browse',
        impressions: 50,
        page_views: 0,
        total_downloads: 0,
        downloads_per_impression: 0,
      },
      {
        ...dates,
        app_id: '1',
        source_type: 'app store search',
        impressions: 130,
        page_views: 30,
        total_downloads: 19,
        downloads_per_impression: 19 / 130,
      },
      {
        ...dates,
        app_id: '1',
        source_type: 'institutional purchase',
        impressions: 0,
        page_views: 0,
        total_downloads: 2,
        downloads_per_impression: null,
      },
    ]);
  });

  it('sessions-by-version: the largest row bounds active devices from below, sessions from above', async () => {
    expect(await lake.answer('sessions-by-version')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        app_version: '1.0',
        sessions: 50,
        average_session_seconds: 10,
        active_devices_at_least: 30,
        active_devices_at_most: 50,
        is_final: true,
      },
      {
        date: '2026-06-01',
        app_id: '1',
        app_version: '2.0',
        sessions: 50,
        average_session_seconds: 90,
        active_devices_at_least: 25,
        active_devices_at_most: 50,
        is_final: true,
      },
    ]);
  });

  it('crash-rate-by-version: a day without crashes counts, a partial one and one without sessions do not', async () => {
    await lake.curated(SESSIONS, { date: '2026-06-02' }, [{ app_version: '2.0', sessions: 50 }]);
    await lake.curated(SESSIONS, { date: '2026-06-03', isFinal: false }, [
      { app_version: '2.0', sessions: 700 },
    ]);
    await lake.curated(CRASHES, { date: '2026-06-04' }, [
      { app_version: '2.0', crashes: 700, unique_devices: 700 },
    ]);
    expect(await lake.answer('crash-rate-by-version')).toEqual([
      {
        app_id: '1',
        app_version: '1.0',
        sessions: 50,
        crashes: 9,
        crashes_per_1000_sessions: 180,
        crashed_devices_at_least: 5,
        first_date: '2026-06-01',
        last_date: '2026-06-01',
      },
      {
        app_id: '1',
        app_version: '2.0',
        sessions: 100,
        crashes: 2,
        crashes_per_1000_sessions: 20,
        crashed_devices_at_least: 1,
        first_date: '2026-06-01',
        last_date: '2026-06-02',
      },
    ]);
  });

  it('purchases-and-proceeds: a refund is no purchase and no paying user, but lowers sales and proceeds', async () => {
    expect(await lake.answer('purchases-and-proceeds')).toEqual([
      {
        date: '2026-06-01',
        app_id: '1',
        purchase_type: 'in-app purchases',
        content_apple_identifier: 7,
        content_name: 'Coins',
        purchases: 5,
        refunds: 1,
        sales_in_usd: 7.96,
        proceeds_in_usd: 6.76,
        refunded_sales_in_usd: 1.99,
        paying_users_at_least: 3,
        is_final: true,
      },
    ]);
  });

  it('answers for one app and one range of Dates when asked', async () => {
    await lake.curated(DOWNLOADS, { date: '2026-06-02', appId: '2' }, [
      { download_type: 'Redownload', counts: 1 },
    ]);
    const rows = await lake.answer('overview', '2026-06-02', '2026-06-30', '2');
    expect(rows.map(({ date, app_id }) => [date, app_id])).toEqual([['2026-06-02', '2']]);
  });
});
