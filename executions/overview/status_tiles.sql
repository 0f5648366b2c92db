-- name: counts
SELECT w.id, w.account_id, x.status, count(*), count(*) FILTER (WHERE {is_overdue}), 0
FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
WHERE x.status = ANY(%s) AND {workflows} GROUP BY 1, 2, 3
UNION ALL
SELECT w.id, w.account_id, x.status, count(*), 0, count(x.assignee_id)
FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
WHERE {is_unresolved} AND {workflows} GROUP BY 1, 2, 3
