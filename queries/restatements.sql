-- How far did the figures of a Date move between deliveries?
--
-- Meaning: One row per app, report, Date and measure that was delivered more than once: the sum in the first delivery
--   (by processing date), in the one that owns the Date now, and the extremes.
--
-- Columns:
--   - app_id: Apple id of the app.
--   - report: the report's name in keys.
--   - granularity: daily, weekly or monthly.
--   - date: the Date.
--   - measure: the measure's column.
--   - deliveries: deliveries that had rows of the Date.
--   - first_total: its sum in the first of them.
--   - owner_total: its sum in the delivery that owns the Date.
--   - moved: the second minus the first.
--   - moved_share: moved, divided by the first; empty where the first is 0.
--   - smallest_total: the smallest sum of any delivery.
--   - largest_total: the largest sum of any delivery.
--   - owner_rows: rows of the Date in the delivery that owns it.
--   - owner_processing_date: when Apple made that delivery.
--   - owner_access: ongoing or snapshot.
--   - owner_is_final: true once the Date will not change any more, but for rare corrections.
--
-- Caveats:
--   - The owner is the delivery of the highest rank: final first, then the newest, then ongoing before snapshot.
--   - A sum over deliveries means nothing: each of them tells the whole Date.
--   - For reports that keep their deliveries beside each other (no replacement documented) moved compares increments
--     and says nothing about restatement.
--
-- Parameters:
--   - from (DATE, default 2024-01-01): first Date of the answer.
--   - to (DATE, default 2099-12-31): last Date of the answer.
--   - app (VARCHAR, default %): Apple id of one app, or % for all.

WITH ranked AS (
  SELECT app_id, report, granularity, "date", access, processing_date, is_final, "rows", sums,
    ROW_NUMBER() OVER (
      PARTITION BY app_id, report, granularity, "date"
      ORDER BY is_final DESC, processing_date DESC, access, instance_id DESC, curation_version DESC
    ) AS place,
    ROW_NUMBER() OVER (
      PARTITION BY app_id, report, granularity, "date"
      ORDER BY processing_date, access, instance_id, curation_version
    ) AS delivery
  FROM deliveries
  WHERE "date" BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
    AND app_id LIKE CAST(? AS VARCHAR)
),
measured AS (
  SELECT r.app_id, r.report, r.granularity, r."date", r.access, r.processing_date, r.is_final, r."rows", r.place,
    r.delivery, m.measure, r.sums[m.measure] AS total
  FROM ranked AS r
  CROSS JOIN UNNEST(map_keys(r.sums)) AS m (measure)
)
SELECT
  app_id,
  report,
  granularity,
  "date",
  measure,
  COUNT(*) AS deliveries,
  MAX(CASE WHEN delivery = 1 THEN total END) AS first_total,
  MAX(CASE WHEN place = 1 THEN total END) AS owner_total,
  MAX(CASE WHEN place = 1 THEN total END) - MAX(CASE WHEN delivery = 1 THEN total END) AS moved,
  (MAX(CASE WHEN place = 1 THEN total END) - MAX(CASE WHEN delivery = 1 THEN total END))
    / NULLIF(MAX(CASE WHEN delivery = 1 THEN total END), 0) AS moved_share,
  MIN(total) AS smallest_total,
  MAX(total) AS largest_total,
  MAX(CASE WHEN place = 1 THEN "rows" END) AS owner_rows,
  MAX(CASE WHEN place = 1 THEN processing_date END) AS owner_processing_date,
  MAX(CASE WHEN place = 1 THEN access END) AS owner_access,
  bool_or(place = 1 AND is_final) AS owner_is_final
FROM measured
GROUP BY app_id, report, granularity, "date", measure
HAVING COUNT(*) > 1
ORDER BY app_id, report, granularity, "date", measure
