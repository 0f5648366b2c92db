from django.db import migrations

# Until now names like `prompt_tokens` were masked too: what holds a mask is read once more, with the
# history, from providers that still have it. What is a secret is masked again.
MASKED = """
INSERT INTO executions_reading (execution_id, account_id, rank, wants_run, wants_log, asked_at,
    due_at, sort_at, tries)
SELECT x.id, x.account_id, 2, true, false, now(), now(), x.sort_at, 0
FROM executions_execution x
JOIN executions_executiondetail d ON d.execution_id = x.id
WHERE x.misses < 3 AND (
    concat_ws(' ', d.raw, d.input, d.output, d.error) ~ '\\[(redacted|secret)\\]'
    OR EXISTS (SELECT 1 FROM executions_step s WHERE s.execution_id = x.id
        AND concat_ws(' ', s.output, s.error) ~ '\\[(redacted|secret)\\]'))
ON CONFLICT (execution_id) DO NOTHING;
INSERT INTO executions_backlog (account_id, history_total)
SELECT account_id, count(*) FROM executions_reading WHERE rank = 2 GROUP BY account_id
ON CONFLICT (account_id) DO UPDATE SET history_total = excluded.history_total;
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0018_command_doubts")]

    operations = [migrations.RunSQL(MASKED, migrations.RunSQL.noop)]
