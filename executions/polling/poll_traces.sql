-- name: store
-- A poll takes the place of an old one; one that failed takes the place of the last that did, too.
INSERT INTO executions_polltrace (
    account_id, slot, poll_seq, started_at, outcome, error, requests, left_out, excerpt)
SELECT %(account)s, slot, %(seq)s, %(started)s, %(outcome)s, %(error)s, %(requests)s::jsonb,
    %(left_out)s, %(excerpt)s
FROM unnest(%(slots)s::smallint[]) slot
ON CONFLICT (account_id, slot) DO UPDATE SET
    poll_seq = excluded.poll_seq, started_at = excluded.started_at, outcome = excluded.outcome,
    error = excluded.error, requests = excluded.requests, left_out = excluded.left_out,
    excerpt = excluded.excerpt
