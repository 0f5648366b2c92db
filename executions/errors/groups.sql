-- name: groups
-- What is unresolved or ignored is of all runs with the errors of the window, also of older ones.
WITH hit AS MATERIALIZED (
    SELECT x.id, x.error_key, x.workflow_id, x.account_id, x.finished_at, x.status
    FROM executions_execution x
    WHERE {is_asked} AND x.error_key <> '' AND x.finished_at >= %(since)s
        AND x.account_id = ANY(%(accounts)s)
    ORDER BY x.finished_at DESC, x.id DESC LIMIT %(newest)s
), place AS (
    SELECT error_key, workflow_id, account_id, count(*) AS runs, min(finished_at) AS first_at,
        max(finished_at) AS last_at, bool_or(status IN {problem}) AS has_failed,
        (array_agg(id ORDER BY finished_at DESC, id DESC))[1] AS run_id
    FROM hit GROUP BY error_key, workflow_id, account_id
), asked AS (
    SELECT DISTINCT error_key FROM hit
), standing AS (
    SELECT error_key, workflow_id, account_id, bool_or(status IN {problem}) AS has_failed,
        count(*) FILTER (WHERE is_unresolved) AS unresolved,
        count(*) FILTER (WHERE is_unresolved AND assignee_id IS NOT NULL) AS in_hand,
        count(*) FILTER (WHERE NOT is_unresolved) AS ignored,
        array_agg(DISTINCT assignee_id)
            FILTER (WHERE is_unresolved AND assignee_id IS NOT NULL) AS assignees
    FROM (
        SELECT x.error_key, x.workflow_id, x.account_id, x.status, x.assignee_id,
            true AS is_unresolved
        FROM asked JOIN executions_execution x USING (error_key)
        WHERE {is_unresolved} AND x.error_key <> '' AND x.account_id = ANY(%(accounts)s)
        UNION ALL
        SELECT x.error_key, x.workflow_id, x.account_id, x.status, x.assignee_id, false
        FROM asked JOIN executions_execution x USING (error_key)
        WHERE {is_ignored} AND x.error_key <> '' AND x.account_id = ANY(%(accounts)s)
    ) each
    GROUP BY error_key, workflow_id, account_id
)
SELECT coalesce(p.error_key, s.error_key), p.run_id, x.error_summary, w.id, w.name, w.account_id,
    coalesce(p.runs, 0), p.first_at, p.last_at, w.succeeded_at,
    coalesce(p.has_failed OR s.has_failed, p.has_failed, s.has_failed), coalesce(s.unresolved, 0),
    coalesce(s.in_hand, 0), coalesce(s.ignored, 0), coalesce(s.assignees, ARRAY[]::int[])
FROM place p
FULL JOIN standing s USING (error_key, workflow_id, account_id)
JOIN executions_workflow w ON w.id = coalesce(p.workflow_id, s.workflow_id)
LEFT JOIN executions_execution x ON x.id = p.run_id

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
