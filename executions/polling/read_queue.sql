-- name: watch
INSERT INTO executions_reading AS r (execution_id, account_id, rank, wants_run,
    wants_log, asked_at, due_at, watched_until, sort_at, tries)
SELECT id, account_id, 0, true, true, now(), now() - %(ahead)s, now() + %(keep)s,
    sort_at, 0
FROM executions_execution WHERE id = %(id)s
ON CONFLICT (execution_id) DO UPDATE SET
    rank = 0, wants_run = true, wants_log = true,
    due_at = CASE WHEN r.watched_until > now() THEN r.due_at ELSE excluded.due_at END,
    watched_until = excluded.watched_until
WHERE r.watched_until IS NULL OR r.watched_until < now() + %(lately)s

-- name: ask
INSERT INTO executions_reading AS r (execution_id, account_id, rank, wants_run,
    wants_log, asked_at, due_at, sort_at, tries)
SELECT id, account_id, %(rank)s, %(run)s, %(log)s, now(), now() + %(after)s, sort_at, 0
FROM executions_execution WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id
ON CONFLICT (execution_id) DO UPDATE SET
    rank = least(r.rank, excluded.rank), asked_at = excluded.asked_at,
    wants_run = r.wants_run OR excluded.wants_run,
    wants_log = r.wants_log OR excluded.wants_log,
    due_at = least(r.due_at, excluded.due_at)
WHERE r.watched_until IS NULL OR r.watched_until < now() OR excluded.rank = 0
RETURNING account_id, xmax = 0

-- name: waiting_refs
SELECT x.ref, coalesce(r.watched_until > now(), false) FROM executions_execution x
JOIN executions_reading r ON r.execution_id = x.id
WHERE x.account_id = %s AND x.ref = ANY(%s) AND r.wants_run
    AND (r.rank = %s OR greatest(r.due_at, r.asked_at) > now() - interval '10 seconds')

-- name: delete_read
DELETE FROM executions_reading r USING executions_execution x
WHERE x.id = r.execution_id AND x.account_id = %s AND x.ref = ANY(%s)
    AND r.asked_at <= %s AND NOT r.wants_log
    AND (r.watched_until IS NULL OR r.watched_until < now())

-- name: due_accounts
SELECT a.id, EXISTS (SELECT 1 FROM executions_reading r
    WHERE r.account_id = a.id AND r.rank < %(history)s AND r.due_at <= now())
FROM providers_provideraccount a
LEFT JOIN executions_backlog b ON b.account_id = a.id
WHERE a.enabled AND a.health = 'ok' AND (a.quiet_until IS NULL OR a.quiet_until <= now())
    AND (b.reader_until IS NULL OR b.reader_until < now())
    AND EXISTS (SELECT 1 FROM executions_reading r WHERE r.account_id = a.id)

-- name: claim
INSERT INTO executions_backlog AS b (account_id, reader_until, reader_backend, history_total)
SELECT id, now() + %(lease)s, pg_backend_pid(), 0 FROM providers_provideraccount
WHERE id = %(id)s AND enabled AND health = 'ok'
    AND (quiet_until IS NULL OR quiet_until <= now())
ON CONFLICT (account_id) DO UPDATE
    SET reader_until = excluded.reader_until, reader_backend = excluded.reader_backend
WHERE b.reader_until IS NULL OR b.reader_until < now()

-- name: release_dead
UPDATE executions_backlog SET reader_until = NULL
WHERE reader_until > now() AND reader_backend IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_stat_get_activity(reader_backend))

-- name: next_due
SELECT r.execution_id, x.ref, r.rank, r.wants_run, r.wants_log, r.tries, now()
FROM executions_reading r JOIN executions_execution x ON x.id = r.execution_id
WHERE r.account_id = %s AND r.rank = {rank} AND r.due_at <= now()
ORDER BY {order} LIMIT %s

-- name: delete_if_done
DELETE FROM executions_reading WHERE execution_id = %(id)s
    AND asked_at <= %(taken)s
    AND (watched_until IS NULL OR watched_until < now() OR %(over)s)

-- name: put_off
UPDATE executions_reading SET tries = 0,
    due_at = CASE WHEN asked_at > %(taken)s THEN now()
        ELSE greatest(now(), %(taken)s + %(every)s) END
WHERE execution_id = %(id)s
