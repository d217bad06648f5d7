-- How many different devices and people did each app reach in a month?
--
-- Meaning: One row per month, app and metric, from the reports that Apple makes for whole months. The true figure lies
--   between the two bounds: rows are per device, territory and so on, and one person may stand in several.
--
-- Columns:
--   - month: its first day.
--   - app_id: Apple id of the app.
--   - metric: what is counted.
--   - at_least: the most that any one row counts.
--   - at_most: the events behind them, because nobody is counted without one; for paying users the purchases.
--   - rows_delivered: rows of the report behind the figure.
--
-- Caveats:
--   - Page views count as impressions, as App Store Connect counts them.
--   - Uniques are not summed, neither over rows nor over days: a month is not the sum of its days.
--   - Rows of fewer than five may be left out by Apple, so at_most is of what was delivered.
--   - Devices that are active, install, delete or crash are opt-in only: of people who share their data.
--   - Standard reports only; Monthly reports are complete when they appear, the last one some days after its month.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT t."date", t.app_id, m.metric, t.unique_counts AS uniques, t.counts AS events
  FROM app_store_discovery_and_engagement_standard_monthly AS t
  CROSS JOIN (
    VALUES ('impression', 'unique impressions'), ('page view', 'unique impressions'), ('page view', 'unique page views')
  ) AS m (event, metric)
  WHERE lower(t.event) = m.event
  UNION ALL
  SELECT "date", app_id, 'active devices', unique_devices, sessions
  FROM app_sessions_standard_monthly
  UNION ALL
  SELECT "date", app_id,
    CASE WHEN lower(event) = 'install' THEN 'installing devices' ELSE 'deleting devices' END, unique_devices, counts
  FROM app_store_installation_and_deletion_standard_monthly
  WHERE lower(event) IN ('install', 'delete')
  UNION ALL
  SELECT "date", app_id, 'crashed devices', unique_devices, crashes
  FROM app_crashes_monthly
  UNION ALL
  SELECT "date", app_id, 'paying users', paying_users, purchases
  FROM app_store_purchases_standard_monthly
  WHERE purchases > 0
)
SELECT
  "date" AS month,
  app_id,
  metric,
  MAX(uniques) AS at_least,
  CAST(SUM(events) AS BIGINT) AS at_most,
  COUNT(*) AS rows_delivered
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, metric
ORDER BY "date", app_id, metric
