"""Indexes for the page of the audit log, made while entries are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0037_audit_check")]

    operations = [
        AddIndexConcurrently(
            model_name='auditentry',
            index=models.Index(fields=['actor', '-at', '-id'], name='audit_actor'),
        ),
        AddIndexConcurrently(
            model_name='auditentry',
            index=models.Index(fields=['account_name', '-at', '-id'], name='audit_account'),
        ),
        AddIndexConcurrently(
            model_name='auditentry',
            index=models.Index(fields=['action', '-at', '-id'], name='audit_action'),
        ),
        AddIndexConcurrently(
            model_name='auditentry',
            index=models.Index(fields=['target'], name='audit_target'),
        ),
        AddIndexConcurrently(
            model_name='auditentry',
            index=models.Index(condition=models.Q(('command_key__isnull', False)), fields=['command_key'], name='audit_command'),
        ),
    ]
