-- How many subscriptions start, renew and end, and how large is the share that ends?
--
-- Meaning: One row per app and day: the day's subscription events beside the paid plans that stood at its end.
--
-- Columns:
--   - date: the day.
--   - app_id: Apple id of the app.
--   - starts: paid subscription starts, also those from offers.
--   - offer_starts: starts of free trials and other offers.
--   - renewals: renewals at full price and of offers.
--   - voluntary_churn: subscriptions that customers ended.
--   - involuntary_churn: subscriptions that ended without the customer ending them, such as by a failed payment.
--   - billing_issues: subscriptions that ran into a billing issue.
--   - recoveries: subscriptions that came out of one.
--   - paid_plans: subscriptions in a paid plan at the end of the day.
--   - churned_share: both kinds of churn, divided by themselves and the paid plans together.
--   - is_final: true once neither report will change any more for the day.
--
-- Caveats:
--   - churned_share is a figure of this project; Apple's own retention is by cohorts and is in no report.
--   - Paid plans are a level: never add them up over days. Events may be added up.
--   - Events are grouped by Apple's Event Grouping.
--   - Standard reports only, never together with Detailed ones.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH facts AS (
  SELECT "date", app_id, is_final, lower(event_grouping) AS kind, counts AS events, CAST(NULL AS BIGINT) AS paid_plans
  FROM app_store_subscription_event_standard_daily
  UNION ALL
  SELECT "date", app_id, is_final, 'state', NULL,
    CASE WHEN lower(state_metric_grouping) = 'paid plans' THEN counts ELSE 0 END
  FROM app_store_subscription_state_standard_daily
),
days AS (
  SELECT "date", app_id,
    SUM(CASE WHEN kind IN ('paid subscription starts', 'paid subscriptions from offers') THEN events
      WHEN kind <> 'state' THEN 0 END) AS starts,
    SUM(CASE WHEN kind = 'offer starts' THEN events WHEN kind <> 'state' THEN 0 END) AS offer_starts,
    SUM(CASE WHEN kind IN ('renewals', 'offer renewals') THEN events WHEN kind <> 'state' THEN 0 END) AS renewals,
    SUM(CASE WHEN kind = 'voluntary churn' THEN events WHEN kind <> 'state' THEN 0 END) AS voluntary_churn,
    SUM(CASE WHEN kind = 'involuntary churn' THEN events WHEN kind <> 'state' THEN 0 END) AS involuntary_churn,
    SUM(CASE WHEN kind = 'entered billing issue' THEN events WHEN kind <> 'state' THEN 0 END) AS billing_issues,
    SUM(CASE WHEN kind = 'recoveries from billing issue' THEN events WHEN kind <> 'state' THEN 0 END) AS recoveries,
    SUM(paid_plans) AS paid_plans,
    bool_and(is_final) AS is_final
  FROM facts
  WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
    AND app_id LIKE CAST(? AS VARCHAR)
  GROUP BY "date", app_id
)
SELECT
  "date",
  app_id,
  CAST(starts AS BIGINT) AS starts,
  CAST(offer_starts AS BIGINT) AS offer_starts,
  CAST(renewals AS BIGINT) AS renewals,
  CAST(voluntary_churn AS BIGINT) AS voluntary_churn,
  CAST(involuntary_churn AS BIGINT) AS involuntary_churn,
  CAST(billing_issues AS BIGINT) AS billing_issues,
  CAST(recoveries AS BIGINT) AS recoveries,
  CAST(paid_plans AS BIGINT) AS paid_plans,
  CAST(voluntary_churn + involuntary_churn AS DOUBLE)
    / NULLIF(CAST(voluntary_churn + involuntary_churn + paid_plans AS DOUBLE), 0) AS churned_share,
  is_final
FROM days
ORDER BY "date", app_id
