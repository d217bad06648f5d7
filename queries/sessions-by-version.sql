-- How much is each version of an app used?
--
-- Meaning: One row per day, app and version: sessions, their length, and a lower bound of active devices.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - app_version: the version as the publisher named it.
--   - sessions: uses of at least two seconds.
--   - average_session_seconds: length of all sessions divided by their number.
--   - active_devices_at_least: the most devices that any one row counts; the version had so many or more.
--   - active_devices_at_most: the sessions, because each active device had one or more.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - Opt-in only: people who share their data with developers. The query opt-in tells how many do.
--   - Devices are counted once per row of the report, so they are not summed over rows, days or versions.
--   - A day on which fewer than five people used the app has no report: that is no gap and no zero.
--   - Standard report only, never together with the Detailed one.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

SELECT
  "date",
  app_id,
  app_version,
  CAST(SUM(sessions) AS BIGINT) AS sessions,
  CAST(SUM(total_session_duration) AS DOUBLE) / NULLIF(CAST(SUM(sessions) AS DOUBLE), 0) AS average_session_seconds,
  MAX(unique_devices) AS active_devices_at_least,
  CAST(SUM(sessions) AS BIGINT) AS active_devices_at_most,
  bool_and(is_final) AS is_final
FROM app_sessions_standard_daily
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, app_version
ORDER BY "date", app_id, app_version
