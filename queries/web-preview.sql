-- What do people do on an app's page on the web (apps.apple.com)?
--
-- Meaning: One row per day, app and source of the visit.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - source_type: where the visit came from, in lower case.
--   - page_views: views of the page.
--   - taps: taps on the page, such as Get or Share.
--   - taps_per_page_view: taps for each view.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - Visits of the web page are not part of App Store Connect's Impressions and Product Page Views.
--   - Standard report only, never together with the Detailed one.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, lower(source_type) AS source_type, is_final,
    CASE WHEN lower(event) = 'page view' THEN counts ELSE 0 END AS page_views,
    CASE WHEN lower(event) = 'tap' THEN counts ELSE 0 END AS taps
  FROM app_store_web_preview_engagement_standard_daily
)
SELECT
  "date",
  app_id,
  source_type,
  CAST(SUM(page_views) AS BIGINT) AS page_views,
  CAST(SUM(taps) AS BIGINT) AS taps,
  CAST(SUM(taps) AS DOUBLE) / NULLIF(CAST(SUM(page_views) AS DOUBLE), 0) AS taps_per_page_view,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, source_type
ORDER BY "date", app_id, source_type
