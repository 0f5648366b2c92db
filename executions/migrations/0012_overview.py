"""Counts of ended runs per quarter hour, in place of the hourly ones that nothing read; filled from
the runs that are stored. The slots are those of `executions.tallying`; `tidy` repairs both tables."""

import django.db.models.deletion
from django.db import migrations, models

LADDER = ",".join(repr(0.25 * 2 ** (step / 2)) for step in range(48))

# Room on the page keeps updates of the counts in place.
STORAGE = """
ALTER TABLE executions_workflowtally SET (fillfactor = 80);
ALTER TABLE executions_accounttally SET (fillfactor = 80);
"""
FILL = f"""
INSERT INTO executions_workflowtally (workflow_id, quarter, status, slot, count)
SELECT workflow_id, coalesce(floor(extract(epoch FROM finished_at) / 900)::int, {-(2**31)}), status,
    CASE WHEN status = 'succeeded' AND finished_at - started_at IS NOT NULL THEN width_bucket(
        greatest(0, extract(epoch FROM finished_at - started_at))::float8, '{{{LADDER}}}'::float8[])
        ELSE -1 END,
    count(*)
FROM executions_execution
WHERE status IN ('succeeded', 'warning', 'failed', 'canceled', 'timed_out', 'skipped')
GROUP BY 1, 2, 3, 4;
INSERT INTO executions_accounttally (account_id, quarter, status, slot, count)
SELECT w.account_id, t.quarter, t.status, t.slot, sum(t.count)
FROM executions_workflowtally t JOIN executions_workflow w ON w.id = t.workflow_id
GROUP BY 1, 2, 3, 4;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0011_comfort"),
        ("providers", "0001_initial"),
    ]

    operations = [
        migrations.DeleteModel(name="HourlyCount"),
        migrations.CreateModel(
            name="AccountTally",
            fields=[
                ("pk", models.CompositePrimaryKey("account_id", "quarter", "status", "slot", blank=True, editable=False, primary_key=True, serialize=False)),
                ("quarter", models.IntegerField()),
                ("status", models.CharField(max_length=12)),
                ("slot", models.SmallIntegerField()),
                ("count", models.BigIntegerField(default=0)),
                ("account", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="providers.provideraccount")),
            ],
        ),
        migrations.CreateModel(
            name="WorkflowTally",
            fields=[
                ("pk", models.CompositePrimaryKey("workflow_id", "quarter", "status", "slot", blank=True, editable=False, primary_key=True, serialize=False)),
                ("quarter", models.IntegerField()),
                ("status", models.CharField(max_length=12)),
                ("slot", models.SmallIntegerField()),
                ("count", models.BigIntegerField(default=0)),
                ("workflow", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="executions.workflow")),
            ],
            options={"indexes": [models.Index(fields=["quarter"], name="workflow_tally_quarter")]},
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
