-- How many people who download an app share their data with its developers?
--
-- Meaning: One row per app and day; the scale by which the opt-in only figures (sessions, devices, installations,
--   deletions, crashes) stand for all people.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - downloading_users: people who downloaded the app.
--   - users_opting_in: those of them who share their data.
--   - opt_in_share: the second divided by the first.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - People of different days may be the same ones: the two counts are not summed over days.
--   - The share is of new downloads, not of everybody who uses the app.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

SELECT
  "date",
  app_id,
  CAST(SUM(downloading_users) AS BIGINT) AS downloading_users,
  CAST(SUM(users_opting_in) AS BIGINT) AS users_opting_in,
  CAST(SUM(users_opting_in) AS DOUBLE) / NULLIF(CAST(SUM(downloading_users) AS DOUBLE), 0) AS opt_in_share,
  bool_and(is_final) AS is_final
FROM app_opt_in_daily
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id
ORDER BY "date", app_id
