-- name: follow
UPDATE executions_batchitem i
SET state = s.item, message = c.message, changed_at = now()
FROM executions_command c
JOIN unnest(%s::text[], %s::text[]) AS s(command, item) ON s.command = c.state
WHERE i.command_id = c.key AND i.batch_id = ANY(%s) AND i.state = ANY(%s)
    AND (i.state, i.message) IS DISTINCT FROM (s.item, c.message)
RETURNING i.batch_id, i.account_id
