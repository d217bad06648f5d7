-- How often was each app downloaded, by day, territory and source?
--
-- Meaning: One row per day, app, territory and source of downloads. Apple counts every download here, not only those
--   of people who share their data.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - territory: country or region of the store.
--   - source_type: where people found the app, in lower case.
--   - first_time_downloads: downloads by people who never had the app.
--   - redownloads: downloads by people who had the app before.
--   - total_downloads: both of them; the figure that App Store Connect calls Total Downloads.
--   - updates: manual and automatic updates.
--   - restores: downloads while a device was restored.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - Automatic updates are most of the rows' counts: a sum over all download types is no figure of downloads.
--   - Standard report only: Source Info and Campaign are in the Detailed one, which leaves out small rows and adds
--     noise.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, territory, lower(source_type) AS source_type, lower(download_type) AS download_type, counts,
    is_final
  FROM app_downloads_standard_daily
)
SELECT
  "date",
  app_id,
  territory,
  source_type,
  CAST(SUM(CASE WHEN download_type = 'first-time download' THEN counts ELSE 0 END) AS BIGINT) AS first_time_downloads,
  CAST(SUM(CASE WHEN download_type = 'redownload' THEN counts ELSE 0 END) AS BIGINT) AS redownloads,
  CAST(SUM(CASE WHEN download_type IN ('first-time download', 'redownload') THEN counts ELSE 0 END) AS BIGINT)
    AS total_downloads,
  CAST(SUM(CASE WHEN download_type IN ('manual update', 'auto-update') THEN counts ELSE 0 END) AS BIGINT) AS updates,
  CAST(SUM(CASE WHEN download_type = 'restore' THEN counts ELSE 0 END) AS BIGINT) AS restores,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, territory, source_type
ORDER BY "date", app_id, territory, source_type
