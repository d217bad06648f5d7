-- How fresh is each report of each app, and where are gaps?
--
-- Meaning: One row per account, app, report and granularity: how far landing and curation have come, which processing
--   days are missing and how long Apple will still have them, and how many Dates between the first and the last are
--   without rows.
--
-- Columns:
--   - account: name of the account in the configuration.
--   - app_id: Apple id of the app.
--   - report: the report's name in keys.
--   - granularity: daily, weekly or monthly.
--   - as_of: day of the run that wrote the figures.
--   - newest_processing_date: newest delivery that landed.
--   - days_behind: days from it to as_of.
--   - newest_date: newest Date with rows.
--   - newest_final_date: newest Date that will not change any more.
--   - missing_days: processing days of the last 35 that Apple was due to deliver and that did not land.
--   - oldest_missing_day: the oldest of them.
--   - days_until_deleted: days until Apple deletes what that day may have had.
--   - dates: Dates with rows, over all deliveries.
--   - dates_without_rows: days between the first and the last Date without rows; daily reports only.
--   - empty: true as long as nothing at all has landed.
--
-- Caveats:
--   - Figures are of as_of, not of today: where as_of is older than the schedule, no run has looked at the app since.
--   - A missing day or Date is no error as such: Apple delivers nothing where too few people used the app.
--   - After days_until_deleted, a missing day can only come back by a new one-time snapshot.
--
-- Parameters:
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH delivered AS (
  SELECT app_id, report, granularity,
    COUNT(DISTINCT "date") AS dates,
    MIN("date") AS first_date,
    MAX("date") AS last_date
  FROM deliveries
  WHERE "date" IS NOT NULL
  GROUP BY app_id, report, granularity
)
SELECT
  f.account,
  f.app_id,
  f.report,
  f.granularity,
  f.as_of,
  f.newest_processing_date,
  date_diff('day', f.newest_processing_date, f.as_of) AS days_behind,
  f.newest_date,
  f.newest_final_date,
  f.missing_days,
  f.oldest_missing_day,
  f.days_until_deleted,
  COALESCE(d.dates, 0) AS dates,
  CASE WHEN f.granularity = 'daily' THEN date_diff('day', d.first_date, d.last_date) + 1 - d.dates END
    AS dates_without_rows,
  f."empty"
FROM freshness AS f
LEFT JOIN delivered AS d ON d.app_id = f.app_id AND d.report = f.report AND d.granularity = f.granularity
WHERE f.app_id LIKE CAST(? AS VARCHAR)
ORDER BY f.account, f.app_id, f.report, f.granularity
