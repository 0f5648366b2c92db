-- name: poll_seconds
SELECT account.provider, percentile_cont(%s::float8[]) WITHIN GROUP (
    ORDER BY extract(epoch FROM poll.finished_at - poll.started_at)::float8
)
FROM executions_pollrun poll
JOIN providers_provideraccount account ON account.id = poll.account_id
WHERE poll.started_at > %s AND poll.finished_at IS NOT NULL
GROUP BY account.provider
