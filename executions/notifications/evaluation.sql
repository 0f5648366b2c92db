-- What each event looks like in rows, and when it is over. Each statement reads what is open or new,
-- never the whole table: transitions since the watermark by their partition key, open questions,
-- open runs, open commands and raised notices by their partial indexes.

-- name: horizon
-- Whatever is stored and not committed yet was stamped later than this. Parameter: how long a batch
-- may have been stamped before its transaction began.
SELECT least(now(), min(xact_start)) - %s FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
    AND xact_start IS NOT NULL AND pid <> pg_backend_pid()

-- name: scope
x.account_id = ANY(%(accounts)s::bigint[])
AND (%(workflows)s::bigint[] IS NULL OR x.workflow_id = ANY(%(workflows)s::bigint[]))

-- name: label
coalesce(nullif(array_to_string(x.telling_values, ' · '), ''), nullif(x.name, ''), x.ref)

-- name: failed
-- A run that had failed before the account was added, or before the rule, is no news: `first`
-- sightings count only if the run ended since, and so does what a later reading makes of a run
-- whose list row showed less.
WITH recent AS MATERIALIZED (
    SELECT * FROM executions_transition
    WHERE observed_at >= %(looked_to)s AND observed_at > %(active_since)s
        AND to_status IN {problem} AND from_status NOT IN {problem}
)
SELECT DISTINCT ON (t.execution_id)
    'run:' || x.id AS subject, t.version AS turn, x.account_id, x.workflow_id,
    x.id AS execution_id,
    'w' || x.workflow_id || ':' || x.error_key AS group_key,
    {label} AS label, x.error_summary AS detail,
    least(t.provider_time, t.observed_at) AS since
FROM recent t
JOIN executions_execution x ON x.id = t.execution_id
JOIN providers_provideraccount a ON a.id = x.account_id
WHERE x.status IN {problem} AND x.settled_how NOT IN ('resolved', 'ignored') AND {scope}
    AND (%(error)s = '' OR x.error_key = %(error)s)
    AND (NOT (t.from_status IN ('', 'unknown') OR 'refined' = ANY(t.flags))
        OR coalesce(t.provider_time, t.observed_at)
            > greatest(%(active_since)s, a.created_at) - interval '1 minute')
    AND NOT EXISTS (SELECT 1 FROM executions_notice n
        WHERE n.rule_id = %(rule)s AND n.subject = 'run:' || x.id AND n.turn >= t.version)
ORDER BY t.execution_id, t.version DESC

-- name: waiting
SELECT 'question:' || q.id AS subject, 1 AS turn, x.account_id, x.workflow_id,
    x.id AS execution_id, 'question:' || q.id AS group_key, {label} AS label,
    q.title || CASE WHEN q.is_opening_reported THEN '' ELSE ' (at least: first seen then)' END
        AS detail, q.opened_at AS since
FROM executions_question q JOIN executions_execution x ON x.id = q.execution_id
WHERE q.closed_at IS NULL AND q.opened_at < now() - %(after)s AND {scope}
    AND NOT EXISTS (SELECT 1 FROM executions_notice n WHERE n.rule_id = %(rule)s
        AND n.subject = 'question:' || q.id AND n.cleared_at IS NULL)
ORDER BY q.opened_at, q.id LIMIT %(limit)s

-- name: overdue
SELECT 'run:' || x.id AS subject, 1 AS turn, x.account_id, x.workflow_id,
    x.id AS execution_id, 'run:' || x.id AS group_key, {label} AS label, '' AS detail,
    {overdue_at} AS since
FROM executions_execution x
WHERE {is_overdue} AND x.missing_since IS NULL AND {scope}
    AND NOT EXISTS (SELECT 1 FROM executions_notice n WHERE n.rule_id = %(rule)s
        AND n.subject = 'run:' || x.id AND n.cleared_at IS NULL)
ORDER BY x.started_at LIMIT %(limit)s

-- name: undecided
-- Nobody knows whether it worked, and nobody has decided yet: it counts for a day.
(c.state = 'needs_person' AND c.settled_at > now() - interval '1 day'
    AND NOT EXISTS (SELECT 1 FROM executions_command k WHERE k.execution_id = c.execution_id
        AND k.kind = c.kind AND k.requested_at > c.requested_at))

