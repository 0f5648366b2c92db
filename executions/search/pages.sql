-- name: load
SELECT x.*, w.name AS workflow_name, w.can_start, w.typical_seconds, {overdue_at} AS overdue_at,
       c.kind AS command_kind, c.state AS command_state,
       c.message AS command_message, c.requested_at AS command_at, u.username AS command_by,
       m.username AS assignee_name, r.username AS settled_by_name,
       n.id AS note_id, n.text AS note_text, a.username AS note_by, n.created_at AS note_at
FROM executions_execution x
JOIN executions_workflow w ON w.id = x.workflow_id
LEFT JOIN LATERAL (
    SELECT kind, state, message, requested_at, requested_by_id FROM executions_command
    WHERE execution_id = x.id AND (state = ANY(%s) OR (state = ANY(%s) AND requested_at > %s))
    ORDER BY requested_at DESC LIMIT 1
) c ON true
LEFT JOIN auth_user u ON u.id = c.requested_by_id
LEFT JOIN auth_user m ON m.id = x.assignee_id
LEFT JOIN auth_user r ON r.id = x.settled_by_id
LEFT JOIN LATERAL (
    SELECT id, text, author_id, created_at FROM executions_note
    WHERE execution_id = x.id OR (workflow_id = x.workflow_id AND is_pinned)
    ORDER BY (execution_id IS NULL), is_pinned DESC, created_at DESC, id DESC LIMIT 1
) n ON true
LEFT JOIN auth_user a ON a.id = n.author_id
WHERE x.id = ANY(%s)
