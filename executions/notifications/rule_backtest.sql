-- What a rule would have sent in a stretch of time that is over, by what is stored now. Each reads at
-- most so many of the newest runs in its scope, by an index on account or workflow.

-- name: scope
x.account_id = ANY(%(accounts)s::bigint[])
AND (%(workflows)s::bigint[] IS NULL OR x.workflow_id = ANY(%(workflows)s::bigint[]))

-- name: failed
SELECT coalesce(x.finished_at, x.changed_at) AS at FROM (
    SELECT * FROM executions_execution x
    WHERE {scope} AND x.status IN {problem} AND x.sort_at >= %(since)s - interval '1 day'
        AND (%(error)s = '' OR x.error_key = %(error)s)
    ORDER BY x.sort_at DESC, x.id DESC LIMIT %(most)s
) x
WHERE coalesce(x.finished_at, x.changed_at) >= %(since)s

-- name: waiting
SELECT q.opened_at + %(after)s AS at FROM (
    SELECT x.id FROM executions_execution x
    WHERE {scope} AND x.sort_at >= %(since)s - interval '30 days'
    ORDER BY x.sort_at DESC, x.id DESC LIMIT %(most)s
) x
JOIN executions_question q ON q.execution_id = x.id
WHERE coalesce(q.closed_at, now()) - q.opened_at > %(after)s
    AND q.opened_at + %(after)s BETWEEN %(since)s AND now()

-- name: overdue
SELECT x.started_at + o.after AS at FROM (
    SELECT x.workflow_id, x.started_at, x.finished_at FROM executions_execution x
    WHERE {scope} AND x.sort_at >= %(since)s - interval '1 day' AND x.started_at IS NOT NULL
    ORDER BY x.sort_at DESC, x.id DESC LIMIT %(most)s
) x
JOIN executions_workflow w ON w.id = x.workflow_id
CROSS JOIN LATERAL (SELECT ({overdue_after}) * interval '1 second' AS after) o
WHERE coalesce(x.finished_at, now()) - x.started_at > o.after
    AND x.started_at + o.after BETWEEN %(since)s AND now()
