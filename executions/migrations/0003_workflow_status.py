"""An index for lists of one workflow's runs in one status."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executions", "0002_history")]

    operations = [
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["workflow", "status", "-sort_at", "-id"], name="execution_workflow_status"
            ),
        ),
    ]
