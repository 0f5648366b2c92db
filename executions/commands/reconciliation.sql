-- name: twins
WITH lately AS MATERIALIZED (
    SELECT key, execution_id, kind, state, message, sent_at, new_ref FROM executions_command
    WHERE requested_at > %(since)s AND account_id = %(account)s
), started AS MATERIALIZED (
    SELECT c.key, c.execution_id, x.workflow_id, d.input,
        c.sent_at - %(within)s AS earliest, c.sent_at + %(within)s AS latest
    FROM lately c
    JOIN executions_execution x ON x.id = c.execution_id
    JOIN executions_executiondetail d ON d.execution_id = x.id
    WHERE c.kind = 'start' AND c.state = 'confirmed' AND c.message = %(started)s
        AND c.sent_at IS NOT NULL AND d.input IS NOT NULL
), unasked AS MATERIALIZED (
    SELECT t.id, t.ref, t.workflow_id, t.sort_at, d.input
    FROM (SELECT workflow_id, min(earliest) AS earliest, max(latest) AS latest
        FROM started GROUP BY workflow_id) span
    JOIN executions_execution t ON t.workflow_id = span.workflow_id
        AND t.sort_at BETWEEN span.earliest AND span.latest
    JOIN executions_executiondetail d ON d.execution_id = t.id
    WHERE t.ref NOT IN (SELECT new_ref FROM lately)
        AND t.id NOT IN (SELECT execution_id FROM started)
)
SELECT s.key, s.execution_id, array_agg(left(u.ref, 80) ORDER BY u.sort_at, u.id)
FROM started s JOIN unasked u ON u.workflow_id = s.workflow_id
    AND u.sort_at BETWEEN s.earliest AND s.latest AND u.input = s.input
GROUP BY s.key, s.execution_id
