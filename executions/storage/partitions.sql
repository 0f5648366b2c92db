-- name: make_months_ahead
SELECT executions_ensure_month(
    parent, (date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM unnest(%s::text[]) AS parent, generate_series(1, 2) AS ahead
