-- name: carried
-- The newest runs that carry one of these keys.
SELECT execution_id FROM (
    SELECT DISTINCT k.execution_id, k.sort_at
    FROM unnest(%s::text[]) v(v) CROSS JOIN unnest(%s::bigint[]) a(v) CROSS JOIN LATERAL (
        SELECT execution_id, sort_at FROM executions_runkey
        WHERE value = v.v AND account_id = a.v
        ORDER BY sort_at DESC, execution_id DESC LIMIT {most}) k
) c
ORDER BY sort_at DESC, execution_id DESC LIMIT {most}
