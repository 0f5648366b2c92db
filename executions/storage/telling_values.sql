-- name: values
(SELECT coalesce(array_agg(v.value ORDER BY v.rank, v.place), ARRAY[]::text[]) FROM (
    SELECT u.value, u.rank, u.place, min(u.rank) OVER () AS best FROM (
        SELECT DISTINCT ON (lower(s.value)) left(s.value, 80) AS value, s.rank, s.place FROM (
            SELECT btrim(value) AS value, 1 AS rank, place
            FROM unnest({keys}) WITH ORDINALITY AS k(value, place) WHERE place <= 2
            UNION ALL
            SELECT btrim(f.found #>> '{}'), p.rank, p.place FROM (
                SELECT path, 2 AS rank, place
                FROM unnest(n.shown_values) WITH ORDINALITY AS p(path, place)
                UNION ALL
                SELECT path, 4, place
                FROM unnest(n.learned_values) WITH ORDINALITY AS p(path, place)
                WHERE path <> ALL (n.hidden_values)) p
            CROSS JOIN LATERAL (SELECT {given} #> string_to_array(p.path, '/') AS found) f
            WHERE jsonb_typeof(f.found) IN ('string', 'number')
            UNION ALL
            SELECT btrim({label}), 3, 1
            WHERE {label} <> n.ref AND lower({label}) <> lower(n.workflow_name)
                AND {label} !~* {uuid}
                AND {label} !~* {blank}
        ) s
        WHERE s.value <> '' AND strpos(s.value, '{mask}') = 0
        ORDER BY lower(s.value), s.rank, s.place
    ) u
    ORDER BY u.rank, u.place LIMIT 3
) v WHERE v.rank < 4 OR v.best = 4)

-- name: claim
UPDATE executions_workflow SET values_learned_at = now() WHERE id IN (
    SELECT w.id FROM executions_workflow w
    WHERE w.id = ANY (ARRAY(SELECT workflow_id FROM executions_execution WHERE id = ANY(%s)))
        AND (w.values_learned_at IS NULL OR w.values_learned_at < now() - %s)
    ORDER BY w.id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: again
UPDATE executions_workflow SET values_learned_at = now() - %s WHERE id = %s

-- name: keep_learned
UPDATE executions_workflow w SET learned_values = %(found)s::varchar[], values_due_below = now() + interval '1 year',
    values_due_id = 0
WHERE id = %(id)s AND learned_values <> %(found)s::varchar[]

-- name: rewrite
WITH chosen AS MATERIALIZED (
    SELECT x.id, x.sort_at FROM executions_execution x WHERE x.workflow_id = %(id)s
        AND (x.sort_at, x.id) < (
            SELECT values_due_below, values_due_id FROM executions_workflow WHERE id = %(id)s)
    ORDER BY x.sort_at DESC, x.id DESC LIMIT %(slice)s
), fresh AS MATERIALIZED (
    SELECT n.id, {values} AS telling FROM (
        SELECT x.id, x.name, x.ref, w.name AS workflow_name, w.shown_values, w.learned_values,
            w.hidden_values
        FROM chosen c JOIN executions_execution x ON x.id = c.id
        JOIN executions_workflow w ON w.id = x.workflow_id) n
    LEFT JOIN executions_executiondetail d ON d.execution_id = n.id
    CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT r.text FROM executions_runkey r WHERE r.execution_id = n.id
            ORDER BY r.id) AS texts) k
), written AS (
    UPDATE executions_execution e SET telling_values = f.telling::varchar[], version = e.version + 1
    FROM fresh f WHERE e.id = f.id AND e.telling_values <> f.telling::varchar[]
    RETURNING e.account_id, e.id, e.version
), reached AS (
    UPDATE executions_workflow w SET
        values_due_below = CASE WHEN t.number = %(slice)s THEN t.sort_at END,
        values_due_id = coalesce(t.id, 0)
    FROM (
        SELECT count(*) OVER () AS number, sort_at, id FROM chosen
        UNION ALL SELECT 0, NULL, NULL
        ORDER BY sort_at, id LIMIT 1) t
    WHERE w.id = %(id)s
)
SELECT account_id, id, version FROM written
