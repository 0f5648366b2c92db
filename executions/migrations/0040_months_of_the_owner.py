"""Partitions are made and dropped by functions that act as the owner of the tables: the site's role
owns none (config/database_roles.py). They take the two partitioned tables and nothing else, and
drop no month that is not over."""

from django.db import migrations

MONTHS = """
CREATE OR REPLACE FUNCTION executions_ensure_month(parent text, month date) RETURNS void
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
"""

AS_WHO_ASKS = """
ALTER FUNCTION executions_ensure_month(text, date) SECURITY INVOKER RESET ALL;
DROP FUNCTION executions_drop_month(text, date);
"""


class Migration(migrations.Migration):
    dependencies = [("executions", "0039_delegation")]

    operations = [migrations.RunSQL(MONTHS, AS_WHO_ASKS)]
