-- name: due_targets
SELECT rule_id, target FROM executions_delivery
WHERE state IN {open_deliveries}
GROUP BY rule_id, target
HAVING bool_and(state = 'pending') AND max(not_before) <= now()
ORDER BY min(created_at)
LIMIT greatest(0, %s - (SELECT count(DISTINCT (rule_id, target))
    FROM executions_delivery WHERE state IN {held_deliveries}))
