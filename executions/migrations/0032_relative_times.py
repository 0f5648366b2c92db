"""Times are relative for people who have no preferences yet; those who have keep theirs."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0031_time_to_undo'),
    ]

    operations = [
        migrations.AlterField(
            model_name='preference',
            name='is_relative',
            field=models.BooleanField(default=True),
        ),
    ]
