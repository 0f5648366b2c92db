from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("providers", "0003_certificate_authority")]

    operations = [
        migrations.AddField(
            model_name="provideraccount",
            name="quiet_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
