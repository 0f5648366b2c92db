-- name: note_missing
UPDATE executions_execution SET misses = misses + 1, version = version + 1,
    missing_since = coalesce(missing_since, now()), observed_at = now()
WHERE account_id = %s AND ref = %s AND misses < %s
    AND (misses = 0 OR observed_at < now() - %s)
RETURNING id, version

-- name: note_unreadable
UPDATE executions_execution SET missing_since = now(), version = version + 1
WHERE account_id = %s AND ref = %s AND missing_since IS NULL AND status = ANY(%s)
    AND EXISTS (SELECT 1 FROM executions_quarantine q
        WHERE q.account_id = %s AND q.ref = %s AND q.count > 1)
RETURNING id, version

-- name: note_asked
INSERT INTO executions_lastasked (execution_id, at)
SELECT id, now() FROM executions_execution WHERE account_id = %s AND ref = ANY(%s) ORDER BY id
ON CONFLICT (execution_id) DO UPDATE SET at = excluded.at
