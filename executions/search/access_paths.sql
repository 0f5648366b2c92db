-- name: carried
-- The newest runs that carry one of these keys.
SELECT execution_id FROM (
    SELECT DISTINCT k.execution_id, k.sort_at
    FROM unnest(%s::text[]) v(v) CROSS JOIN unnest(%s::bigint[]) a(v) CROSS JOIN LATERAL (
        SELECT execution_id, sort_at FROM executions_runkey
        WHERE value = v.v AND account_id = a.v
        ORDER BY sort_at DESC, execution_id DESC LIMIT {most}) k
) c
ORDER BY sort_at DESC, execution_id DESC LIMIT {most}

-- name: labeled
-- The newest runs with one of these labels.
SELECT execution_id FROM (
    SELECT DISTINCT l.execution_id, l.sort_at
    FROM unnest(%s::text[]) v(v) CROSS JOIN unnest(%s::bigint[]) a(v) CROSS JOIN LATERAL (
        SELECT execution_id, sort_at FROM executions_runlabel
        WHERE text = v.v AND account_id = a.v
        ORDER BY sort_at DESC, execution_id DESC LIMIT {most}) l
) c
ORDER BY sort_at DESC, execution_id DESC LIMIT {most}

-- name: waiting_for_me
SELECT DISTINCT q.execution_id FROM executions_question q WHERE {free}

-- name: measured
-- Workflows of which a run can be overdue.
SELECT w.id FROM executions_workflow w WHERE ({known}) IS NOT NULL AND {of_accounts}

-- name: named
SELECT id FROM executions_workflow WHERE account_id = ANY(%s) AND name ILIKE ANY(%s)
ORDER BY id LIMIT 50

-- name: visible_workflows
SELECT id FROM executions_workflow WHERE id = ANY(%s) AND account_id = ANY(%s)

-- name: holding
SELECT d.execution_id FROM executions_executiondetail d WHERE {holds} LIMIT {most}

-- name: held_by_many
(SELECT count(*) FROM held) >= {most}
AND (SELECT {holds} FROM executions_executiondetail d WHERE d.execution_id = x.id)
