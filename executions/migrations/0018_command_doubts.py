from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0017_reported_times'),
    ]

    operations = [
        migrations.AddField(
            model_name='command',
            name='doubts',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        # An open command that was sent before may have been carried out.
        migrations.RunSQL(
            "UPDATE executions_command SET doubts = attempts"
            " WHERE attempts > 0 AND state IN ('pending', 'sending', 'unknown')",
            migrations.RunSQL.noop,
        ),
    ]
