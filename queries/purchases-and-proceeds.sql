-- What was bought, refunded and earned?
--
-- Meaning: One row per day, app and content (the app itself, or an in-app purchase). Refunds are rows with negative
--   amounts: they count as refunds, never as purchases, and lower sales and proceeds.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - purchase_type: app purchase or in-app purchases, in lower case.
--   - content_apple_identifier: Apple id of what was bought.
--   - content_name: its name.
--   - purchases: what was bought.
--   - refunds: what was taken back.
--   - sales_in_usd: what customers paid, refunds subtracted.
--   - proceeds_in_usd: what is left for the publisher, refunds subtracted.
--   - refunded_sales_in_usd: the part of sales that went back to customers.
--   - paying_users_at_least: the most people that any one row with purchases counts; there were so many or more.
--   - is_final: true once the day will not change any more.
--
-- Caveats:
--   - US dollars by Apple's estimate; what Apple pays out stands in its financial reports.
--   - Paying users are counted once per row of the report, so they are not summed.
--   - Standard report only: the Detailed one puts noise on purchases and money.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, lower(purchase_type) AS purchase_type, content_apple_identifier, content_name, purchases,
    CAST(sales_in_usd AS DECIMAL(18, 6)) AS sales, CAST(proceeds_in_usd AS DECIMAL(18, 6)) AS proceeds, paying_users,
    is_final
  FROM app_store_purchases_standard_daily
)
SELECT
  "date",
  app_id,
  purchase_type,
  content_apple_identifier,
  MAX(content_name) AS content_name,
  CAST(SUM(CASE WHEN purchases > 0 THEN purchases ELSE 0 END) AS BIGINT) AS purchases,
  CAST(SUM(CASE WHEN purchases < 0 THEN -purchases ELSE 0 END) AS BIGINT) AS refunds,
  CAST(SUM(sales) AS DOUBLE) AS sales_in_usd,
  CAST(SUM(proceeds) AS DOUBLE) AS proceeds_in_usd,
  CAST(SUM(CASE WHEN purchases < 0 THEN -sales ELSE 0 END) AS DOUBLE) AS refunded_sales_in_usd,
  MAX(CASE WHEN purchases > 0 THEN paying_users END) AS paying_users_at_least,
  bool_and(is_final) AS is_final
FROM facts
WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
  AND app_id LIKE CAST(? AS VARCHAR)
GROUP BY "date", app_id, purchase_type, content_apple_identifier
ORDER BY "date", app_id, purchase_type, content_apple_identifier
