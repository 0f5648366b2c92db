-- name: make_months_ahead
SELECT executions_ensure_month(
    parent, (date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM unnest(%s::text[]) AS parent, generate_series(1, 2) AS ahead

-- name: correct_counts
WITH truth AS (
    SELECT account_id, status, count(*) AS count FROM executions_execution
    GROUP BY account_id, status
), off AS (
    SELECT coalesce(t.account_id, c.account_id) AS account_id,
        coalesce(t.status, c.status) AS status, coalesce(t.count, 0) AS count
    FROM truth t FULL JOIN executions_statuscount c
        ON c.account_id = t.account_id AND c.status = t.status
    WHERE coalesce(t.count, 0) <> coalesce(c.count, 0)
)
INSERT INTO executions_statuscount AS c (account_id, status, count)
SELECT account_id, status, count FROM off ORDER BY account_id, status
ON CONFLICT (account_id, status) DO UPDATE SET count = excluded.count
