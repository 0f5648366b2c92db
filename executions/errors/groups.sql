-- name: groups
WITH hit AS MATERIALIZED (
    SELECT x.id, x.error_key, x.workflow_id, x.account_id, x.finished_at, x.status, x.assignee_id,
        {is_unresolved} AS is_unresolved, {is_ignored} AS is_ignored
    FROM executions_execution x
    WHERE {is_asked} AND x.error_key <> '' AND x.finished_at >= %(since)s
        AND x.account_id = ANY(%(accounts)s)
    ORDER BY x.finished_at DESC, x.id DESC LIMIT %(newest)s
), place AS (
    SELECT error_key, workflow_id, account_id, count(*) AS runs, min(finished_at) AS first_at,
        max(finished_at) AS last_at, bool_or(status IN {problem}) AS has_failed,
        count(*) FILTER (WHERE is_unresolved) AS unresolved,
        count(*) FILTER (WHERE is_unresolved AND assignee_id IS NOT NULL) AS in_hand,
        count(*) FILTER (WHERE is_ignored) AS ignored,
        array_agg(DISTINCT assignee_id)
            FILTER (WHERE is_unresolved AND assignee_id IS NOT NULL) AS assignees,
        (array_agg(id ORDER BY finished_at DESC, id DESC))[1] AS run_id
    FROM hit GROUP BY error_key, workflow_id, account_id
)
SELECT p.error_key, p.run_id, x.error_summary, p.workflow_id, w.name, p.account_id, p.runs,
    p.first_at, p.last_at, w.succeeded_at, p.has_failed, p.unresolved, p.in_hand, p.ignored,
    coalesce(p.assignees, ARRAY[]::int[])
FROM place p
JOIN executions_workflow w ON w.id = p.workflow_id
JOIN executions_execution x ON x.id = p.run_id

-- name: words
SELECT v.key, r.error_summary FROM unnest(%s::text[]) v(key) CROSS JOIN LATERAL (
    SELECT e.error_summary FROM unnest(%s::bigint[]) a(id) CROSS JOIN LATERAL (
        SELECT x.error_summary, x.sort_at, x.id FROM executions_execution x
        WHERE x.error_key = v.key AND x.error_key <> '' AND x.account_id = a.id
        ORDER BY x.sort_at DESC, x.id DESC LIMIT 1) e
    ORDER BY e.sort_at DESC, e.id DESC LIMIT 1) r

-- name: saying
WITH newest AS MATERIALIZED (
    SELECT error_key, error_summary, finished_at FROM executions_execution
    WHERE error_key <> '' AND finished_at IS NOT NULL AND account_id = ANY(%(accounts)s)
    ORDER BY finished_at DESC, id DESC LIMIT %(newest)s
)
SELECT error_key, (array_agg(error_summary ORDER BY finished_at DESC))[1], max(finished_at)
FROM newest WHERE strpos(lower(error_summary), lower(%(composed)s)) > 0
    OR strpos(lower(error_summary), lower(%(decomposed)s)) > 0
GROUP BY error_key ORDER BY max(finished_at) DESC, error_key LIMIT %(most)s
