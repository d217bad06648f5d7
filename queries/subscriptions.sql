-- How many subscriptions are there in which state?
--
-- Meaning: One row per day, app, subscription and state, as things stood on that day.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - subscription_identifier: Apple id of the subscription.
--   - subscription_name: its name.
--   - state_metric_grouping: paid plans, subscription offers, billing issue or churned, in lower case.
--   - state_metric: the state within the grouping, in lower case.
--   - subscriptions: how many subscriptions were in that state on that day.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - A level, not a flow: add it up over the rows of one day, never over days.
--   - Apple does not document that a newer delivery replaces the older one here; its page reads like those that do.
--   - Field reports: these figures do not tie out to the groupings of App Store Connect's own page.
--   - Standard report only, never together with the Detailed one.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, subscription_identifier, subscription_name,
    lower(state_metric_grouping) AS state_metric_grouping, lower(state_metric) AS state_metric, counts, is_final
  FROM app_store_subscription_state_standard_daily
)
SELECT
  "date",
  app_id,
  subscription_identifier,
  MAX(subscription_name) AS subscription_name,
  state_metric_grouping,
  state_metric,
  CAST(SUM(counts) AS BIGINT) AS subscriptions,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, subscription_identifier, state_metric_grouping, state_metric
ORDER BY "date", app_id, subscription_identifier, state_metric_grouping, state_metric
