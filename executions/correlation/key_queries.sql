-- name: columns
-- Of the runs that the page of a key shows, and one more where there are more.
k.value, (array_agg(r.text ORDER BY r.sort_at DESC))[1],
    (array_agg(r.name ORDER BY r.sort_at DESC))[1], count(*), count(DISTINCT r.account_id),
    max(r.sort_at)

-- name: runs
CROSS JOIN LATERAL (
    SELECT text, name, account_id, sort_at FROM executions_runkey
    WHERE value = k.value AND account_id = ANY(%(accounts)s)
    ORDER BY sort_at DESC, execution_id DESC LIMIT %(most)s) r

-- name: beginning
SELECT {columns} FROM (
    SELECT DISTINCT value FROM (
        SELECT value FROM executions_runkey
        WHERE value >= %(start)s AND value < %(end)s AND account_id = ANY(%(accounts)s)
        ORDER BY value LIMIT %(newest)s) n
    ORDER BY value LIMIT %(offered)s) k
{runs}
GROUP BY k.value ORDER BY k.value

-- name: newest
SELECT {columns} FROM (
    SELECT value, max(sort_at) AS newest_at FROM (
        SELECT value, sort_at FROM executions_runkey
        WHERE account_id = ANY(%(accounts)s) ORDER BY execution_id DESC LIMIT %(newest)s) n
    GROUP BY value ORDER BY newest_at DESC, value LIMIT %(offered)s) k
{runs}
GROUP BY k.value ORDER BY max(k.newest_at) DESC, k.value
