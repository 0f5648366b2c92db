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