-- name: stuck
SELECT * FROM (
    SELECT 'command:' || c.key AS subject, 1 AS turn, x.account_id, x.workflow_id,
        c.execution_id, 'command:' || c.key AS group_key,
        c.kind || ' ' || coalesce(nullif(r.name, ''), r.ref, w.name, '') AS label,
        c.message AS detail, c.requested_at AS since
    FROM executions_command c
    LEFT JOIN executions_execution r ON r.id = c.execution_id
    LEFT JOIN executions_workflow w ON w.id = coalesce(c.workflow_id, r.workflow_id)
    CROSS JOIN LATERAL (
        SELECT c.account_id, coalesce(c.workflow_id, r.workflow_id) AS workflow_id) x
    WHERE ({undecided} OR (c.state IN {open_commands}
        AND c.requested_at < now() - %(after)s)) AND {scope}
) found
WHERE NOT EXISTS (SELECT 1 FROM executions_notice n WHERE n.rule_id = %(rule)s
    AND n.subject = found.subject AND n.cleared_at IS NULL)
ORDER BY since LIMIT %(limit)s

-- name: given
-- What was found out in Python: accounts, and workflows whose expected run did not start.
SELECT * FROM unnest(%(subjects)s::text[], %(turns)s::int[], %(account_ids)s::bigint[],
    %(workflow_ids)s::bigint[], %(execution_ids)s::bigint[], %(subjects)s::text[],
    %(labels)s::text[], %(details)s::text[], %(sinces)s::timestamptz[])
    AS g(subject, turn, account_id, workflow_id, execution_id, group_key, label, detail, since)

-- name: raise
-- Compare and set: a subject that is raised already, or was raised for this very failure, stays as
-- it is. One that was cleared a moment ago, before anybody was notified, goes on as it was.
INSERT INTO executions_notice AS n (
    rule_id, subject, turn, account_id, workflow_id, execution_id, group_key, label, detail,
    since, raised_at, cleared_because, is_silent, is_reminder)
SELECT %(rule)s, c.subject, c.turn, c.account_id, c.workflow_id, c.execution_id, c.group_key,
    left(c.label, 300), left(c.detail, 300), c.since, now(), '', %(is_silent)s, false
FROM ({candidates}) c
ON CONFLICT (rule_id, subject) DO UPDATE SET
    turn = greatest(n.turn + 1, excluded.turn), account_id = excluded.account_id,
    workflow_id = excluded.workflow_id, group_key = excluded.group_key, label = excluded.label,
    detail = excluded.detail, since = excluded.since, raised_at = now(), cleared_at = NULL,
    cleared_because = '', is_silent = excluded.is_silent, is_reminder = false,
    told_at = CASE WHEN {is_continued} THEN n.told_at END,
    message_id = CASE WHEN {is_continued} THEN n.message_id END,
    clear_told_at = NULL, clear_message_id = NULL,
    acknowledged_by_id = NULL, acknowledged_at = NULL, acknowledged_until = NULL
WHERE {is_news}
RETURNING account_id

-- name: is_news
n.cleared_at IS NOT NULL

-- name: is_new_failure
n.turn < excluded.turn

-- name: is_continued
(n.told_at IS NOT NULL AND n.clear_told_at IS NULL AND NOT n.is_silent)

-- name: share_acknowledgement
-- A failure of an error that is in hand, and one more of a kind that somebody looks after already.
WITH in_hand AS (
    UPDATE executions_notice n SET acknowledged_by_id = x.assignee_id,
        acknowledged_at = x.assigned_at, acknowledged_until = x.assigned_at + interval '1 day'
    FROM executions_execution x
    WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL AND n.told_at IS NULL
        AND n.acknowledged_until IS NULL AND x.id = n.execution_id AND x.assignee_id IS NOT NULL
        AND x.assigned_at + interval '1 day' > now()
    RETURNING n.id
)
UPDATE executions_notice n SET acknowledged_by_id = a.acknowledged_by_id,
    acknowledged_at = a.acknowledged_at, acknowledged_until = a.acknowledged_until
