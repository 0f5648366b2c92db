from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0002_blind_test'),
    ]

    operations = [
        migrations.AddField(
            model_name='provideraccount',
            name='certificate_authority',
            field=models.TextField(blank=True, db_default='', default='', help_text="Of your own, where the provider's certificate was not issued by a public one: its certificate in PEM (-----BEGIN CERTIFICATE-----). It is trusted for this account alone."),
        ),
    ]
