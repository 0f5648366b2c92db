-- name: last_runs
SELECT w.id, x.status, x.sort_at, x.started_at, x.finished_at
FROM unnest(%s::bigint[]) AS w(id) CROSS JOIN LATERAL (
    SELECT status, sort_at, id, started_at, finished_at FROM executions_execution
    WHERE workflow_id = w.id ORDER BY sort_at DESC, id DESC LIMIT %s
) x
ORDER BY w.id, x.sort_at DESC, x.id DESC

-- name: bars
LEFT JOIN LATERAL (
    SELECT array_agg(status ORDER BY sort_at, id) AS statuses,
        array_agg(greatest(0, extract(epoch FROM finished_at - started_at))::float8
            ORDER BY sort_at, id) AS seconds
    FROM (
        SELECT status, sort_at, id, started_at, finished_at FROM executions_execution
        WHERE workflow_id = w.id ORDER BY sort_at DESC, id DESC LIMIT {most}
    ) newest
) bars ON true
