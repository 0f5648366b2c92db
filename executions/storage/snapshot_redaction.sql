-- name: typed
-- Parameters: refs, provider.
SELECT c.key, x.ref, c.sealed_arguments FROM providers_provideraccount a
JOIN executions_execution x ON x.account_id = a.id AND x.ref = ANY(%s)
JOIN executions_command c ON c.execution_id = x.id AND c.kind = 'answer'
WHERE a.provider = %s
