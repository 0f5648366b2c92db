import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import executions.models.input_values
from django.conf import settings
from django.db import migrations, models


# Only built-in functions, so that the generated column survives dump and restore.
INPUT_VALUES = """
CREATE FUNCTION executions_input_values(input jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT v), '{}') FROM (
        SELECT lower(left(s #>> '{}', 200)) AS v
        FROM jsonb_path_query(input, 'strict $.**') s
        WHERE jsonb_typeof(s) IN ('string', 'number') LIMIT 100
    ) found WHERE v <> ''
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('executions', '0009_bulk'),
        ('providers', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(
            INPUT_VALUES, 'DROP FUNCTION executions_input_values(jsonb)'
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('query', models.TextField(blank=True, default='')),
                ('columns', models.JSONField(blank=True, default=list)),
                ('audience', models.CharField(choices=[('private', 'only me'), ('team', 'a team'), ('everybody', 'everybody')], default='private', max_length=10)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ('name', 'pk'),
            },
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['account', '-finished_at', '-id'], name='execution_ended_account'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['account', 'status', '-finished_at', '-id'], name='execution_ended_status'),
        ),
        migrations.AddIndex(
            model_name='execution',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['workflow', '-finished_at', '-id'], name='execution_ended_workflow'),
        ),
        migrations.AddField(
            model_name='executiondetail',
            name='input_values',
            field=models.GeneratedField(db_persist=True, expression=executions.models.input_values.InputValues('input'), null=True, output_field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
        ),
        migrations.AddIndex(
            model_name='executiondetail',
            index=django.contrib.postgres.indexes.GinIndex(fields=['input_values'], gin_pending_list_limit=512, name='detail_input'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='preference',
            name='default_view',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='executions.savedview'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='view_name'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.CheckConstraint(condition=models.Q(('audience__in', ['private', 'team', 'everybody'])), name='view_audience'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('audience', 'team'), ('group__isnull', False)), models.Q(models.Q(('audience', 'team'), _negated=True), ('group__isnull', True)), _connector='OR'), name='view_team'),
        ),
    ]
