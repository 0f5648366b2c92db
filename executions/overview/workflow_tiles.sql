-- name: counts
SELECT w.id, w.account_id, x.status, count(*), count(*) FILTER (WHERE {is_overdue}), 0,
    ARRAY[]::varchar[]
FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
WHERE x.status = ANY(%s) AND {workflows} GROUP BY 1, 2, 3
UNION ALL
SELECT w.id, w.account_id, x.status, count(*), 0, count(x.assignee_id),
    coalesce(array_agg(DISTINCT u.username) FILTER (WHERE u.id IS NOT NULL), ARRAY[]::varchar[])
FROM executions_execution x JOIN executions_workflow w ON w.id = x.workflow_id
LEFT JOIN auth_user u ON u.id = x.assignee_id
WHERE {is_unresolved} AND {workflows} GROUP BY 1, 2, 3
