-- name: minutes
-- One index range per account and status; of the open ones only those that wait for a person.
SELECT extract(epoch FROM e.minute)::bigint::text, e.what, count(*) FROM (
    SELECT s.v AS what, date_trunc('minute', x.finished_at) AS minute
    FROM unnest(%s::bigint[]) a(v) CROSS JOIN unnest(%s::text[]) s(v)
    CROSS JOIN LATERAL (
        SELECT finished_at FROM executions_execution
        WHERE account_id = a.v AND status = s.v AND finished_at >= %s AND finished_at < %s
    ) x
    UNION ALL
    SELECT x.status, date_trunc('minute', x.changed_at)
    FROM unnest(%s::bigint[]) a(v) CROSS JOIN LATERAL (
        SELECT status, changed_at FROM executions_execution
        WHERE account_id = a.v AND status = %s
    ) x WHERE x.changed_at >= %s AND x.changed_at < %s
) e GROUP BY e.minute, e.what
