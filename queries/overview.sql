-- How did each app do, day by day?
--
-- Meaning: One row per app and day with the figures that App Store Connect shows first. A figure is empty where its
--   report has no rows for the day, and 0 where the report has rows, but none of this kind.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - impressions: Impression and Page view events together, as App Store Connect counts them.
--   - page_views: Page view events.
--   - first_time_downloads: downloads by people who never had the app.
--   - redownloads: downloads by people who had the app before.
--   - total_downloads: both kinds of downloads; updates and restores are none.
--   - sales_in_usd: what customers paid, refunds subtracted.
--   - proceeds_in_usd: what is left for the publisher, refunds subtracted.
--   - sessions: uses of at least two seconds.
--   - active_devices_at_least: the most devices that any one row counts; the day had so many or more.
--   - installations: finished installations on devices; not the same events as downloads.
--   - deletions: removals of the app.
--   - crashes: crashes.
--   - is_final: true once no report of the row will change.
--
-- Caveats:
--   - Devices are counted once per row of the report, so they are not summed; see weekly-uniques.
--   - Sessions, devices, installations, deletions and crashes are of people who share their data with developers.
--   - Standard reports only: Detailed ones tell of the same events again.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT 'engagement' AS report, lower(event) AS kind, "date", app_id, is_final, counts AS amount,
    CAST(NULL AS DECIMAL(18, 6)) AS sales, CAST(NULL AS DECIMAL(18, 6)) AS proceeds, CAST(NULL AS BIGINT) AS devices
  FROM app_store_discovery_and_engagement_standard_daily
  UNION ALL
  SELECT 'downloads', lower(download_type), "date", app_id, is_final, counts, NULL, NULL, NULL
  FROM app_downloads_standard_daily
  UNION ALL
  SELECT 'purchases', 'purchase', "date", app_id, is_final, purchases,
    CAST(sales_in_usd AS DECIMAL(18, 6)), CAST(proceeds_in_usd AS DECIMAL(18, 6)), NULL
  FROM app_store_purchases_standard_daily
  UNION ALL
  SELECT 'sessions', 'session', "date", app_id, is_final, sessions, NULL, NULL, unique_devices
  FROM app_sessions_standard_daily
  UNION ALL
  SELECT 'installations', lower(event), "date", app_id, is_final, counts, NULL, NULL, NULL
  FROM app_store_installation_and_deletion_standard_daily
  UNION ALL
  SELECT 'crashes', 'crash', "date", app_id, is_final, crashes, NULL, NULL, NULL
  FROM app_crashes_daily
)
SELECT
  "date",
  app_id,
  CAST(SUM(CASE WHEN kind IN ('impression', 'page view') THEN amount WHEN report = 'engagement' THEN 0 END) AS BIGINT)
    AS impressions,
  CAST(SUM(CASE WHEN kind = 'page view' THEN amount WHEN report = 'engagement' THEN 0 END) AS BIGINT) AS page_views,
  CAST(SUM(CASE WHEN kind = 'first-time download' THEN amount WHEN report = 'downloads' THEN 0 END) AS BIGINT)
    AS first_time_downloads,
  CAST(SUM(CASE WHEN kind = 'redownload' THEN amount WHEN report = 'downloads' THEN 0 END) AS BIGINT) AS redownloads,
  CAST(
    SUM(CASE WHEN kind IN ('first-time download', 'redownload') THEN amount WHEN report = 'downloads' THEN 0 END)
    AS BIGINT
  ) AS total_downloads,
  CAST(SUM(sales) AS DOUBLE) AS sales_in_usd,
  CAST(SUM(proceeds) AS DOUBLE) AS proceeds_in_usd,
  CAST(SUM(CASE WHEN report = 'sessions' THEN amount END) AS BIGINT) AS sessions,
  MAX(devices) AS active_devices_at_least,
  CAST(SUM(CASE WHEN kind = 'install' THEN amount WHEN report = 'installations' THEN 0 END) AS BIGINT) AS installations,
  CAST(SUM(CASE WHEN kind = 'delete' THEN amount WHEN report = 'installations' THEN 0 END) AS BIGINT) AS deletions,
  CAST(SUM(CASE WHEN report = 'crashes' THEN amount END) AS BIGINT) AS crashes,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id
ORDER BY "date", app_id
