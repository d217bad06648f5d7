-- Which sources turn impressions into downloads best?
--
-- Meaning: One row per app and source over the Dates of the period for which both reports are final.
--
-- Columns:
--   - app_id: Apple id of the app.
--   - source_type: where people found the app, in lower case.
--   - impressions: Impression and Page view events together, as App Store Connect counts them.
--   - page_views: Page view events.
--   - total_downloads: first-time downloads and redownloads.
--   - downloads_per_impression: downloads for each impression; empty where a source has no impressions.
--   - first_date: first Date that counts.
--   - last_date: last Date that counts.
--
-- Caveats:
--   - In events, not in people: Apple's Conversion Rate divides by unique impressions, and uniques are not summed.
--   - Some sources have downloads but never impressions, such as institutional purchase.
--   - A Date counts only with rows of engagement; without rows of downloads it counts as a Date without downloads.
--   - Standard reports only, never together with Detailed ones.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT 1 AS engagement, "date", app_id, lower(source_type) AS source_type, is_final,
    CASE WHEN lower(event) IN ('impression', 'page view') THEN counts ELSE 0 END AS impressions,
    CASE WHEN lower(event) = 'page view' THEN counts ELSE 0 END AS page_views,
    CAST(0 AS BIGINT) AS downloads
  FROM app_store_discovery_and_engagement_standard_daily
  UNION ALL
  SELECT 0, "date", app_id, lower(source_type), is_final, 0, 0,
    CASE WHEN lower(download_type) IN ('first-time download', 'redownload') THEN counts ELSE 0 END
  FROM app_downloads_standard_daily
),
days AS (
  SELECT "date", app_id, source_type,
    SUM(impressions) AS impressions,
    SUM(page_views) AS page_views,
    SUM(downloads) AS downloads,
    MAX(engagement) AS engagement,
    bool_and(is_final) AS is_final
  FROM facts
  WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
    AND app_id LIKE CAST(? AS VARCHAR)
  GROUP BY "date", app_id, source_type
),
judged AS (
  SELECT "date", app_id, source_type, impressions, page_views, downloads,
    MAX(engagement) OVER (PARTITION BY app_id, "date") AS day_has_engagement,
    bool_and(is_final) OVER (PARTITION BY app_id, "date") AS day_is_final
  FROM days
)
SELECT
  app_id,
  source_type,
  CAST(SUM(impressions) AS BIGINT) AS impressions,
  CAST(SUM(page_views) AS BIGINT) AS page_views,
  CAST(SUM(downloads) AS BIGINT) AS total_downloads,
  CAST(SUM(downloads) AS DOUBLE) / NULLIF(CAST(SUM(impressions) AS DOUBLE), 0) AS downloads_per_impression,
  MIN("date") AS first_date,
  MAX("date") AS last_date
FROM judged
WHERE day_is_final AND day_has_engagement = 1
GROUP BY app_id, source_type
ORDER BY app_id, source_type
