"""What Django's models cannot say: partitioned history, an append-only audit log, table storage.
The three roles follow from `executions.apps` after every migrate."""

from django.db import migrations

PARTITIONED = """
-- 0001 made them plain, which Django cannot say otherwise; nothing is in them yet.
DROP TABLE executions_transition;
DROP TABLE executions_pollrun;

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

-- One partition per month; called by the daily tidy-up for this month and the next two.
CREATE FUNCTION executions_ensure_month(parent text, month date) RETURNS void AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        parent || to_char(month, '_YYYY_MM'), parent, month, (month + interval '1 month')::date
    );
END
$$ LANGUAGE plpgsql;
SELECT executions_ensure_month(parent, (date_trunc('month', now()) + make_interval(months => ahead))::date)
FROM unnest(ARRAY['executions_transition', 'executions_pollrun']) AS parent, generate_series(0, 2) AS ahead;
"""

UNPARTITIONED = """
DROP TABLE executions_transition;
DROP TABLE executions_pollrun;
DROP SEQUENCE executions_pollrun_id_seq;
DROP FUNCTION executions_ensure_month(text, date);
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

CHANGEABLE = """
DROP TRIGGER audit_append_only ON executions_auditentry;
DROP TRIGGER audit_no_truncate ON executions_auditentry;
DROP FUNCTION executions_refuse_change();
"""

# Room on the page keeps updates of unindexed columns in place (measured: 98 % at 80).
STORAGE = """
ALTER TABLE executions_execution SET (fillfactor = 80);
ALTER TABLE executions_executiondetail SET (fillfactor = 80);
ALTER TABLE executions_statuscount SET (fillfactor = 50);
ALTER TABLE providers_provideraccount SET (fillfactor = 50);
"""

class Migration(migrations.Migration):
    dependencies = [
        ("executions", "0001_initial"),
        ("providers", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(PARTITIONED, UNPARTITIONED),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
