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
    WHERE n.value NOT IN (SELECT value FROM near WHERE carried >= %(common)s)
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
    SELECT x.id FROM executions_workflow w CROSS JOIN LATERAL (
        SELECT id FROM executions_execution x
        WHERE x.workflow_id = w.id AND coalesce(x.finished_at, x.changed_at) < w.succeeded_at
            AND x.status IN {resolvable} AND x.settled_at IS NULL LIMIT 1000) x
), free AS (
    SELECT x.id,
        CASE WHEN coalesce(x.finished_at, x.changed_at) < w.succeeded_at THEN w.succeeded_at END
            AS at
    FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
    WHERE x.id IN (SELECT id FROM due)
        AND (x.ignored_until <= %(now)s OR (x.status IN {resolvable} AND x.settled_at IS NULL))
    ORDER BY x.id FOR UPDATE OF x SKIP LOCKED
)
UPDATE executions_execution e SET
    settled_at = f.at, settled_how = CASE WHEN f.at IS NULL THEN '' ELSE 'succeeded' END,
    settled_by_id = NULL, settled_reason = '', ignored_until = NULL, version = e.version + 1
FROM free f WHERE e.id = f.id
RETURNING e.account_id, e.id, e.version
