-- How do impressions become page views, and page views downloads?
--
-- Meaning: One row per app and day: the three steps of the App Store's funnel and the shares between them, in events,
--   not in people.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - impressions: Impression and Page view events together, as App Store Connect counts them.
--   - page_views: Page view events.
--   - total_downloads: first-time downloads and redownloads.
--   - page_views_per_impression: share of impressions that are views of a page.
--   - downloads_per_impression: downloads for each impression.
--   - is_final: true once neither report will change any more for the day.
--
-- Caveats:
--   - This is not Apple's Conversion Rate, which divides by unique impressions: uniques are not summed over rows.
--   - People may download without a page view, so total_downloads may be more than page_views.
--   - Standard reports only, never together with Detailed ones.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, is_final,
    CASE WHEN lower(event) IN ('impression', 'page view') THEN counts ELSE 0 END AS impressions,
    CASE WHEN lower(event) = 'page view' THEN counts ELSE 0 END AS page_views,
    CAST(NULL AS BIGINT) AS downloads
  FROM app_store_discovery_and_engagement_standard_daily
  UNION ALL
  SELECT "date", app_id, is_final, NULL, NULL,
    CASE WHEN lower(download_type) IN ('first-time download', 'redownload') THEN counts ELSE 0 END
  FROM app_downloads_standard_daily
)
SELECT
  "date",
  app_id,
  CAST(SUM(impressions) AS BIGINT) AS impressions,
  CAST(SUM(page_views) AS BIGINT) AS page_views,
  CAST(SUM(downloads) AS BIGINT) AS total_downloads,
  CAST(SUM(page_views) AS DOUBLE) / NULLIF(CAST(SUM(impressions) AS DOUBLE), 0) AS page_views_per_impression,
  CAST(SUM(downloads) AS DOUBLE) / NULLIF(CAST(SUM(impressions) AS DOUBLE), 0) AS downloads_per_impression,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id
ORDER BY "date", app_id
