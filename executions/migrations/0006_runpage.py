"""How often something was tried; indexes for errors in logs and for the runs that steps start."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0005_inbox'),
    ]

    operations = [
        migrations.AddField(
            model_name='executiondetail',
            name='attempt',
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='step',
            name='attempt',
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name='logentry',
            index=models.Index(condition=models.Q(('level__in', ('error', 'critical', 'fatal', 'severe'))), fields=['execution', 'seq'], name='log_errors'),
        ),
        migrations.AddIndex(
            model_name='step',
            index=models.Index(condition=models.Q(('run_ref', ''), _negated=True), fields=['run_ref'], name='step_of_sub_run'),
        ),
    ]
