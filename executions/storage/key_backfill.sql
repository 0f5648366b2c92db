-- name: delete_other_keys
DELETE FROM executions_runkey r
WHERE r.execution_id = ANY(%(runs)s::bigint[]) AND NOT EXISTS (
    SELECT 1 FROM unnest(%(ids)s::bigint[], %(values)s::text[]) AS w(id, value)
    WHERE w.id = r.execution_id AND w.value = r.value)

-- name: write_keys
INSERT INTO executions_runkey AS r (
    execution_id, account_id, name, value, text, sort_at)
SELECT w.id, %(account)s, w.name, w.value, w.text, w.sort_at
FROM unnest(%(ids)s::bigint[], %(names)s::text[], %(values)s::text[], %(texts)s::text[],
    %(times)s::timestamptz[]) AS w(id, name, value, text, sort_at)
WHERE EXISTS (SELECT 1 FROM executions_execution e WHERE e.id = w.id)
ON CONFLICT (execution_id, value) DO UPDATE
    SET name = excluded.name, text = excluded.text
WHERE (r.name, r.text) <> (excluded.name, excluded.text)
