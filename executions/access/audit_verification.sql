-- name: sealed
-- What was written and what is there now; no text: the entry was removed.
SELECT s.number, s.entry, s.hash, CASE WHEN e.id IS NOT NULL THEN executions_audit_text(e) END
FROM executions_auditseal s
LEFT JOIN executions_auditentry e ON e.id = s.entry
WHERE s.number > %s
ORDER BY s.number
LIMIT %s