FROM executions_notice a
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL AND n.told_at IS NULL
    AND n.acknowledged_until IS NULL AND a.rule_id = n.rule_id AND a.group_key = n.group_key
    AND a.cleared_at IS NULL AND a.acknowledged_until > now()
    AND n.id NOT IN (SELECT id FROM in_hand)

-- name: clear
-- What was never notified needs no all-clear; a failure is notified even if it is over by then.
UPDATE executions_notice n SET
    cleared_at = now(), cleared_because = g.because,
    is_silent = n.is_silent OR g.is_silent OR (n.told_at IS NULL AND NOT %(tells_late)s),
    clear_told_at = CASE WHEN n.told_at IS NULL OR NOT %(tells_cleared)s THEN now() END
FROM ({gone}) g WHERE n.id = g.id AND n.cleared_at IS NULL
RETURNING n.account_id

-- name: unwatched
SELECT n.id, 'no longer watched' AS because, true AS is_silent FROM executions_notice n
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL
    AND NOT n.account_id = ANY(%(accounts)s::bigint[])

-- name: not_failed
SELECT n.id, CASE WHEN x.status NOT IN {problem} THEN 'the run went on'
    WHEN x.settled_how = 'succeeded' THEN 'a later run succeeded'
    WHEN x.settled_how = 'ignored' THEN 'it is ignored for now'
    WHEN x.settled_how = 'resolved' THEN 'resolved by ' || coalesce(u.username, 'a deleted user')
    ELSE 'nothing new for a week' END AS because,
    x.settled_how = 'ignored' OR x.status IN {problem} AND x.settled_at IS NULL AS is_silent
FROM executions_notice n JOIN executions_execution x ON x.id = n.execution_id
LEFT JOIN auth_user u ON u.id = x.settled_by_id
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL
    AND (x.status NOT IN {problem} OR x.settled_at IS NOT NULL
        OR n.raised_at < now() - interval '7 days')

-- name: not_waiting
SELECT n.id, 'answered' AS because, q.id IS NULL AS is_silent FROM executions_notice n
LEFT JOIN executions_question q ON q.id = split_part(n.subject, ':', 2)::bigint
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL
    AND (q.id IS NULL OR q.closed_at IS NOT NULL)

-- name: not_overdue
SELECT n.id, CASE WHEN d.at IS NULL THEN 'the run is ' || replace(x.status, '_', ' ')
    ELSE 'its workflow takes so long by now' END AS because, false AS is_silent
FROM executions_notice n JOIN executions_execution x ON x.id = n.execution_id
CROSS JOIN LATERAL (SELECT {overdue_at} AS at) d
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL AND (d.at IS NULL OR d.at >= now())

-- name: not_stuck
SELECT n.id, coalesce(replace(c.state, '_', ' '), 'gone') AS because, c.key IS NULL AS is_silent
FROM executions_notice n
LEFT JOIN executions_command c ON c.key = split_part(n.subject, ':', 2)::uuid
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL
    AND (c.key IS NULL OR c.state IN {settled_commands}
        OR (c.state = 'needs_person' AND NOT {undecided}))

-- name: not_given
SELECT n.id, %(because)s AS because, false AS is_silent FROM executions_notice n
WHERE n.rule_id = %(rule)s AND n.cleared_at IS NULL AND n.subject = ANY(%(over)s)

-- name: starts
SELECT w.id, w.account_id, w.name, s.newest, s.typical, s.long, s.gaps
FROM executions_workflow w LEFT JOIN LATERAL (
    SELECT max(at) AS newest, count(gap) AS gaps,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS typical,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY gap) AS long
    FROM (
        SELECT at, extract(epoch FROM at - lag(at) OVER (ORDER BY at)) AS gap FROM (
            SELECT sort_at AS at FROM executions_execution
            WHERE workflow_id = w.id ORDER BY sort_at DESC, id DESC LIMIT %(newest)s
        ) starts
    ) gaps
) s ON true
WHERE w.id = ANY(%(workflows)s::bigint[]) AND w.account_id = ANY(%(accounts)s::bigint[])
