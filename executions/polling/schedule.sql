-- name: claim
UPDATE providers_provideraccount SET
    lease_until = now() + %s, next_poll_at = now() + %s, poll_seq = poll_seq + 1
WHERE id IN (
    SELECT id FROM providers_provideraccount
    WHERE {able} (lease_until IS NULL OR lease_until < now()) AND {which}
    FOR UPDATE SKIP LOCKED)
RETURNING id, poll_seq

-- name: finish
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
