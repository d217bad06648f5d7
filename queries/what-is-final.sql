-- Up to which Date are the figures of each report final?
--
-- Meaning: One row per app, report and granularity. A final Date was complete when Apple delivered it; only rare
--   corrections change it later.
--
-- Columns:
--   - app_id: Apple id of the app.
--   - report: the report's name in keys.
--   - granularity: daily, weekly or monthly.
--   - dates: Dates with rows.
--   - final_dates: those of them that are final.
--   - newest_final_date: the newest final Date.
--   - newest_date: the newest Date with rows.
--   - oldest_date_not_final: the oldest Date that may still change; everything before it is final.
--
-- Caveats:
--   - Whole weeks and months are final when they appear.
--   - A Date that never becomes final was delivered early and then, for example over an outage, not again.
--   - For reports that keep their deliveries beside each other (no replacement documented) final says that Apple's
--     window for late events has passed.
--
-- Parameters:
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH owned AS (
  SELECT app_id, report, granularity, "date", bool_or(is_final) AS is_final
  FROM deliveries
  WHERE "date" IS NOT NULL
    AND app_id LIKE CAST(? AS VARCHAR)
  GROUP BY app_id, report, granularity, "date"
)
SELECT
  app_id,
  report,
  granularity,
  COUNT(*) AS dates,
  COUNT(CASE WHEN is_final THEN 1 END) AS final_dates,
  MAX(CASE WHEN is_final THEN "date" END) AS newest_final_date,
  MAX("date") AS newest_date,
  MIN(CASE WHEN NOT is_final THEN "date" END) AS oldest_date_not_final
FROM owned
GROUP BY app_id, report, granularity
ORDER BY app_id, report, granularity
