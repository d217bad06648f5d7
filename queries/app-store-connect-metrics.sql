-- What does App Store Connect's own page show for each app in this period, and how far can the reports tell it?
--
-- Meaning: One row per app and metric, by the names of App Analytics, over those Dates of the period that are final.
--   Set App Store Connect to first_date and last_date of a row before comparing.
--
-- Columns:
--   - app_id: Apple id of the app.
--   - metric: the name in App Store Connect.
--   - value: the figure; Sales and Proceeds in US dollars. Empty where the reports cannot tell it.
--   - comparable: exact; lower bound (App Store Connect shows this or more); not derivable.
--   - reason: why.
--   - first_date: first final Date that the value covers.
--   - last_date: last final Date that the value covers.
--   - dates: final Dates with rows.
--   - dates_not_final: Dates of the period that are left out because they may still change.
--
-- Caveats:
--   - Active Devices and Paying Users count people once per row, so rows are not summed; the value is the largest row.
--   - Which rows stand for which metric is what published clients found out; Apple documents no such table.
--   - From Sessions on, the figures are of people who share their data with developers, there as here (opt-in only).
--   - Days on which fewer than five people used the app have no usage report.
--   - Field reports suspect that Standard reports, too, leave out rows of fewer than five: a small app may read more
--     there.
--   - Standard reports only: Detailed ones tell of the same events again, with noise.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT m.place, m.metric, t.app_id, t."date", t.is_final,
    CAST(
      CASE
        WHEN m.metric = 'Impressions' AND lower(t.event) IN ('impression', 'page view') THEN t.counts
        WHEN m.metric = 'Product Page Views' AND lower(t.event) = 'page view' THEN t.counts
        WHEN m.metric <> 'Conversion Rate' THEN 0
      END AS DECIMAL(18, 6)
    ) AS amount,
    CAST(NULL AS BIGINT) AS people
  FROM app_store_discovery_and_engagement_standard_daily AS t
  CROSS JOIN (VALUES (1, 'Impressions'), (2, 'Product Page Views'), (3, 'Conversion Rate')) AS m (place, metric)
  UNION ALL
  SELECT m.place, m.metric, t.app_id, t."date", t.is_final,
    CAST(
      CASE
        WHEN lower(t.download_type) = 'first-time download' AND m.metric <> 'Redownloads' THEN t.counts
        WHEN lower(t.download_type) = 'redownload' AND m.metric <> 'First-Time Downloads' THEN t.counts
        ELSE 0
      END AS DECIMAL(18, 6)
    ),
    NULL
  FROM app_downloads_standard_daily AS t
  CROSS JOIN (VALUES (4, 'First-Time Downloads'), (5, 'Redownloads'), (6, 'Total Downloads')) AS m (place, metric)
  UNION ALL
  SELECT m.place, m.metric, t.app_id, t."date", t.is_final,
    CASE
      WHEN m.metric = 'Proceeds' THEN CAST(t.proceeds_in_usd AS DECIMAL(18, 6))
      WHEN m.metric = 'Sales' THEN CAST(t.sales_in_usd AS DECIMAL(18, 6))
    END,
    CASE WHEN m.metric = 'Paying Users' AND t.purchases > 0 THEN t.paying_users END
  FROM app_store_purchases_standard_daily AS t
  CROSS JOIN (VALUES (7, 'Proceeds'), (8, 'Sales'), (9, 'Paying Users')) AS m (place, metric)
  UNION ALL
  SELECT m.place, m.metric, t.app_id, t."date", t.is_final,
    CASE WHEN m.metric = 'Sessions' THEN CAST(t.sessions AS DECIMAL(18, 6)) END,
    CASE WHEN m.metric = 'Active Devices' THEN t.unique_devices END
  FROM app_sessions_standard_daily AS t
  CROSS JOIN (VALUES (10, 'Sessions'), (11, 'Active Devices')) AS m (place, metric)
  UNION ALL
  SELECT m.place, m.metric, t.app_id, t."date", t.is_final,
    CAST(CASE WHEN lower(t.event) = m.event THEN t.counts ELSE 0 END AS DECIMAL(18, 6)),
    NULL
  FROM app_store_installation_and_deletion_standard_daily AS t
  CROSS JOIN (VALUES (12, 'Installations', 'install'), (13, 'Deletions', 'delete')) AS m (place, metric, event)
  UNION ALL
  SELECT 14, 'Crashes', app_id, "date", is_final, CAST(crashes AS DECIMAL(18, 6)), NULL
  FROM app_crashes_daily
),
measured AS (
  SELECT app_id, place, metric,
    SUM(CASE WHEN is_final THEN amount END) AS total,
    MAX(CASE WHEN is_final THEN people END) AS most_people,
    MIN(CASE WHEN is_final THEN "date" END) AS first_date,
    MAX(CASE WHEN is_final THEN "date" END) AS last_date,
    COUNT(DISTINCT CASE WHEN is_final THEN "date" END) AS dates,
    COUNT(DISTINCT CASE WHEN NOT is_final THEN "date" END) AS dates_not_final
  FROM facts
  WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
    AND app_id LIKE CAST(? AS VARCHAR)
  GROUP BY app_id, place, metric
)
SELECT
  app_id,
  metric,
  COALESCE(CAST(total AS DOUBLE), CAST(most_people AS DOUBLE)) AS value,
  CASE
    WHEN metric = 'Conversion Rate' OR dates = 0 THEN 'not derivable'
    WHEN metric IN ('Paying Users', 'Active Devices') THEN 'lower bound'
    WHEN dates <= date_diff('day', first_date, last_date) THEN 'lower bound'
    ELSE 'exact'
  END AS comparable,
  CASE
    WHEN dates = 0 THEN 'no Date of the period is final yet'
    WHEN metric = 'Conversion Rate' THEN 'Apple divides by unique impressions, which the reports have per row only'
    WHEN metric IN ('Paying Users', 'Active Devices') THEN 'the largest row: people stand in several rows'
    WHEN dates <= date_diff('day', first_date, last_date)
      THEN 'days in between have no rows: nothing happened, too few people, or a gap (see freshness)'
    WHEN metric = 'Impressions'
      THEN 'Impression and Page view events, as published clients reconcile them; Apple documents no mapping'
    WHEN metric = 'Product Page Views'
      THEN 'Page view events of every page type, as published clients do; Apple documents no mapping'
    WHEN metric = 'Total Downloads' THEN 'first-time downloads and redownloads; updates and restores are none'
    WHEN metric IN ('Proceeds', 'Sales') THEN 'all rows of final Dates, refunds as negative amounts'
    ELSE 'all rows of final Dates'
  END AS reason,
  first_date,
  last_date,
  dates,
  dates_not_final
FROM measured
ORDER BY app_id, place
