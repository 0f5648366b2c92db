-- name: settle_by_keys
WITH value AS (
    SELECT DISTINCT k.value FROM executions_execution x
    JOIN executions_runkey k ON k.execution_id = x.id
    WHERE x.id = ANY(%(ids)s::bigint[])
        AND (x.status = 'succeeded' OR (x.status IN {resolvable} AND x.settled_at IS NULL))
), near AS MATERIALIZED (
    SELECT v.value, n.execution_id, count(*) OVER (PARTITION BY v.value, a.id) AS carried
    FROM value v
    CROSS JOIN (SELECT DISTINCT account_id AS id FROM executions_correlationrule) a
    CROSS JOIN LATERAL (
        SELECT execution_id FROM executions_runkey WHERE value = v.value AND account_id = a.id
        ORDER BY sort_at DESC, execution_id DESC LIMIT %(common)s) n
), run AS MATERIALIZED (
    SELECT n.value, x.id, x.status, x.settled_at, coalesce(x.finished_at, x.changed_at) AS ended_at
    FROM near n JOIN executions_execution x ON x.id = n.execution_id
    WHERE n.carried < %(common)s
), followed AS (
    SELECT f.id, max(s.ended_at) AS at FROM run f
    JOIN run s ON s.value = f.value AND s.status = 'succeeded' AND s.ended_at > f.ended_at
    WHERE f.status IN {resolvable} AND f.settled_at IS NULL GROUP BY f.id
), free AS (
    SELECT x.id, f.at FROM followed f JOIN executions_execution x ON x.id = f.id
    WHERE x.status IN {resolvable} AND x.settled_at IS NULL
    ORDER BY x.id FOR UPDATE OF x SKIP LOCKED
)
UPDATE executions_execution e
SET settled_at = f.at, settled_how = 'succeeded', version = e.version + 1
FROM free f WHERE e.id = f.id
RETURNING e.account_id, e.id, e.version

-- name: sweep
WITH due AS (
    SELECT x.id FROM executions_execution x WHERE x.ignored_until <= %(now)s
    UNION ALL
    SELECT u.id FROM executions_workflow w CROSS JOIN (VALUES (false), (true)) AS k(is_keyed)
    CROSS JOIN LATERAL (
        SELECT x.id FROM executions_execution x
        WHERE x.workflow_id = w.id AND x.is_keyed = k.is_keyed
            AND coalesce(x.finished_at, x.changed_at)
                < CASE WHEN k.is_keyed THEN w.keyless_success_at ELSE w.succeeded_at END
            AND x.status IN {resolvable} AND x.settled_at IS NULL
        -- in the index's order, lest the planner walk all runs for the first 1000
        ORDER BY coalesce(x.finished_at, x.changed_at) LIMIT 1000) u
), free AS (
    SELECT x.id, CASE WHEN coalesce(x.finished_at, x.changed_at) < m.at THEN m.at END AS at
    FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
    CROSS JOIN LATERAL (SELECT {made_good_at} AS at) m
    WHERE x.id IN (SELECT id FROM due)
        AND (x.ignored_until <= %(now)s OR (x.status IN {resolvable} AND x.settled_at IS NULL))
    ORDER BY x.id FOR UPDATE OF x SKIP LOCKED
)
UPDATE executions_execution e SET
    settled_at = f.at, settled_how = CASE WHEN f.at IS NULL THEN '' ELSE 'succeeded' END,
    settled_by_id = NULL, settled_reason = '', ignored_until = NULL, version = e.version + 1
FROM free f WHERE e.id = f.id
RETURNING e.account_id, e.id, e.version

-- name: note_keys
UPDATE executions_execution e SET is_keyed = f.is_keyed
FROM (
    SELECT x.id,
        {has_key} OR %(may_come)s AND x.is_keyed AND NOT EXISTS (
            SELECT 1 FROM executions_executiondetail d WHERE d.execution_id = x.id) AS is_keyed
    FROM executions_execution x
    WHERE x.id = ANY(%(ids)s::bigint[])
        AND (x.status = 'succeeded' OR x.status IN {resolvable})
    ORDER BY x.id FOR NO KEY UPDATE OF x) f
WHERE e.id = f.id AND e.is_keyed <> f.is_keyed

-- name: made_good_at
-- when the last success ended that settles what failed before, shared keys left out
CASE WHEN x.is_keyed THEN w.keyless_success_at ELSE w.succeeded_at END

-- name: has_key
-- a key that very many runs of its account carry names no single thing, and counts as none
EXISTS (
    SELECT 1 FROM (
        SELECT (k ->> 'value') COLLATE "C" AS value FROM jsonb_array_elements({keys}) k
        UNION ALL
        SELECT r.value FROM executions_runkey r WHERE r.execution_id = x.id) own
    WHERE (
        SELECT count(*) FROM (
            SELECT 1 FROM executions_runkey r
            WHERE r.value = own.value AND r.account_id = %(account)s
                AND r.execution_id IS DISTINCT FROM x.id
            LIMIT %(common)s - 1) others) < %(common)s - 1)
