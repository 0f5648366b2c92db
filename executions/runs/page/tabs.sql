-- name: held
SELECT
    coalesce((SELECT max(seq) FROM executions_logentry WHERE execution_id = %(run)s), 0),
    (SELECT count(*) FROM executions_output WHERE execution_id = %(run)s),
    coalesce((
        SELECT octet_length(coalesce(input::text, '')) + octet_length(coalesce(output::text, ''))
            + pg_column_size(raw)
        FROM executions_executiondetail WHERE execution_id = %(run)s
    ), 0),
    (SELECT count(*) FROM executions_transition WHERE execution_id = %(run)s)
        + (SELECT count(*) FROM executions_command WHERE execution_id = %(run)s)
        + (SELECT count(*) FROM executions_triageact WHERE execution_id = %(run)s)
