-- name: answers
SELECT q.closed_at, greatest(0, extract(epoch FROM q.closed_at - q.opened_at))::float8, u.username
FROM (
    SELECT id FROM executions_execution WHERE workflow_id = %(workflow)s
    ORDER BY sort_at DESC, id DESC LIMIT %(runs)s
) x
JOIN executions_question q ON q.execution_id = x.id
LEFT JOIN auth_user u ON u.id = q.answered_by_id
WHERE q.closed_at >= %(since)s
