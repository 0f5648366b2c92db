-- name: claim_due
WITH accounts AS (
    SELECT id, next_poll_at, failures > 0 AS is_failing, lease_until > now() AS is_held,
        coalesce(substring(lower(settings->>'base_url') FROM '^[a-z]+://[^/?#]+'), provider)
            AS origin
    FROM providers_provideraccount
    WHERE lease_until > now() OR (next_poll_at <= now() AND enabled
        AND health NOT IN ('auth', 'paused')
        AND (quiet_until IS NULL OR quiet_until <= now()))
), placed AS (
    -- what is held already comes first in every queue
    SELECT id, next_poll_at, is_failing, coalesce(is_held, false) AS is_held,
        row_number() OVER (PARTITION BY origin
            ORDER BY coalesce(is_held, false) DESC, next_poll_at) AS of_origin,
        row_number() OVER (PARTITION BY origin, is_failing
            ORDER BY coalesce(is_held, false) DESC, next_poll_at) AS of_origin_alike
    FROM accounts
), fitting AS (
    SELECT id, next_poll_at, is_failing, is_held,
        row_number() OVER (PARTITION BY is_failing ORDER BY is_held DESC, next_poll_at) AS alike
    FROM placed
    WHERE is_held OR (of_origin <= %(origin)s
        AND (NOT is_failing OR of_origin_alike <= %(failing_origin)s))
), chosen AS (
    SELECT id FROM fitting
    WHERE NOT is_held AND (NOT is_failing OR alike <= %(failing)s)
    ORDER BY next_poll_at LIMIT %(limit)s
)
UPDATE providers_provideraccount SET
    lease_until = now() + %(lease)s, next_poll_at = now() + %(lease)s, poll_seq = poll_seq + 1,
    lease_backend = NULL
WHERE id IN (
    SELECT a.id FROM providers_provideraccount a JOIN chosen USING (id)
    WHERE (a.lease_until IS NULL OR a.lease_until <= now()) AND a.next_poll_at <= now()
    FOR UPDATE OF a SKIP LOCKED)
RETURNING id, poll_seq

-- name: claim
UPDATE providers_provideraccount SET
    lease_until = now() + %(lease)s, next_poll_at = now() + %(lease)s, poll_seq = poll_seq + 1,
    lease_backend = NULL
WHERE id = %(id)s AND (lease_until IS NULL OR lease_until < now())
RETURNING id, poll_seq

-- name: finish
WITH recorded AS (
    INSERT INTO executions_pollrun (id, account_id, poll_seq, started_at, finished_at, outcome,
        requests, bytes, seen, changed, quarantined, error)
    VALUES (%(id)s::bigint << 40 | %(seq)s, %(id)s, %(seq)s, %(started)s, clock_timestamp(),
        %(outcome)s, %(requests)s, %(bytes)s, %(seen)s, %(changed)s, %(quarantined)s, %(error)s)
)
UPDATE providers_provideraccount SET
    health_since = CASE WHEN health = %(health)s THEN health_since ELSE now() END,
    health = %(health)s, last_error = %(error)s, last_poll_at = now(),
    last_success_at = CASE WHEN %(ok)s THEN now() ELSE last_success_at END,
    covered_since = CASE WHEN %(covered)s THEN %(started)s ELSE covered_since END,
    clock_skew = coalesce(%(skew)s, clock_skew),
    poll_warnings = coalesce(%(warnings)s::jsonb, poll_warnings),
    failures = CASE WHEN %(ok)s THEN 0 ELSE failures + 1 END,
    next_poll_at = CASE WHEN next_poll_at < now() THEN next_poll_at ELSE now() + %(wait)s END,
    lease_until = NULL
WHERE id = %(id)s AND poll_seq = %(seq)s AND revision = %(revision)s

-- name: renew
UPDATE providers_provideraccount SET lease_until = now() + %s, next_poll_at = now() + %s
WHERE id = %s AND poll_seq = %s AND lease_until IS NOT NULL

-- name: hold
UPDATE providers_provideraccount SET lease_backend = pg_backend_pid()
WHERE id = %s AND poll_seq = %s AND lease_until > now()

-- name: release_dead
-- A poller's connection ends with it. One that took its number since holds the claim to its end.
UPDATE providers_provideraccount SET lease_until = NULL, next_poll_at = now()
WHERE lease_until > now() AND lease_backend IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_stat_get_activity(lease_backend))
