-- name: with_news
SELECT r.id FROM executions_noticerule r
WHERE r.enabled AND (r.last_message_at IS NULL
    OR r.last_message_at < now() - r.pause_seconds * interval '1 second')
AND (EXISTS (SELECT 1 FROM executions_notice n WHERE n.rule_id = r.id
        AND n.told_at IS NULL AND NOT n.is_silent)
    OR EXISTS (SELECT 1 FROM executions_notice n WHERE n.rule_id = r.id
        AND n.cleared_at IS NOT NULL AND n.clear_told_at IS NULL AND NOT n.is_silent))

-- name: groups
SELECT array_agg(id ORDER BY since DESC, id), array_agg(DISTINCT account_id),
    min(since), max(since)
FROM executions_notice WHERE id = ANY(%s)
GROUP BY {key} ORDER BY count(*) DESC, min(id)
