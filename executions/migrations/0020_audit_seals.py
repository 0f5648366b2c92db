"""Seals the audit log: each entry is hashed together with the hash before it, as its transaction
commits. One after the other: the lock is taken last of all and is gone with the commit."""

from django.db import migrations, models

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

SELECT executions_audit_seal(e) FROM (SELECT * FROM executions_auditentry ORDER BY id) e;

CREATE CONSTRAINT TRIGGER audit_sealed AFTER INSERT ON executions_auditentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION executions_audit_committed();
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE ON executions_auditseal
    FOR EACH ROW EXECUTE FUNCTION executions_refuse_change();
CREATE TRIGGER seal_no_truncate BEFORE TRUNCATE ON executions_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION executions_refuse_change();
"""

UNCHAINED = """
DROP TRIGGER audit_sealed ON executions_auditentry;
DROP TRIGGER seal_append_only ON executions_auditseal;
DROP TRIGGER seal_no_truncate ON executions_auditseal;
DROP FUNCTION executions_audit_committed();
DROP FUNCTION executions_audit_seal(executions_auditentry);
DROP FUNCTION executions_audit_text(executions_auditentry);
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0019_masked_too_much")]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry", models.BigIntegerField(unique=True)),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        migrations.RunSQL(CHAIN, UNCHAINED),
    ]
