-- How many people pre-ordered each app, and how many cancelled?
--
-- Meaning: One row per day, app and territory.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - territory: country or region of the store.
--   - pre_orders_placed: pre-orders of the day.
--   - pre_orders_canceled: pre-orders that were cancelled on the day.
--   - net_pre_orders: the difference.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - A pre-order that is delivered is a download with Pre-Order set, in the report of downloads.
--   - Standard report only, never together with the Detailed one.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

SELECT
  "date",
  app_id,
  territory,
  CAST(SUM(pre_orders_placed) AS BIGINT) AS pre_orders_placed,
  CAST(SUM(pre_orders_canceled) AS BIGINT) AS pre_orders_canceled,
  CAST(SUM(pre_orders_placed) - SUM(pre_orders_canceled) AS BIGINT) AS net_pre_orders,
  bool_and(is_final) AS is_final
FROM app_store_pre_orders_standard_daily
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, territory
ORDER BY "date", app_id, territory
