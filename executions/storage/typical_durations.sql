-- name: measure
UPDATE executions_workflow w
SET successes = s.number, typical_seconds = s.typical, long_seconds = s.long, measured_at = now()
FROM (
    SELECT v.id, d.* FROM (
        -- one that somebody else is writing now is measured after its next success
        SELECT w.id FROM executions_workflow w
        WHERE w.id = ANY (ARRAY(
                SELECT workflow_id FROM executions_execution
                WHERE id = ANY(%s) AND status = 'succeeded'))
            AND (w.measured_at IS NULL OR w.measured_at < now() - %s)
        FOR NO KEY UPDATE OF w SKIP LOCKED
    ) v CROSS JOIN LATERAL (
        SELECT count(*) AS number,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS typical,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY took) AS long
        FROM (
            SELECT greatest(0, extract(epoch FROM finished_at - started_at)) AS took
            FROM executions_execution
            WHERE workflow_id = v.id AND status = 'succeeded'
                AND started_at IS NOT NULL AND finished_at IS NOT NULL
            ORDER BY sort_at DESC, id DESC LIMIT %s
        ) newest
    ) d
) s WHERE w.id = s.id AND s.number > 0
