-- Each finds the newest entries that pass a filter, by one index: of everything, or of each account in
-- sight and of the person's own acts, merged.

-- name: filters
(%(actor)s = '' OR e.actor = %(actor)s)
AND (%(action)s = '' OR e.action = %(action)s)
AND (%(account)s = '' OR e.account_name = %(account)s)
AND (%(targets)s::text[] IS NULL OR e.target = ANY(%(targets)s::text[])
    OR e.command_key = ANY(%(keys)s::uuid[]))
AND (%(since)s::timestamptz IS NULL OR e.at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR e.at < %(until)s)
AND (%(at)s::timestamptz IS NULL OR (e.at, e.id) < (%(at)s, %(id)s))

-- name: newest
SELECT e.id, e.at FROM executions_auditentry e WHERE {filters}
ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s

-- name: newest_in_sight
SELECT id, at FROM (
    SELECT found.id, found.at FROM unnest(%(names)s::text[]) n(name) CROSS JOIN LATERAL (
        SELECT e.id, e.at FROM executions_auditentry e WHERE e.account_name = n.name AND {filters}
        ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s
    ) found
    UNION
    (SELECT e.id, e.at FROM executions_auditentry e WHERE e.actor = %(me)s AND {filters}
    ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s)
) found
ORDER BY at DESC, id DESC LIMIT %(limit)s
