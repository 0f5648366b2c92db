-- name: act
-- Parameters: act, by, reason, until, assignee, now. Only what the act still concerns changes.
WITH due AS (
    SELECT e.id FROM executions_execution e
    WHERE e.id IN ({chosen}) AND {is_due} ORDER BY e.id FOR UPDATE OF e
), changed AS (
    UPDATE executions_execution e SET {change}, version = e.version + 1
    FROM due WHERE e.id = due.id
    RETURNING e.account_id, e.id, e.version, coalesce(
        nullif(array_to_string(e.telling_values, ' · '), ''), nullif(e.name, ''), e.ref) AS label
), kept AS (
    INSERT INTO executions_triageact (execution_id, act, by_id, assignee_id, reason, until, at)
    SELECT id, %(act)s, %(by)s, %(assignee)s, %(reason)s, %(until)s, %(now)s FROM changed
)
SELECT c.account_id, c.id, c.version, c.label, a.name
FROM changed c JOIN providers_provideraccount a ON a.id = c.account_id ORDER BY c.id

-- name: is_due_to_settle
e.status IN {resolvable} AND (e.settled_at IS NULL OR e.ignored_until IS NOT NULL)

-- name: is_due_to_assign
{is_unresolved} AND e.assignee_id IS DISTINCT FROM %(assignee)s

-- name: is_due_to_let_go
{is_unresolved} AND e.assignee_id IS NOT NULL

-- name: is_due_to_reopen
e.status IN {resolvable} AND e.settled_how IN ('resolved', 'ignored')

-- name: resolve
settled_at = %(now)s, settled_how = 'resolved', settled_by_id = %(by)s,
settled_reason = %(reason)s, ignored_until = NULL

-- name: ignore
settled_at = %(now)s, settled_how = 'ignored', settled_by_id = %(by)s,
settled_reason = %(reason)s, ignored_until = %(until)s

-- name: assign
assignee_id = %(assignee)s, assigned_at = %(now)s

-- name: let_go
assignee_id = NULL, assigned_at = NULL

-- name: reopen
settled_at = NULL, settled_how = '', settled_by_id = NULL, settled_reason = '', ignored_until = NULL
