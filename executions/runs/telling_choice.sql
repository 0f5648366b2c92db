-- name: show
UPDATE executions_workflow SET
    shown_values = array_append(shown_values, %(path)s::varchar),
    hidden_values = array_remove(hidden_values, %(path)s::varchar),
    values_due_below = now() + interval '1 year', values_due_id = 0
WHERE id = %(id)s AND NOT %(path)s = ANY (shown_values) AND cardinality(shown_values) < %(most)s

-- name: hide
UPDATE executions_workflow SET
    shown_values = array_remove(shown_values, %(path)s::varchar),
    hidden_values = array_append(hidden_values, %(path)s::varchar),
    values_due_below = now() + interval '1 year', values_due_id = 0
WHERE id = %(id)s AND NOT %(path)s = ANY (hidden_values)
