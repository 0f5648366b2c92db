-- What the site's role may do with what the owner owns. Rights that it must not have are taken in the
-- same transaction in which they are given with all others: nobody sees the time between.

-- name: one_at_a_time
SELECT pg_advisory_xact_lock(hashtext('annunciator database roles'))

-- name: grant
DO $grant$
DECLARE
    site CONSTANT text := {role};
    each record;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', site);
    IF has_schema_privilege(site, 'public', 'CREATE') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %I', site);
    END IF;
    -- tables, partitioned ones and sequences, but for those of others, such as of an extension
    FOR each IN
        SELECT c.relname AS name, c.relkind AS kind FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
            AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        IF each.kind = 'S' THEN
            EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE public.%I TO %I', each.name, site);
        ELSE
            EXECUTE format('REVOKE ALL ON public.%I FROM %I', each.name, site);
            EXECUTE format('GRANT %s ON public.%I TO %I',
                CASE each.name
                    WHEN 'executions_auditentry' THEN 'SELECT, INSERT'
                    WHEN 'executions_auditseal' THEN 'SELECT'
                    WHEN 'django_migrations' THEN 'SELECT'
                    ELSE 'SELECT, INSERT, UPDATE, DELETE'
                END, each.name, site);
        END IF;
    END LOOP;
END
$grant$

-- name: may_change_the_audit_log
SELECT coalesce(has_table_privilege(to_regclass('executions_auditentry'), 'UPDATE'), false)
