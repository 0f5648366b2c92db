-- name: open_errors
WITH hit AS MATERIALIZED (
    SELECT x.id, x.error_key, x.error_summary, x.status, x.assignee_id,
        coalesce(x.finished_at, x.changed_at) AS at
    FROM executions_execution x WHERE {is_unresolved} AND x.workflow_id = %(workflow)s
    ORDER BY x.sort_at DESC, x.id DESC LIMIT %(newest)s
), error AS (
    SELECT hit.error_key, count(*) AS runs, count(hit.assignee_id) AS in_hand, min(at) AS first_at,
        max(at) AS last_at, bool_or(status IN {problem}) AS has_failed,
        (array_agg(error_summary ORDER BY at DESC, hit.id DESC))[1] AS text,
        (array_agg(hit.id ORDER BY at DESC, hit.id DESC))[1] AS run_id,
        coalesce(array_agg(DISTINCT u.username) FILTER (WHERE u.id IS NOT NULL), ARRAY[]::varchar[]) AS people
    FROM hit LEFT JOIN auth_user u ON u.id = hit.assignee_id
    GROUP BY hit.error_key ORDER BY count(*) = count(hit.assignee_id), count(*) DESC LIMIT %(most)s
)
SELECT e.*, (
    SELECT array_agg(floor(extract(epoch FROM %(now)s - r.finished_at) / 86400)::int) FROM (
        SELECT finished_at, workflow_id FROM executions_execution
        WHERE error_key = e.error_key AND error_key <> '' AND account_id = %(account)s
            AND finished_at >= %(since)s
        ORDER BY finished_at DESC, id DESC LIMIT %(newest)s
    ) r WHERE r.workflow_id = %(workflow)s
)
FROM error e
