-- name: recount
UPDATE executions_batch b SET
    counts = coalesce(s.counts, '{}'), accounts = coalesce(s.accounts, '{}')
FROM unnest(%s::bigint[]) AS asked(id)
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(account_id, states) AS counts,
        array_agg(account_id) AS accounts
    FROM (
        SELECT account_id, jsonb_object_agg(state, number) AS states
        FROM (
            SELECT account_id, state, count(*) AS number FROM executions_batchitem
            WHERE batch_id = asked.id GROUP BY 1, 2
        ) n GROUP BY 1
    ) p
) s ON true
WHERE b.id = asked.id
