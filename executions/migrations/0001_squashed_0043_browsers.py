"""The tables as the migrations up to 0043 leave them, made in one step where there are none yet.

A database that has some of those goes on with the others of them, and one that has all needs
nothing. Both ways lead to the same schema: tests/config/test_squashed_migration.py.
"""
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.utils.timezone
import executions.models.input_values
import executions.models
import providers.exact_json
import uuid
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
# Partitioned by month, and made and dropped by functions that act as the owner of the tables: the
# site's role owns none (config/database_roles.py). They take these two tables and nothing else, and
# drop no month that is not over.
PARTITIONED = """
CREATE TABLE executions_transition (
    execution_id bigint NOT NULL,
    version integer NOT NULL,
    from_status varchar(12) NOT NULL DEFAULT '',
    to_status varchar(12) NOT NULL,
    status_reason varchar(60) NOT NULL DEFAULT '',
    native_status varchar(60) NOT NULL DEFAULT '',
    provider_time timestamptz,
    observed_at timestamptz NOT NULL,
    flags varchar(20)[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (observed_at, execution_id, version)
) PARTITION BY RANGE (observed_at);
CREATE INDEX transition_of_execution ON executions_transition (execution_id, version);
CREATE TABLE executions_transition_rest PARTITION OF executions_transition DEFAULT;

CREATE SEQUENCE executions_pollrun_id_seq;
CREATE TABLE executions_pollrun (
    id bigint NOT NULL DEFAULT nextval('executions_pollrun_id_seq'),
    account_id bigint NOT NULL,
    poll_seq bigint NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome varchar(20) NOT NULL,
    requests integer NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    seen integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    quarantined integer NOT NULL DEFAULT 0,
    error varchar(500) NOT NULL DEFAULT '',
    PRIMARY KEY (started_at, id)
) PARTITION BY RANGE (started_at);
CREATE INDEX pollrun_of_account ON executions_pollrun (account_id, started_at DESC);
CREATE TABLE executions_pollrun_rest PARTITION OF executions_pollrun DEFAULT;

CREATE FUNCTION executions_ensure_month(parent text, month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF parent NOT IN ('executions_transition', 'executions_pollrun') THEN
        RAISE EXCEPTION '% has no months', parent;
    END IF;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        parent || to_char(month, '_YYYY_MM'), parent, month, (month + interval '1 month')::date
    );
END
$$;

CREATE FUNCTION executions_drop_month(parent text, month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF parent NOT IN ('executions_transition', 'executions_pollrun') THEN
        RAISE EXCEPTION '% has no months', parent;
    END IF;
    IF month >= date_trunc('month', now() - interval '1 day') THEN
        RAISE EXCEPTION 'the month % is not over', to_char(month, 'YYYY-MM');
    END IF;
    EXECUTE format('DROP TABLE %I', parent || to_char(month, '_YYYY_MM'));
END
$$;

SELECT executions_ensure_month(parent, (date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM unnest(ARRAY['executions_transition', 'executions_pollrun']) AS parent, generate_series(0, 2) AS ahead;
"""
APPEND_ONLY = """
CREATE FUNCTION executions_refuse_change() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$ LANGUAGE plpgsql;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON executions_auditentry
    FOR EACH ROW EXECUTE FUNCTION executions_refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON executions_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION executions_refuse_change();
"""
# Each entry is hashed together with the hash before it, as its transaction commits. One after the
# other: the lock is taken last of all and is gone with the commit.
CHAIN = """
CREATE FUNCTION executions_audit_text(e executions_auditentry) RETURNS text
LANGUAGE sql STABLE SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
    SELECT jsonb_build_array(e.id, e.at::text, e.actor, e.action, e.account_name, e.target, e.detail,
        e.command_key::text, host(e.address))::text
$$;

CREATE FUNCTION executions_audit_seal(e executions_auditentry) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    last executions_auditseal;
BEGIN
    SELECT * INTO last FROM executions_auditseal ORDER BY number DESC LIMIT 1;
    INSERT INTO executions_auditseal (number, entry, hash) VALUES (
        coalesce(last.number, 0) + 1, e.id,
        encode(sha256(convert_to(coalesce(last.hash, '') || executions_audit_text(e), 'UTF8')), 'hex')
    );
END
$$;

CREATE FUNCTION executions_audit_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('executions_auditseal'));
    PERFORM executions_audit_seal(NEW);
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER audit_sealed AFTER INSERT ON executions_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION executions_audit_committed();
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE ON executions_auditseal
    FOR EACH ROW EXECUTE FUNCTION executions_refuse_change();
CREATE TRIGGER seal_no_truncate BEFORE TRUNCATE ON executions_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION executions_refuse_change();
"""
# Room on the page keeps updates of unindexed columns in place (measured: 98 % at 80).
STORAGE = """
ALTER TABLE executions_execution SET (fillfactor = 80);
ALTER TABLE executions_executiondetail SET (fillfactor = 80);
ALTER TABLE executions_statuscount SET (fillfactor = 50);
ALTER TABLE providers_provideraccount SET (fillfactor = 50);
ALTER TABLE executions_workflowtally SET (fillfactor = 80);
ALTER TABLE executions_accounttally SET (fillfactor = 80);
"""
# The table of the cache, which is no model.
CACHE = """
CREATE TABLE executions_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX executions_cache_expires ON executions_cache (expires);
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('executions', '0001_initial'),
        ('executions', '0002_history'),
        ('executions', '0003_workflow_status'),
        ('executions', '0004_preferences'),
        ('executions', '0005_inbox'),
        ('executions', '0006_runpage'),
        ('executions', '0007_errors'),
        ('executions', '0008_notices'),
        ('executions', '0009_bulk'),
        ('executions', '0010_table'),
        ('executions', '0011_comfort'),
        ('executions', '0012_overview'),
        ('executions', '0013_key_links'),
        ('executions', '0014_payloads'),
        ('executions', '0015_readings'),
        ('executions', '0016_start_draft'),
        ('executions', '0017_reported_times'),
        ('executions', '0018_command_doubts'),
        ('executions', '0019_masked_too_much'),
        ('executions', '0020_audit_seals'),
        ('executions', '0021_triage'),
        ('executions', '0022_triage_fill'),
        ('executions', '0023_telling_values'),
        ('executions', '0024_last_asked'),
        ('executions', '0025_workflow_profiles'),
        ('executions', '0026_first_visit'),
        ('executions', '0027_batches_of_answers'),
        ('executions', '0028_error_of_a_rule'),
        ('executions', '0029_words_of_engines'),
        ('executions', '0030_wall_links'),
        ('executions', '0031_time_to_undo'),
        ('executions', '0032_relative_times'),
        ('executions', '0033_token_scopes'),
        ('executions', '0034_second_person'),
        ('executions', '0035_cache'),
        ('executions', '0036_poll_traces'),
        ('executions', '0037_audit_check'),
        ('executions', '0038_audit_indexes'),
        ('executions', '0039_delegation'),
        ('executions', '0040_months_of_the_owner'),
        ('executions', '0041_keyed_runs'),
        ('executions', '0042_invitations'),
        ('executions', '0043_browsers'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('providers', '0006_grants'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(INPUT_VALUES, 'DROP FUNCTION executions_input_values(jsonb)'),
        migrations.CreateModel(
            name='AccountTally',
            fields=[
                ('pk', models.CompositePrimaryKey('account_id', 'quarter', 'status', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('quarter', models.IntegerField()),
                ('status', models.CharField(max_length=12)),
                ('slot', models.SmallIntegerField()),
                ('count', models.BigIntegerField(default=0)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hash', models.CharField(max_length=64, unique=True)),
                ('label', models.CharField(blank=True, default='', max_length=100)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('prefix', models.CharField(blank=True, db_default='', default='', max_length=12)),
                ('scope', models.CharField(choices=[('read', 'reads'), ('act', 'reads and acts')], db_default='act', default='act', max_length=4)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('request_key', models.UUIDField(editable=False, null=True, unique=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('scope__in', ['read', 'act'])), name='token_scope')],
            },
        ),
        migrations.CreateModel(
            name='AuditCheck',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('begun_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('checked_at', models.DateTimeField(null=True)),
                ('is_whole', models.BooleanField(default=False)),
                ('number', models.BigIntegerField(default=0)),
                ('entry', models.BigIntegerField(default=0)),
                ('hash', models.CharField(blank=True, default='', max_length=64)),
                ('verified_number', models.BigIntegerField(default=0)),
                ('verified_entry', models.BigIntegerField(default=0)),
                ('verified_hash', models.CharField(blank=True, default='', max_length=64)),
                ('verified_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, default='', max_length=300)),
                ('problem_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actor', models.CharField(max_length=150)),
                ('action', models.CharField(max_length=60)),
                ('account_name', models.CharField(blank=True, default='', max_length=100)),
                ('target', models.CharField(blank=True, default='', max_length=300)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('command_key', models.UUIDField(null=True)),
                ('address', models.GenericIPAddressField(null=True)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ('-at', '-id'),
                'indexes': [models.Index(fields=['-at', '-id'], name='audit_newest'), models.Index(fields=['actor', '-at', '-id'], name='audit_actor'), models.Index(fields=['account_name', '-at', '-id'], name='audit_account'), models.Index(fields=['action', '-at', '-id'], name='audit_action'), models.Index(fields=['target'], name='audit_target'), models.Index(condition=models.Q(('command_key__isnull', False)), fields=['command_key'], name='audit_command')],
            },
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('entry', models.BigIntegerField(unique=True)),
                ('hash', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='Backlog',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='backlog', serialize=False, to='providers.provideraccount')),
                ('reader_until', models.DateTimeField(null=True)),
                ('history_total', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('kind', models.CharField(max_length=10)),
                ('state', models.CharField(choices=[('draft', 'not started'), ('running', 'running'), ('stopping', 'stopping'), ('stopped', 'stopped'), ('done', 'done')], default='draft', max_length=10)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('query', models.TextField(blank=True, default='')),
                ('words', models.TextField(blank=True, default='')),
                ('is_cut', models.BooleanField(default=False)),
                ('asked', executions.models.OrderedJSON(null=True)),
                ('sealed_answer', models.TextField(blank=True, db_default='', default='')),
                ('accounts', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('counts', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('assessed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('send_after', models.DateTimeField(null=True)),
                ('stopped_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('retry_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='executions.batch')),
                ('stopped_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'batches',
                'indexes': [models.Index(condition=models.Q(('state__in', ['running', 'stopping'])), fields=['id'], name='batch_open')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['cancel', 'suspend', 'resume', 'retry', 'answer'])), name='batch_kind'), models.CheckConstraint(condition=models.Q(('state', 'draft'), models.Q(('kind', 'answer'), ('started_at__isnull', False)), models.Q(('started_at__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='batch_started_with_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='CorrelationRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Such as: order number', max_length=60, verbose_name='name of the key')),
                ('source', models.CharField(choices=[('name', "the run's name"), ('ref', "the run's identifier"), ('input', 'its input (parameters, labels)'), ('output', 'its output'), ('raw', "the provider's own object (tags, labels)"), ('error', 'its error text')], max_length=10)),
                ('path', models.CharField(blank=True, default='', help_text='Where in the value: $.order.id, or order.lines[0].number, or items[*].id. Empty: all of it.', max_length=200)),
                ('pattern', models.CharField(blank=True, default='', help_text='An RE2 pattern, at most one group: ORD-(\\d+) finds 17 in “ORD-17”. Empty: the whole text is the key.', max_length=300)),
                ('link', models.CharField(blank=True, db_default='', default='', help_text='Where people find the key outside, with {key} in its place: https://erp.example.com/orders/{key}. Empty: no link.', max_length=500)),
                ('problem', models.CharField(blank=True, default='', editable=False, max_length=300)),
                ('problem_at', models.DateTimeField(editable=False, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='correlation_rules', to='providers.provideraccount')),
            ],
            options={
                'ordering': ('account', 'name', 'pk'),
                'constraints': [models.UniqueConstraint(fields=('account', 'name', 'source', 'path', 'pattern'), name='correlation_rule'), models.CheckConstraint(condition=models.Q(('source__in', ['name', 'ref', 'input', 'output', 'raw', 'error'])), name='correlation_source')],
            },
        ),
        migrations.CreateModel(
            name='ErrorAcknowledgement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('in_hand', 'in hand'), ('ignored', 'ignored')], db_default='in_hand', max_length=7)),
                ('error_key', models.CharField(max_length=16)),
                ('note', models.CharField(blank=True, default='', max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ending', models.CharField(blank=True, choices=[('expired', 'expired'), ('succeeded', 'none of its runs is unresolved'), ('released', 'taken back'), ('resolved', 'resolved')], default='', max_length=10)),
                ('assignee', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('error_key', 'team'), name='one_open_acknowledgement', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ending', '')), models.Q(('ended_at__isnull', False), ('ending__in', ['expired', 'succeeded', 'released', 'resolved'])), _connector='OR'), name='acknowledgement_ending')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('username', models.CharField(max_length=150)),
                ('email', models.EmailField(blank=True, default='', max_length=254)),
                ('role', models.CharField(max_length=20)),
                ('hash', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('teams', models.ManyToManyField(blank=True, related_name='+', to='auth.group')),
            ],
            options={
                'ordering': ('-made_at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='KeySearch',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='key_search', serialize=False, to='providers.provideraccount')),
                ('since', models.DateTimeField()),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('reached', models.DateTimeField(null=True)),
                ('reached_id', models.BigIntegerField(default=0)),
                ('looked_at', models.PositiveIntegerField(default=0)),
                ('found', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='NoticeClock',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('looked_to', models.DateTimeField(default=django.utils.timezone.now)),
                ('conditions_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='PollTrace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.SmallIntegerField()),
                ('poll_seq', models.BigIntegerField()),
                ('started_at', models.DateTimeField()),
                ('outcome', models.CharField(max_length=20)),
                ('error', models.CharField(blank=True, default='', max_length=500)),
                ('requests', models.JSONField(default=list)),
                ('left_out', models.IntegerField(default=0)),
                ('excerpt', models.TextField(blank=True, default='')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'slot'), name='poll_trace_place')],
            },
        ),
        migrations.CreateModel(
            name='PushBrowser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('endpoint_hash', models.CharField(max_length=64, unique=True)),
                ('sealed', models.TextField()),
                ('name', models.CharField(max_length=80)),
                ('service', models.CharField(max_length=100)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PushKey',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('sealed', models.TextField()),
                ('public', models.CharField(max_length=100)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='Quarantine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('reason', models.CharField(max_length=300)),
                ('excerpt', models.TextField(default='')),
                ('first_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('count', models.PositiveIntegerField(default=1)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
            options={
                'verbose_name_plural': 'quarantine',
                'constraints': [models.UniqueConstraint(fields=('account', 'ref'), name='quarantine_key')],
            },
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
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('name', 'pk'),
                'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='view_name'), models.CheckConstraint(condition=models.Q(('audience__in', ['private', 'team', 'everybody'])), name='view_audience'), models.CheckConstraint(condition=models.Q(models.Q(('audience', 'team'), ('group__isnull', False)), models.Q(models.Q(('audience', 'team'), _negated=True), ('group__isnull', True)), _connector='OR'), name='view_team')],
            },
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to=settings.AUTH_USER_MODEL)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('is_relative', models.BooleanField(default=True)),
                ('is_compact', models.BooleanField(default=False)),
                ('columns', models.JSONField(blank=True, default=list)),
                ('has_shortcuts', models.BooleanField(default=True)),
                ('sends_at_once', models.BooleanField(db_default=False, default=False)),
                ('has_seen_guide', models.BooleanField(db_default=False, default=False)),
                ('has_chosen_zone', models.BooleanField(db_default=False, default=False)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('default_view', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='executions.savedview')),
            ],
        ),
        migrations.CreateModel(
            name='StatusCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(max_length=12)),
                ('count', models.BigIntegerField(default=0)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'status'), name='count_key')],
            },
        ),
        migrations.CreateModel(
            name='WallLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('hash', models.CharField(max_length=64, unique=True)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('name', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='Workflow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('name', models.CharField(max_length=300)),
                ('can_start', models.BooleanField(default=False)),
                ('successes', models.PositiveSmallIntegerField(db_default=0)),
                ('typical_seconds', models.FloatField(null=True)),
                ('long_seconds', models.FloatField(null=True)),
                ('measured_at', models.DateTimeField(null=True)),
                ('succeeded_at', models.DateTimeField(null=True)),
                ('keyless_success_at', models.DateTimeField(null=True)),
                ('learned_values', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), db_default=[], default=list, size=None)),
                ('shown_values', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), db_default=[], default=list, size=None)),
                ('hidden_values', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), db_default=[], default=list, size=None)),
                ('values_learned_at', models.DateTimeField(null=True)),
                ('values_due_below', models.DateTimeField(null=True)),
                ('values_due_id', models.BigIntegerField(db_default=0)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'ref'), name='workflow_key')],
            },
        ),
        migrations.CreateModel(
            name='Execution',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('name', models.CharField(blank=True, default='', max_length=300)),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('waiting', 'waiting'), ('user_input', 'user input'), ('paused', 'paused'), ('succeeded', 'succeeded'), ('warning', 'warning'), ('failed', 'failed'), ('canceled', 'canceled'), ('timed_out', 'timed out'), ('skipped', 'skipped'), ('unknown', 'unknown')], max_length=12)),
                ('status_reason', models.CharField(blank=True, default='', max_length=60)),
                ('native_status', models.CharField(blank=True, default='', max_length=60)),
                ('progress', models.PositiveSmallIntegerField(null=True)),
                ('message', models.CharField(blank=True, default='', max_length=300)),
                ('error_summary', models.CharField(blank=True, default='', max_length=300)),
                ('error_key', models.CharField(blank=True, db_default='', max_length=16)),
                ('created_at', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('observed_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('is_change_reported', models.BooleanField(db_default=False)),
                ('sort_at', models.DateTimeField()),
                ('offers', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), default=list, size=None)),
                ('url', models.CharField(blank=True, default='', max_length=2000)),
                ('missing_since', models.DateTimeField(null=True)),
                ('misses', models.PositiveSmallIntegerField(default=0)),
                ('version', models.PositiveIntegerField(default=1)),
                ('poll_seq', models.PositiveBigIntegerField(default=0)),
                ('provider_version', models.CharField(blank=True, default='', max_length=60)),
                ('settled_at', models.DateTimeField(null=True)),
                ('settled_how', models.CharField(blank=True, choices=[('resolved', 'resolved by a person'), ('ignored', 'ignored by a person, for a while'), ('succeeded', 'followed by a success')], db_default='', max_length=9)),
                ('settled_reason', models.CharField(blank=True, db_default='', max_length=300)),
                ('ignored_until', models.DateTimeField(null=True)),
                ('assigned_at', models.DateTimeField(null=True)),
                ('telling_values', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), db_default=[], default=list, size=None)),
                ('whereabouts', models.CharField(blank=True, db_default='', max_length=200)),
                ('is_keyed', models.BooleanField(db_default=False, default=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
                ('assignee', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('settled_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='executions.workflow')),
            ],
            options={
                'indexes': [models.Index(fields=['-sort_at', '-id'], name='execution_newest'), models.Index(fields=['account', '-sort_at', '-id'], name='execution_account'), models.Index(fields=['status', '-sort_at', '-id'], name='execution_status_newest'), models.Index(fields=['account', 'status', '-sort_at', '-id'], name='execution_account_status'), models.Index(fields=['workflow', '-sort_at', '-id'], name='execution_workflow'), models.Index(fields=['workflow', 'status', '-sort_at', '-id'], name='execution_workflow_status'), models.Index(condition=models.Q(('status__in', ('failed', 'timed_out'))), fields=['-sort_at', '-id'], name='execution_problems'), models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['account', '-finished_at', '-id'], name='execution_ended_account'), models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['account', 'status', '-finished_at', '-id'], name='execution_ended_status'), models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['workflow', '-finished_at', '-id'], name='execution_ended_workflow'), models.Index(condition=models.Q(('status__in', ('queued', 'running', 'waiting', 'user_input', 'paused', 'unknown'))), fields=['account', 'ref'], name='execution_open'), models.Index(condition=models.Q(('settled_at__isnull', True), ('status__in', ('warning', 'failed', 'timed_out'))), fields=['-sort_at', '-id'], name='execution_unresolved'), models.Index(condition=models.Q(('settled_at__isnull', True), ('status__in', ('warning', 'failed', 'timed_out'))), fields=['account', '-sort_at', '-id'], name='execution_unresolved_account'), models.Index(condition=models.Q(('settled_at__isnull', True), ('status__in', ('warning', 'failed', 'timed_out'))), fields=['workflow', '-sort_at', '-id'], name='execution_unresolved_workflow'), models.Index(models.F('workflow'), models.F('is_keyed'), django.db.models.functions.comparison.Coalesce('finished_at', 'changed_at'), condition=models.Q(('settled_at__isnull', True), ('status__in', ('warning', 'failed', 'timed_out'))), name='execution_unresolved_end'), models.Index(condition=models.Q(('settled_at__isnull', True), ('status__in', ('warning', 'failed', 'timed_out')), models.Q(('error_key', ''), _negated=True)), fields=['error_key', 'account'], name='execution_unresolved_error'), models.Index(condition=models.Q(('ignored_until__isnull', False)), fields=['ignored_until'], name='execution_ignored_until'), models.Index(condition=models.Q(('settled_by__isnull', False)), fields=['settled_by'], name='execution_settled_by'), models.Index(condition=models.Q(('assignee__isnull', False)), fields=['assignee'], name='execution_assignee'), models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['error_key', 'account', '-sort_at', '-id'], name='execution_error'), models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['error_key', 'account', '-finished_at', '-id'], name='execution_error_end'), models.Index(condition=models.Q(('error_key', ''), _negated=True), fields=['-finished_at', '-id'], name='execution_error_ended')],
                'constraints': [models.UniqueConstraint(fields=('account', 'ref'), name='execution_key'), models.CheckConstraint(condition=models.Q(models.Q(('settled_at__isnull', True), ('settled_how', '')), models.Q(('settled_at__isnull', False), ('settled_how__in', ['resolved', 'ignored', 'succeeded'])), _connector='OR'), name='execution_settled'), models.CheckConstraint(condition=models.Q(('ignored_until__isnull', True), ('settled_how', 'ignored'), _connector='OR'), name='execution_ignored'), models.CheckConstraint(condition=models.Q(('status__in', ['queued', 'running', 'waiting', 'user_input', 'paused', 'succeeded', 'warning', 'failed', 'canceled', 'timed_out', 'skipped', 'unknown'])), name='execution_status'), models.CheckConstraint(condition=models.Q(('progress__isnull', True), ('progress__lte', 100), _connector='OR'), name='execution_progress')],
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('key', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('target', models.CharField(max_length=300)),
                ('question_ref', models.CharField(blank=True, default='', max_length=600)),
                ('sealed_arguments', models.TextField(blank=True, default='')),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account_revision', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('pending', 'requested'), ('sending', 'being sent'), ('accepted', 'accepted'), ('confirmed', 'confirmed'), ('rejected', 'rejected'), ('unknown', 'outcome unknown'), ('needs_person', 'needs a decision'), ('withdrawn', 'undone')], default='pending', max_length=12)),
                ('message', models.CharField(blank=True, default='', max_length=500)),
                ('fields', models.JSONField(blank=True, default=dict)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('doubts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('version_at_send', models.PositiveIntegerField(default=0)),
                ('native_at_send', models.CharField(blank=True, default='', max_length=60)),
                ('ended_at_send', models.DateTimeField(null=True)),
                ('new_ref', models.CharField(blank=True, default='', max_length=600)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='commands', to='providers.provideraccount')),
                ('agreed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('execution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='commands', to='executions.execution')),
                ('workflow', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.workflow')),
            ],
            options={
                'ordering': ('-requested_at',),
                'permissions': [('act', 'Can act on runs: answer, cancel, suspend, resume, retry, start')],
                'indexes': [models.Index(fields=['-requested_at'], name='command_newest'), models.Index(condition=models.Q(('state__in', ['pending', 'sending', 'accepted', 'unknown'])), fields=['account'], name='command_open'), models.Index(condition=models.Q(('kind', 'answer')), fields=['-requested_at', '-key'], name='command_answers')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['pending', 'sending', 'accepted', 'unknown'])), fields=('target', 'kind'), name='one_open_command')],
            },
        ),
        migrations.CreateModel(
            name='ExecutionDetail',
            fields=[
                ('execution', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='detail', serialize=False, to='executions.execution')),
                ('raw', models.JSONField(decoder=providers.exact_json.StoredJSON, null=True)),
                ('input', models.JSONField(decoder=providers.exact_json.StoredJSON, null=True)),
                ('output', models.JSONField(decoder=providers.exact_json.StoredJSON, null=True)),
                ('is_altered', models.BooleanField(db_default=False)),
                ('error', models.TextField(blank=True, default='')),
                ('fingerprint', models.CharField(default='', max_length=32)),
                ('read_at', models.DateTimeField(null=True)),
                ('attempt', models.PositiveSmallIntegerField(db_default=0)),
                ('log_cursor', models.TextField(blank=True, default='')),
                ('log_is_complete', models.BooleanField(default=False)),
                ('input_values', models.GeneratedField(db_persist=True, expression=executions.models.input_values.InputValues('input'), null=True, output_field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None))),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['input_values'], gin_pending_list_limit=512, name='detail_input')],
            },
        ),
        migrations.CreateModel(
            name='LastAsked',
            fields=[
                ('execution', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='last_asked', serialize=False, to='executions.execution')),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Lineage',
            fields=[
                ('execution', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lineage', serialize=False, to='executions.execution')),
                ('parent_ref', models.CharField(blank=True, default='', max_length=600)),
                ('retry_of', models.CharField(blank=True, default='', max_length=600)),
                ('seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provideraccount')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('parent_ref', ''), _negated=True), fields=['account', 'parent_ref'], name='lineage_parent_ref'), models.Index(condition=models.Q(('retry_of', ''), _negated=True), fields=['account', 'retry_of'], name='lineage_retry_of')],
            },
        ),
        migrations.CreateModel(
            name='LogEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.PositiveIntegerField()),
                ('step_ref', models.CharField(blank=True, default='', max_length=600)),
                ('at', models.DateTimeField(null=True)),
                ('level', models.CharField(blank=True, default='', max_length=20)),
                ('text', models.TextField()),
                ('execution', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='executions.execution')),
            ],
            options={
                'ordering': ('seq',),
                'indexes': [models.Index(condition=models.Q(('level__in', ('error', 'critical', 'fatal', 'severe'))), fields=['execution', 'seq'], name='log_errors')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'seq'), name='log_key')],
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=1000)),
                ('is_pinned', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('execution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='executions.execution')),
                ('workflow', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='executions.workflow')),
            ],
            options={
                'ordering': ('-is_pinned', '-created_at', '-id'),
                'indexes': [models.Index(fields=['account', '-created_at'], name='note_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('execution__isnull', True), ('workflow__isnull', True), _connector='XOR'), name='note_has_one_place'), models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='note_says_something')],
            },
        ),
        migrations.CreateModel(
            name='NoticeRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Stands in every message, so that one knows why.', max_length=100, unique=True)),
                ('event', models.CharField(choices=[('failed', 'a run failed'), ('waiting', 'a run waits for input too long'), ('overdue', 'a run is overdue'), ('stuck', 'a command is stuck'), ('account', 'an account cannot be read'), ('missing', 'an expected run did not start')], max_length=10, verbose_name='tells when')),
                ('after_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('period_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('grace_seconds', models.PositiveIntegerField(blank=True, null=True)),
                ('pause_seconds', models.PositiveIntegerField(default=60)),
                ('tells_cleared', models.BooleanField(default=True, help_text='One more message when it has recovered.', verbose_name='tells when it is over')),
                ('error_key', models.CharField(db_default='', default='', editable=False, max_length=16)),
                ('error_text', models.CharField(db_default='', default='', editable=False, max_length=200)),
                ('enabled', models.BooleanField(default=True)),
                ('sealed_targets', models.TextField(blank=True, default='', editable=False)),
                ('targets', models.JSONField(blank=True, default=list, editable=False)),
                ('active_since', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('is_primed', models.BooleanField(default=False, editable=False)),
                ('last_message_at', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('accounts', models.ManyToManyField(blank=True, help_text='None chosen: all that the team may see.', to='providers.provideraccount')),
                ('group', models.ForeignKey(blank=True, help_text='Only accounts that this team may see. Empty: all accounts.', null=True, on_delete=django.db.models.deletion.PROTECT, to='auth.group', verbose_name='team')),
                ('people', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workflows', models.ManyToManyField(blank=True, help_text='None chosen: all of them. An expected run needs at least one.', to='executions.workflow')),
            ],
            options={
                'verbose_name': 'notification rule',
                'ordering': ('name',),
                'constraints': [models.CheckConstraint(condition=models.Q(('event__in', ['failed', 'waiting', 'overdue', 'stuck', 'account', 'missing'])), name='rule_event'), models.CheckConstraint(condition=models.Q(models.Q(('event__in', ('waiting', 'stuck')), _negated=True), ('after_seconds__isnull', False), _connector='OR'), name='rule_after')],
            },
        ),
        migrations.CreateModel(
            name='NoticeMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('raised', 'raised'), ('cleared', 'cleared'), ('both', 'both'), ('test', 'test')], max_length=8)),
                ('title', models.CharField(max_length=200)),
                ('body', models.TextField()),
                ('account_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='executions.noticerule')),
            ],
            options={
                'indexes': [models.Index(fields=['-created_at', '-id'], name='message_newest')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target', models.CharField(max_length=16)),
                ('service', models.CharField(max_length=40)),
                ('shown', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('pending', 'waits to be sent'), ('preparing', 'being prepared'), ('sending', 'being sent'), ('sent', 'sent'), ('failed', 'given up'), ('unknown', 'may have arrived'), ('dropped', 'not sent')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('lease_until', models.DateTimeField(null=True)),
                ('says', models.CharField(blank=True, default='', max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('settled_at', models.DateTimeField(null=True)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='executions.noticemessage')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.noticerule')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('state__in', ('pending', 'preparing', 'sending'))), fields=['rule', 'target'], name='delivery_open'), models.Index(fields=['-created_at', '-id'], name='delivery_newest')],
                'constraints': [models.UniqueConstraint(fields=('message', 'target'), name='delivery_key'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'preparing', 'sending', 'sent', 'failed', 'unknown', 'dropped'])), name='delivery_state')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=60)),
                ('turn', models.PositiveIntegerField(default=1)),
                ('group_key', models.CharField(max_length=80)),
                ('label', models.CharField(default='', max_length=300)),
                ('detail', models.CharField(default='', max_length=300)),
                ('since', models.DateTimeField()),
                ('raised_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('cleared_at', models.DateTimeField(null=True)),
                ('cleared_because', models.CharField(blank=True, default='', max_length=80)),
                ('is_silent', models.BooleanField(default=False)),
                ('is_reminder', models.BooleanField(default=False)),
                ('told_at', models.DateTimeField(null=True)),
                ('clear_told_at', models.DateTimeField(null=True)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_until', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
                ('acknowledged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('execution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.execution')),
                ('clear_message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cleared', to='executions.noticemessage')),
                ('message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='raised', to='executions.noticemessage')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='executions.noticerule')),
                ('workflow', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.workflow')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('cleared_at__isnull', True)), fields=['rule', 'group_key'], name='notice_raised'), models.Index(condition=models.Q(('is_silent', False), ('told_at__isnull', True)), fields=['rule'], name='notice_untold'), models.Index(condition=models.Q(('clear_told_at__isnull', True), ('cleared_at__isnull', False), ('is_silent', False)), fields=['rule'], name='notice_clear_untold'), models.Index(condition=models.Q(('cleared_at__isnull', False)), fields=['cleared_at'], name='notice_old')],
                'constraints': [models.UniqueConstraint(fields=('rule', 'subject'), name='notice_key')],
            },
        ),
        migrations.CreateModel(
            name='NoticeMute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=300)),
                ('until', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('rule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='executions.noticerule')),
                ('workflow', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='executions.workflow')),
            ],
            options={
                'indexes': [models.Index(fields=['until'], name='mute_until')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('account', None), ('rule__isnull', False), ('workflow', None)), models.Q(('account__isnull', False), ('rule', None), ('workflow', None)), models.Q(('account', None), ('rule', None), ('workflow__isnull', False)), _connector='OR'), name='mute_one_thing'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='mute_reason'), models.CheckConstraint(condition=models.Q(('until__gte', models.F('created_at'))), name='mute_ends')],
            },
        ),
        migrations.CreateModel(
            name='Output',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('name', models.CharField(max_length=300)),
                ('content_type', models.CharField(blank=True, default='', max_length=100)),
                ('size', models.BigIntegerField(null=True)),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('waiting', 'waiting'), ('user_input', 'user input'), ('paused', 'paused'), ('succeeded', 'succeeded'), ('warning', 'warning'), ('failed', 'failed'), ('canceled', 'canceled'), ('timed_out', 'timed out'), ('skipped', 'skipped'), ('unknown', 'unknown')], default='succeeded', max_length=12)),
                ('error', models.CharField(blank=True, default='', max_length=500)),
                ('step_ref', models.CharField(blank=True, db_default='', default='', max_length=600)),
                ('execution', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outputs', to='executions.execution')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('execution', 'ref'), name='output_key')],
            },
        ),
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('kind', models.CharField(max_length=10)),
                ('title', models.CharField(blank=True, default='', max_length=300)),
                ('description', models.TextField(blank=True, default='')),
                ('schema', executions.models.OrderedJSON(null=True)),
                ('form', executions.models.OrderedJSON(null=True)),
                ('model', executions.models.OrderedJSON(null=True)),
                ('choices', models.JSONField(default=list)),
                ('due_at', models.DateTimeField(null=True)),
                ('url', models.CharField(blank=True, db_default='', default='', max_length=2000)),
                ('assignees', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), db_default=[], default=list, size=None)),
                ('is_answerable', models.BooleanField(default=True)),
                ('fingerprint', models.CharField(default='', max_length=32)),
                ('opened_at', models.DateTimeField()),
                ('is_opening_reported', models.BooleanField(db_default=False)),
                ('seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(null=True)),
                ('claimed_at', models.DateTimeField(null=True)),
                ('first_claimed_at', models.DateTimeField(null=True)),
                ('delegated_at', models.DateTimeField(null=True)),
                ('delegation_note', models.CharField(blank=True, db_default='', default='', max_length=300)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claimed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('delegated_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('delegated_team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='auth.group')),
                ('delegated_to', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('execution', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='executions.execution')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['opened_at', 'id'], name='question_open'), models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['due_at', 'opened_at', 'id'], name='question_due'), models.Index(condition=models.Q(('closed_at__isnull', False)), fields=['-closed_at'], name='question_closed')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'ref'), name='question_key'), models.CheckConstraint(condition=models.Q(('delegated_to', None), ('delegated_team', None), _connector='OR'), name='delegated_to_one')],
            },
        ),
        migrations.CreateModel(
            name='BatchItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('waiting', 'waiting'), ('user_input', 'user input'), ('paused', 'paused'), ('succeeded', 'succeeded'), ('warning', 'warning'), ('failed', 'failed'), ('canceled', 'canceled'), ('timed_out', 'timed out'), ('skipped', 'skipped'), ('unknown', 'unknown')], max_length=12)),
                ('state', models.CharField(choices=[('ineligible', 'left out'), ('waiting', 'waiting'), ('requested', 'requested'), ('accepted', 'accepted'), ('confirmed', 'confirmed'), ('rejected', 'rejected'), ('failed', 'unclear'), ('stopped', 'stopped'), ('skipped', 'skipped')], max_length=10)),
                ('message', models.CharField(blank=True, default='', max_length=500)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='providers.provideraccount')),
                ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='executions.batch')),
                ('command', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='batch_item', to='executions.command')),
                ('execution', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.execution')),
                ('question', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='executions.question')),
            ],
            options={
                'ordering': ('pk',),
                'indexes': [models.Index(fields=['batch', 'id'], name='batchitem_order'), models.Index(condition=models.Q(('state', 'waiting')), fields=['batch', 'account', 'id'], name='batchitem_waiting'), models.Index(condition=models.Q(('state__in', ['requested', 'accepted'])), fields=['batch'], name='batchitem_followed')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('question__isnull', True)), fields=('batch', 'execution'), name='batchitem_run'), models.UniqueConstraint(condition=models.Q(('question__isnull', False)), fields=('question', 'batch'), name='batchitem_question'), models.CheckConstraint(condition=models.Q(('state__in', ['ineligible', 'waiting', 'requested', 'accepted', 'confirmed', 'rejected', 'failed', 'stopped', 'skipped'])), name='batchitem_state'), models.CheckConstraint(condition=models.Q(models.Q(('command__isnull', False), ('state__in', ['requested', 'accepted', 'confirmed', 'rejected', 'failed'])), ('state', 'stopped'), models.Q(('command__isnull', True), ('state__in', ['ineligible', 'waiting', 'skipped'])), _connector='OR'), name='batchitem_command')],
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed_values', models.TextField()),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('question', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='executions.question')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('question', 'user'), name='draft_key')],
            },
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('key', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(max_length=32)),
                ('sealed_arguments', models.TextField()),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('held', 'waits for a second person'), ('agreed', 'agreed'), ('returned', 'given back'), ('withdrawn', 'withdrawn'), ('overtaken', 'overtaken')], default='held', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('sentence', models.CharField(blank=True, default='', max_length=500)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('question', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proposals', to='executions.question')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'held')), fields=('question',), name='one_held_proposal')],
            },
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('execution', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='reading', serialize=False, to='executions.execution')),
                ('rank', models.PositiveSmallIntegerField(choices=[(0, 'a person or a program looks at the run'), (1, 'a poll saw a change, and had no time to read it or its log'), (2, 'the run had ended before we first saw it')])),
                ('wants_run', models.BooleanField()),
                ('wants_log', models.BooleanField()),
                ('asked_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('watched_until', models.DateTimeField(null=True)),
                ('sort_at', models.DateTimeField()),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('rank__lt', 2)), fields=['account', 'rank', 'due_at'], name='reading_due'), models.Index(condition=models.Q(('rank', 2)), fields=['account', '-sort_at'], name='reading_history')],
            },
        ),
        migrations.CreateModel(
            name='RunKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('value', models.CharField(db_collation='C', max_length=200)),
                ('text', models.CharField(max_length=100)),
                ('sort_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provideraccount')),
                ('execution', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='executions.execution')),
            ],
            options={
                'indexes': [models.Index(fields=['value', 'account', '-sort_at', '-execution'], name='run_key_newest')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'value'), name='run_key')],
            },
        ),
        migrations.CreateModel(
            name='RunLabel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(db_collation='C', max_length=261)),
                ('sort_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='providers.provideraccount')),
                ('execution', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='executions.execution')),
            ],
            options={
                'indexes': [models.Index(fields=['text', 'account', '-sort_at', '-execution'], name='run_label_newest')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'text'), name='run_label')],
            },
        ),
        migrations.CreateModel(
            name='StartDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed_values', models.TextField()),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('workflow', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='executions.workflow')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workflow', 'user'), name='start_draft_key')],
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=600)),
                ('position', models.PositiveIntegerField()),
                ('path', models.JSONField(default=list)),
                ('name', models.CharField(max_length=300)),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('waiting', 'waiting'), ('user_input', 'user input'), ('paused', 'paused'), ('succeeded', 'succeeded'), ('warning', 'warning'), ('failed', 'failed'), ('canceled', 'canceled'), ('timed_out', 'timed out'), ('skipped', 'skipped'), ('unknown', 'unknown')], max_length=12)),
                ('status_reason', models.CharField(blank=True, default='', max_length=60)),
                ('native_status', models.CharField(blank=True, default='', max_length=60)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('output', models.JSONField(decoder=providers.exact_json.StoredJSON, null=True)),
                ('attempt', models.PositiveSmallIntegerField(db_default=0)),
                ('run_ref', models.CharField(blank=True, default='', max_length=600)),
                ('tries', models.JSONField(db_default=[], default=list)),
                ('execution', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='executions.execution')),
            ],
            options={
                'ordering': ('position',),
                'indexes': [models.Index(condition=models.Q(('run_ref', ''), _negated=True), fields=['run_ref'], name='step_of_sub_run')],
                'constraints': [models.UniqueConstraint(fields=('execution', 'ref'), name='step_key')],
            },
        ),
        migrations.CreateModel(
            name='TriageAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('act', models.CharField(choices=[('resolve', 'Resolved'), ('ignore', 'Ignored'), ('assign', 'In hand'), ('let_go', 'Let go'), ('reopen', 'Reopened')], max_length=8)),
                ('reason', models.CharField(blank=True, default='', max_length=300)),
                ('until', models.DateTimeField(null=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('assignee', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('execution', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='triage_acts', to='executions.execution')),
            ],
            options={
                'ordering': ('-at', '-pk'),
                'indexes': [models.Index(fields=['execution', '-at', '-id'], name='triage_act_newest')],
            },
        ),
        migrations.CreateModel(
            name='WorkflowProfile',
            fields=[
                ('workflow', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='profile', serialize=False, to='executions.workflow')),
                ('runbook', models.TextField(blank=True, default='')),
                ('runbook_at', models.DateTimeField(null=True)),
                ('labels', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None)),
                ('expected_seconds', models.PositiveIntegerField(null=True)),
                ('needs_two', models.BooleanField(db_default=False, default=False)),
                ('grace_seconds', models.PositiveIntegerField(null=True)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('runbook_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='auth.group')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('owner__isnull', True), ('team__isnull', True), _connector='OR'), name='workflow_has_one_owner')],
            },
        ),
        migrations.CreateModel(
            name='WorkflowTally',
            fields=[
                ('pk', models.CompositePrimaryKey('workflow_id', 'quarter', 'status', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('quarter', models.IntegerField()),
                ('status', models.CharField(max_length=12)),
                ('slot', models.SmallIntegerField()),
                ('count', models.BigIntegerField(default=0)),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='executions.workflow')),
            ],
            options={
                'indexes': [models.Index(fields=['quarter'], name='workflow_tally_quarter')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PARTITIONED)],
            state_operations=[
                migrations.CreateModel(
                    name='Transition',
                    fields=[
                        ('pk', models.CompositePrimaryKey('observed_at', 'execution_id', 'version', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('version', models.PositiveIntegerField()),
                        ('from_status', models.CharField(blank=True, default='', max_length=12)),
                        ('to_status', models.CharField(max_length=12)),
                        ('status_reason', models.CharField(blank=True, default='', max_length=60)),
                        ('native_status', models.CharField(blank=True, default='', max_length=60)),
                        ('provider_time', models.DateTimeField(null=True)),
                        ('observed_at', models.DateTimeField()),
                        ('flags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                        ('execution', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='executions.execution')),
                    ],
                    options={
                        'ordering': ('version',),
                    },
                ),
                migrations.CreateModel(
                    name='PollRun',
                    fields=[
                        ('pk', models.CompositePrimaryKey('started_at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('id', models.BigIntegerField()),
                        ('poll_seq', models.BigIntegerField()),
                        ('started_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('outcome', models.CharField(max_length=20)),
                        ('requests', models.IntegerField(default=0)),
                        ('bytes', models.BigIntegerField(default=0)),
                        ('seen', models.IntegerField(default=0)),
                        ('changed', models.IntegerField(default=0)),
                        ('quarantined', models.IntegerField(default=0)),
                        ('error', models.CharField(blank=True, default='', max_length=500)),
                        ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='providers.provideraccount')),
                    ],
                    options={
                        'ordering': ('-started_at',),
                    },
                ),
            ],
        ),
        migrations.RunSQL([APPEND_ONLY, CHAIN, STORAGE, CACHE]),
    ]
