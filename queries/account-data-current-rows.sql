-- What does a dataset hold now, for one person or for all?
--
-- Meaning: The rows of each grant's current instance, the newest one that is complete, and beside them those of newer
--   instances that are not, marked as partial.
--
-- Columns:
--   - grant_id: our id of the person's grant.
--   - dataset: path of the member without its extension, digits and signs.
--   - request_id: Apple's id of the instance that the row is from.
--   - instance_at: when the instance was asked for.
--   - partial: false in rows of the current instance; true in rows of a newer one that is not complete.
--   - archive: number of the archive in Apple's list.
--   - member: path of the member in the archive.
--   - row_number: place of the row in its member.
--   - fields: every value by its column or key, as the text that Apple sent; nested values as JSON.
--
-- Caveats:
--   - Each instance is a full snapshot: to count rows, take those with partial = false.
--   - A grant without any complete instance has rows with partial = true only, of all its instances.
--   - In Athena take a value by element_at(fields, 'Name'): fields['Name'] fails in rows that lack it.
--   - Apple publishes no list of the datasets and their columns; they may change from one instance to the next.
--
-- Parameters:
--   - grant (VARCHAR, default %): id of one grant, or % for all.
--   - dataset (VARCHAR, default %): one dataset, or % for all.

WITH instances AS (
  SELECT grant_id, request_id, complete,
    ROW_NUMBER() OVER (PARTITION BY grant_id ORDER BY instance_at DESC, request_id DESC) AS age
  FROM (SELECT DISTINCT grant_id, request_id, instance_at, complete FROM account_data_files) AS arrived
  WHERE grant_id LIKE CAST(? AS VARCHAR)
),
grants AS (
  SELECT grant_id, MIN(CASE WHEN complete THEN age END) AS age_of_newest_complete
  FROM instances
  GROUP BY grant_id
),
shown AS (
  SELECT i.grant_id, i.request_id, NOT i.complete AS partial
  FROM instances AS i
  JOIN grants AS g ON g.grant_id = i.grant_id
  WHERE i.age <= COALESCE(g.age_of_newest_complete, i.age)
)
SELECT
  r.grant_id,
  r.dataset,
  r.request_id,
  r.instance_at,
  s.partial,
  r.archive,
  r.member,
  r.row_number,
  r.fields
FROM account_data_records AS r
JOIN shown AS s ON s.grant_id = r.grant_id AND s.request_id = r.request_id
WHERE r.dataset LIKE CAST(? AS VARCHAR)
ORDER BY r.grant_id, r.dataset, r.instance_at, r.request_id, r.archive, r.member, r.row_number
