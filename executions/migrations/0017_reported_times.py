from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('executions', '0016_start_draft'),
    ]

    operations = [
        migrations.AddField(
            model_name='execution',
            name='is_change_reported',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='question',
            name='is_opening_reported',
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name='question',
            name='seen_at',
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.RunSQL('UPDATE executions_question SET seen_at = opened_at', migrations.RunSQL.noop),
    ]
