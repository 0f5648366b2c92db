-- name: settle
WITH team AS (
    SELECT k.id, k.kind, k.error_key, k.assignee_id, k.until <= %(now)s AS is_expired,
        a.id AS account_id
    FROM executions_erroracknowledgement k
    LEFT JOIN providers_provideraccount a ON a.group_id IS NOT DISTINCT FROM k.team_id
    WHERE k.ended_at IS NULL
), alive AS (
    SELECT DISTINCT t.id FROM team t JOIN executions_execution x
        ON x.error_key = t.error_key AND x.account_id = t.account_id AND x.error_key <> ''
    WHERE {is_unresolved}
), ended AS (
    UPDATE executions_erroracknowledgement k SET ended_at = %(now)s,
        ending = CASE WHEN k.until <= %(now)s THEN 'expired' ELSE 'succeeded' END
    WHERE k.ended_at IS NULL AND (k.until <= %(now)s
        OR (k.kind = 'in_hand' AND k.id NOT IN (SELECT id FROM alive)))
    RETURNING k.id
), let_go AS (
    UPDATE executions_execution e
    SET assignee_id = NULL, assigned_at = NULL, version = e.version + 1
    FROM (
        SELECT x.id FROM ended JOIN team t USING (id) JOIN executions_execution x
            ON x.error_key = t.error_key AND x.account_id = t.account_id AND x.error_key <> ''
        WHERE t.is_expired AND t.kind = 'in_hand' AND x.assignee_id = t.assignee_id
            AND {is_unresolved}
        ORDER BY x.id FOR UPDATE OF x SKIP LOCKED) f
    WHERE e.id = f.id
    RETURNING e.account_id, e.id, e.version
)
SELECT 'ended', t.account_id, t.id, NULL::int FROM ended JOIN team t USING (id)
UNION ALL
SELECT 'run', account_id, id, version FROM let_go
