-- name: counts
SELECT w.id, w.account_id, x.status, count(*), count(*) FILTER (WHERE {is_overdue})
FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
WHERE x.status = ANY(%s) AND {workflows} GROUP BY 1, 2, 3
UNION ALL
SELECT w.id, w.account_id, t.status, sum(t.count), 0
FROM executions_workflowtally t JOIN executions_workflow w ON w.id = t.workflow_id
WHERE t.quarter >= %s AND t.status = ANY(%s) AND t.count > 0 AND {workflows} GROUP BY 1, 2, 3
