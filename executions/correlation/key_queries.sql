-- name: columns
value, (array_agg(text ORDER BY sort_at DESC))[1], (array_agg(name ORDER BY sort_at DESC))[1],
    count(*), count(DISTINCT account_id), max(sort_at)

-- name: beginning
SELECT {columns} FROM (
    SELECT value, text, name, account_id, sort_at FROM executions_runkey
    WHERE value >= %s AND value < %s AND account_id = ANY(%s) ORDER BY value LIMIT %s) k
GROUP BY value ORDER BY value LIMIT %s

-- name: newest
SELECT {columns} FROM (
    SELECT value, text, name, account_id, sort_at FROM executions_runkey
    WHERE account_id = ANY(%s) ORDER BY execution_id DESC LIMIT %s) k
GROUP BY value ORDER BY max(sort_at) DESC, value LIMIT %s
