"""Whether a run has a business key stands in its row: where a failure and a later success of its
workflow both have one, only the same key makes it good."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Coalesce

IS_UNRESOLVED = models.Q(
    settled_at__isnull=True, status__in=("warning", "failed", "timed_out")
)

# As `settled_by_success.sql` has it: a key that 50 runs of its account carry counts as none.
KEYED = """
UPDATE executions_execution x SET is_keyed = true
WHERE x.status IN ('warning', 'failed', 'timed_out') AND x.settled_at IS NULL AND EXISTS (
    SELECT 1 FROM executions_runkey k WHERE k.execution_id = x.id AND 50 > (
        SELECT count(*) FROM (
            SELECT 1 FROM executions_runkey r
            WHERE r.value = k.value AND r.account_id = k.account_id LIMIT 50) carriers))
"""
# Of the past it is known only where no run has a key.
KEYLESS = """
UPDATE executions_workflow w SET keyless_success_at = w.succeeded_at
WHERE NOT EXISTS (SELECT 1 FROM executions_correlationrule c WHERE c.account_id = w.account_id)
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0040_months_of_the_owner")]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="is_keyed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="workflow",
            name="keyless_success_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(KEYED, migrations.RunSQL.noop),
        migrations.RunSQL(KEYLESS, migrations.RunSQL.noop),
        AddIndexConcurrently(
            "execution",
            models.Index(
                models.F("workflow"), models.F("is_keyed"), Coalesce("finished_at", "changed_at"),
                condition=IS_UNRESOLVED, name="execution_unresolved_end",
            ),
        ),
        RemoveIndexConcurrently("execution", "execution_unresolved_ended"),
    ]
