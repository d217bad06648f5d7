-- Which versions of an app crash most often?
--
-- Meaning: One row per app and version over the final Dates of the period, crashes set against sessions.
--
-- Columns:
--   - app_id: Apple id of the app.
--   - app_version: the version as the publisher named it.
--   - sessions: uses of at least two seconds.
--   - crashes: crashes.
--   - crashes_per_1000_sessions: crashes for a thousand sessions; empty for a version without sessions.
--   - crashed_devices_at_least: the most devices that any one row of a Date counts.
--   - first_date: first Date that counts.
--   - last_date: last Date that counts.
--
-- Caveats:
--   - Opt-in only, crashes and sessions alike: people who share their data with developers.
--   - A Date counts only with rows of sessions; without rows of crashes it counts as a Date without crashes.
--   - Devices are counted once per row of the report, so they are not summed.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT 1 AS used, "date", app_id, app_version, is_final, sessions, CAST(0 AS BIGINT) AS crashes,
    CAST(NULL AS BIGINT) AS crashed_devices
  FROM app_sessions_standard_daily
  UNION ALL
  SELECT 0, "date", app_id, app_version, is_final, 0, crashes, unique_devices
  FROM app_crashes_daily
),
days AS (
  SELECT "date", app_id, app_version,
    SUM(sessions) AS sessions,
    SUM(crashes) AS crashes,
    MAX(crashed_devices) AS crashed_devices,
    MAX(used) AS used,
    bool_and(is_final) AS is_final
  FROM facts
  WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
    AND app_id LIKE CAST(? AS VARCHAR)
  GROUP BY "date", app_id, app_version
),
judged AS (
  SELECT "date", app_id, app_version, sessions, crashes, crashed_devices,
    MAX(used) OVER (PARTITION BY app_id, "date") AS day_has_sessions,
    bool_and(is_final) OVER (PARTITION BY app_id, "date") AS day_is_final
  FROM days
)
SELECT
  app_id,
  app_version,
  CAST(SUM(sessions) AS BIGINT) AS sessions,
  CAST(SUM(crashes) AS BIGINT) AS crashes,
  CAST(SUM(crashes) AS DOUBLE) * 1000 / NULLIF(CAST(SUM(sessions) AS DOUBLE), 0) AS crashes_per_1000_sessions,
  MAX(crashed_devices) AS crashed_devices_at_least,
  MIN("date") AS first_date,
  MAX("date") AS last_date
FROM judged
WHERE day_is_final AND day_has_sessions = 1
GROUP BY app_id, app_version
ORDER BY app_id, app_version
