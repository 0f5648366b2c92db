-- name: groups
WITH hit AS MATERIALIZED (
    SELECT id, error_key, workflow_id, account_id, finished_at, status FROM executions_execution
    WHERE {is_asked} AND error_key <> '' AND finished_at >= %(since)s
        AND account_id = ANY(%(accounts)s)
    ORDER BY finished_at DESC, id DESC LIMIT %(newest)s
), place AS (
    SELECT error_key, workflow_id, account_id, count(*) AS runs, min(finished_at) AS first_at,
        max(finished_at) AS last_at, bool_or(status IN {problem}) AS has_failed,
        (array_agg(id ORDER BY finished_at DESC, id DESC))[1] AS run_id
    FROM hit GROUP BY error_key, workflow_id, account_id
), healed AS (
    SELECT v.workflow_id, (
        SELECT max(s.finished_at) FROM (
            SELECT finished_at FROM executions_execution
            WHERE workflow_id = v.workflow_id AND status = 'succeeded'
            ORDER BY sort_at DESC, id DESC LIMIT 5) s) AS succeeded_at
    FROM (SELECT DISTINCT workflow_id FROM place) v
)
SELECT p.error_key, p.run_id, x.error_summary, p.workflow_id, w.name, p.account_id, p.runs,
    p.first_at, p.last_at, h.succeeded_at, p.has_failed
FROM place p
JOIN healed h USING (workflow_id)
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
