-- What arrived for each grant, instance by instance, and how much of it could be read?
--
-- Meaning: One row per grant and instance that is kept, the newest first: where the instance stands among those of its
--   grant, what its archives held, and what was refused.
--
-- Columns:
--   - grant_id: our id of the person's grant.
--   - instances: instances of the grant that are kept.
--   - request_id: Apple's id of the instance.
--   - instance_at: when the instance was asked for.
--   - standing: current, the newest complete instance; newer, after the current one and therefore not complete, or any
--     of a grant that has no complete one; superseded, before the current one.
--   - partial: true when Apple completed the instance with an error, or an archive of it did not arrive.
--   - complete: true when the instance is not partial and every member of every archive was unpacked.
--   - archives: archives of the instance.
--   - archives_refused: those of them that did not arrive or could not be unpacked at all.
--   - members: members of the archives.
--   - members_refused: those of them of which nothing was written.
--   - tables: members whose rows are in account_data_records.
--   - tables_unreadable: members that should have been tables and are kept as files.
--   - files: members that are kept as files.
--   - datasets: different datasets among the tables.
--   - rows: rows of the tables.
--   - bytes: size of all members' content.
--
-- Caveats:
--   - Figures are not added up over instances: each is a full snapshot of the person's data and repeats the others.
--   - Superseded instances beyond the configured number are deleted, and with them their rows here.
--   - An instance whose archives hold no member has no row and is never current.
--
-- Parameters:
--   - grant (VARCHAR, default %): id of one grant, or % for all.

WITH instances AS (
  SELECT grant_id, request_id, instance_at, partial, complete,
    COUNT(DISTINCT archive) AS archives,
    COUNT(CASE WHEN entry IS NULL THEN 1 END) AS archives_refused,
    COUNT(entry) AS members,
    COUNT(CASE WHEN entry IS NOT NULL AND kind = 'none' THEN 1 END) AS members_refused,
    COUNT(CASE WHEN kind = 'records' THEN 1 END) AS tables,
    COUNT(CASE WHEN outcome = 'unreadable' THEN 1 END) AS tables_unreadable,
    COUNT(CASE WHEN kind = 'file' THEN 1 END) AS files,
    COUNT(DISTINCT CASE WHEN kind = 'records' THEN dataset END) AS datasets,
    CAST(COALESCE(SUM("rows"), 0) AS BIGINT) AS row_count,
    CAST(COALESCE(SUM(CASE WHEN entry IS NOT NULL THEN bytes END), 0) AS BIGINT) AS bytes
  FROM account_data_files
  WHERE grant_id LIKE CAST(? AS VARCHAR)
  GROUP BY grant_id, request_id, instance_at, partial, complete
),
numbered AS (
  SELECT *,
    ROW_NUMBER() OVER (PARTITION BY grant_id ORDER BY instance_at DESC, request_id DESC) AS age
  FROM instances
),
grants AS (
  SELECT grant_id, COUNT(*) AS instances, MIN(CASE WHEN complete THEN age END) AS age_of_newest_complete
  FROM numbered
  GROUP BY grant_id
)
SELECT
  n.grant_id,
  g.instances,
  n.request_id,
  n.instance_at,
  CASE
    WHEN n.age = g.age_of_newest_complete THEN 'current'
    WHEN n.age > g.age_of_newest_complete THEN 'superseded'
    ELSE 'newer'
  END AS standing,
  n.partial,
  n.complete,
  n.archives,
  n.archives_refused,
  n.members,
  n.members_refused,
  n.tables,
  n.tables_unreadable,
  n.files,
  n.datasets,
  n.row_count AS "rows",
  n.bytes
FROM numbered AS n
JOIN grants AS g ON g.grant_id = n.grant_id
ORDER BY n.grant_id, n.age
