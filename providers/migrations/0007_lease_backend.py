from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("providers", "0006_grants"),
    ]

    operations = [
        migrations.AddField(
            model_name="provideraccount",
            name="lease_backend",
            field=models.IntegerField(editable=False, null=True),
        ),
    ]
