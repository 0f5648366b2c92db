-- name: make_months_ahead
SELECT executions_ensure_month(
    parent, (date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM unnest(%s::text[]) AS parent, generate_series(1, 2) AS ahead

-- name: drop_month
SELECT executions_drop_month(%s, %s)

-- name: partitions
SELECT c.relname
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = ANY(%s)
