"""What had failed before its workflow succeeded again is settled, and what a team has acknowledged is
in hand."""

from django.db import migrations

FILL = """
UPDATE executions_workflow w SET succeeded_at = s.at FROM (
    SELECT workflow_id, max(coalesce(finished_at, changed_at)) AS at FROM executions_execution
    WHERE status = 'succeeded' GROUP BY 1) s
WHERE s.workflow_id = w.id;
UPDATE executions_execution x SET settled_at = w.succeeded_at, settled_how = 'succeeded'
FROM executions_workflow w
WHERE w.id = x.workflow_id AND x.status IN ('warning', 'failed', 'timed_out')
    AND coalesce(x.finished_at, x.changed_at) < w.succeeded_at;
UPDATE executions_erroracknowledgement SET assignee_id = by_id;
UPDATE executions_execution x SET assignee_id = k.assignee_id, assigned_at = k.at
FROM executions_erroracknowledgement k, providers_provideraccount a
WHERE k.ended_at IS NULL AND k.until > now() AND k.error_key = x.error_key
    AND a.id = x.account_id AND a.group_id IS NOT DISTINCT FROM k.team_id
    AND x.status IN ('warning', 'failed', 'timed_out') AND x.settled_at IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0021_triage")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
