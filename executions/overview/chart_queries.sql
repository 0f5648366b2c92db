-- name: endings
-- Both groupings of the same rows. A week is counted from Thursday, when the epoch began.
WITH ended AS (
    SELECT width_bucket(quarter, %s::int[]) AS bucket, status, slot,
        width_bucket(quarter, %s::int[]) * {week} + mod(quarter, {week}) AS week, count
    FROM {source} AND quarter >= %s AND quarter < %s AND count > 0
)
SELECT CASE WHEN grouping(week) = 1 THEN 'bucket' ELSE 'hour' END, bucket, status, slot, week,
    sum(count)
FROM ended GROUP BY GROUPING SETS ((bucket, status, slot), (week, status))
UNION ALL
SELECT 'no end', NULL, NULL, NULL, NULL, sum(count) FROM {source} AND quarter = {no_end}

-- name: between
SELECT c.place, e.status, e.number
FROM unnest(%s::int[], %s::int[]) WITH ORDINALITY AS c(first, last, place)
CROSS JOIN LATERAL (
    SELECT status, sum(count) AS number FROM {source}
        AND quarter >= c.first AND quarter < c.last AND count > 0
    GROUP BY status
) e

-- name: questions
SELECT q.id, q.execution_id, q.title, q.ref, q.opened_at, q.is_opening_reported, q.first_claimed_at,
    q.closed_at,
    w.id AS workflow_id, w.name AS workflow_name, w.account_id,
    EXISTS (
        SELECT 1 FROM executions_command c WHERE c.execution_id = q.execution_id
            AND c.kind = 'answer' AND c.question_ref = q.ref
            AND c.state IN {taken_commands}) AS is_ours
FROM executions_question q
JOIN executions_execution x ON x.id = q.execution_id
JOIN executions_workflow w ON w.id = x.workflow_id
WHERE q.closed_at >= %s AND q.closed_at < %s AND {workflows}
ORDER BY q.closed_at DESC

-- name: answering
WITH waited AS (
    SELECT workflow_id, workflow_name, account_id, is_ours,
        greatest(0, extract(epoch FROM closed_at - opened_at)) AS answer,
        CASE WHEN first_claimed_at BETWEEN opened_at AND closed_at
            THEN extract(epoch FROM first_claimed_at - opened_at) END AS claim
    FROM ({questions}) q
)
SELECT workflow_id, max(workflow_name),
    CASE WHEN grouping(workflow_id) = 0 THEN max(account_id) END, count(*),
    count(*) FILTER (WHERE is_ours), count(claim),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY claim),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY claim),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY answer),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY answer)
FROM waited GROUP BY GROUPING SETS ((), (workflow_id)) HAVING count(*) > 0
ORDER BY grouping(workflow_id) DESC, count(*) DESC, workflow_id LIMIT %s
