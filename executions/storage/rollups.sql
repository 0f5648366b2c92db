-- name: correct
WITH truth AS (
    SELECT {owner}, {quarter} AS quarter, status,
        {slot} AS slot, count(*) AS count
    FROM executions_execution WHERE status IN {final} GROUP BY 1, 2, 3, 4
), off AS (
    SELECT {owner}, quarter, status, slot, coalesce(t.count, 0) - coalesce(c.count, 0) AS amount
    FROM truth t FULL JOIN {table} c USING ({owner}, quarter, status, slot)
    WHERE coalesce(t.count, 0) <> coalesce(c.count, 0)
)
INSERT INTO {table} AS t ({owner}, quarter, status, slot, count)
SELECT {owner}, quarter, status, slot, amount FROM off ORDER BY 1, 2, 3, 4
ON CONFLICT ({owner}, quarter, status, slot) DO UPDATE SET count = t.count + excluded.count

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
