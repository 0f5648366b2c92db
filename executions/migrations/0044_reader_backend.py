from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("executions", "0043_browsers"),
    ]

    operations = [
        migrations.AddField(
            model_name="backlog",
            name="reader_backend",
            field=models.IntegerField(null=True),
        ),
    ]
