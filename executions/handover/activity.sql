-- name: moves
WITH seen AS MATERIALIZED (
    SELECT observed_at, execution_id, version, from_status, to_status, flags
    FROM executions_transition WHERE observed_at > %(since)s AND observed_at <= %(until)s
        AND NOT 'reported' = ANY(flags)
    ORDER BY observed_at DESC, execution_id DESC, version DESC LIMIT %(scanned)s
), moved AS (
    SELECT DISTINCT ON (x.id) t.observed_at, t.to_status, x.id, x.account_id, x.workflow_id,
        w.name AS workflow, coalesce(
            nullif(array_to_string(x.telling_values, ' · '), ''), nullif(x.name, ''), x.ref) AS label, x.error_summary,
        x.finished_at
    FROM seen t
    JOIN executions_execution x ON x.id = t.execution_id
    JOIN executions_workflow w ON w.id = x.workflow_id
    WHERE x.account_id = ANY(%(ids)s)
        AND (t.to_status = ANY(%(to)s) OR (t.from_status = ANY(%(from)s)
            AND NOT t.to_status = ANY(%(from)s)))
        AND (NOT 'first' = ANY(t.flags) OR coalesce(x.finished_at, t.observed_at) > %(since)s)
    ORDER BY x.id, t.observed_at DESC
)
SELECT * FROM moved ORDER BY observed_at DESC, id DESC LIMIT %(most)s

-- name: works_again
SELECT x.workflow_id, x.id, x.status, coalesce(x.finished_at, x.changed_at), x.account_id, w.name,
    coalesce(
            nullif(array_to_string(x.telling_values, ' · '), ''), nullif(x.name, ''), x.ref)
FROM unnest(%s::bigint[]) AS f(workflow_id)
JOIN executions_workflow w ON w.id = f.workflow_id
CROSS JOIN LATERAL (
    SELECT * FROM executions_execution
    WHERE workflow_id = f.workflow_id AND status = ANY(%s)
    ORDER BY sort_at DESC, id DESC LIMIT 1
) x

-- name: failed_polls
SELECT a.id, count(*), min(p.started_at), max(p.started_at)
FROM unnest(%s::bigint[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT started_at, outcome FROM executions_pollrun
    WHERE account_id = a.id AND started_at > %s AND started_at <= %s
    ORDER BY started_at DESC LIMIT %s
) p
WHERE p.outcome NOT IN ('ok', 'partial') GROUP BY a.id
