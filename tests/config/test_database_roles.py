"""What the role that the site works with cannot do in the database, and what it still can."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction

from config import database_roles, embedded_services
from executions.access import audit_log
from executions.access.audit_verification import verify
from executions.models import AuditCheck, AuditEntry, AuditSeal
from executions.storage import partitions
from tests import prepared_postgres
from tests.product import own_folder

ROLE = "a site's role"  # of this transaction alone


def has_role(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {connection.ops.quote_name(role)}")


@pytest.fixture
def site(db: None) -> Iterator[None]:
    """An entry that is committed, as far as a test can, and then no owner any more."""
    audit_log.record("ana", audit_log.Action.CANCEL, target="run:1")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT executions_ensure_month('executions_pollrun', '2001-02-01')")
        database_roles.grant(connection.connection, ROLE)
        has_role(ROLE)
        yield
        cursor.execute("RESET ROLE")


REFUSED = [
    *(
        act.format(table=table)
        for table in ("executions_auditentry", "executions_auditseal")
        for act in (
            "UPDATE {table} SET id = id" if table.endswith("y") else "UPDATE {table} SET entry = 2",
            "DELETE FROM {table}",
            "TRUNCATE {table}",
            "DROP TABLE {table} CASCADE",
            "ALTER TABLE {table} DISABLE TRIGGER ALL",
            "ALTER TABLE {table} RENAME TO other",
            "CREATE TRIGGER a BEFORE INSERT ON {table} EXECUTE FUNCTION executions_refuse_change()",
            "SELECT * FROM {table} FOR UPDATE",
        )
    ),
    "INSERT INTO executions_auditseal (number, entry, hash) VALUES (9, 9, '')",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION executions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RETURN NEW; END'",
    "DROP TRIGGER audit_append_only ON executions_auditentry",
    "DROP TABLE executions_execution CASCADE",
    "TRUNCATE executions_execution CASCADE",
    "CREATE TABLE public.mine (id int)",
    "DROP TABLE executions_pollrun_2001_02",
    "DELETE FROM django_migrations",
    "SELECT executions_ensure_month('executions_auditentry', '2001-02-01')",
    "SELECT executions_drop_month('executions_auditentry', '2001-02-01')",
    "SELECT executions_drop_month('executions_pollrun', date_trunc('month', now())::date)",
]


def test_the_audit_log_its_triggers_and_the_tables_are_out_of_its_reach(site: None) -> None:
    done = []
    with connection.cursor() as cursor:  # grants nothing, with a warning
        cursor.execute("GRANT ALL ON executions_auditentry TO CURRENT_USER")
    for statement in REFUSED:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        except DatabaseError as error:
            said = str(error)
            assert any(word in said for word in ("permission denied", "must be owner", "no months",
                       "is not over")), (statement, said)  # fmt: skip
        else:
            done.append(statement)
    assert done == []


def test_what_the_site_does_by_itself_works_under_it(site: None, settings: Any) -> None:
    audit_log.record("ana", audit_log.Action.RESUME, target="run:2")
    assert AuditSeal.objects.count() == AuditEntry.objects.count()
    assert verify().problem == ""
    AuditCheck.objects.update_or_create(pk=1)
    cache.set("counted", 3)
    assert cache.incr("counted") == 4
    cache.delete("counted")
    partitions.make_months_ahead()
    settings.ANNUNCIATOR_KEEP_DAYS = 1
    assert partitions.drop_old_months() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('executions_pollrun_2001_02')")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (ROLE,)


@pytest.mark.timeout(300)
def test_a_data_folder_of_an_earlier_version_gets_the_role_at_its_next_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with own_folder() as folder:
        prepared_postgres.put_into(folder)
        owner = embedded_services.start_postgres(folder)
        try:
            site = owner.replace("postgres@", f"{database_roles.OF_EMBEDDED}@")
            with psycopg.connect(site) as server:  # `migrate` gave it its rights
                server.execute("SELECT count(*) FROM executions_auditentry")
            with psycopg.connect(owner) as server:
                server.execute(f"DROP OWNED BY {database_roles.OF_EMBEDDED}")
                server.execute(f"DROP ROLE {database_roles.OF_EMBEDDED}")
            monkeypatch.setenv("DATABASE_OWNER_URL", "")
            monkeypatch.setenv("DATABASE_URL", owner)
            database_roles.separate_embedded()
            assert os.environ["DATABASE_OWNER_URL"] == owner
            with psycopg.connect(os.environ["DATABASE_URL"]) as server:
                assert server.info.user == database_roles.site_role() == "annunciator_app"
                server.execute("SELECT count(*) FROM executions_auditentry")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    server.execute("DELETE FROM executions_auditentry")
        finally:
            embedded_services.stop_postgres(folder)


def test_commands_that_change_tables_act_as_the_owner_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner@db/runs")
    monkeypatch.setenv("DATABASE_OWNER_PASSWORD", " of it ")
    monkeypatch.setenv("DATABASE_URL", "postgresql://site:x@db/runs")
    monkeypatch.setattr(database_roles, "_acts_as_owner", False)
    found = {}
    for command in ("setup", "migrate", "run", "token", "listen", "shell"):
        database_roles.choose(command)
        found[command] = (database_roles.address(), database_roles.password())
    owner, site = ("postgresql://owner@db/runs", " of it "), ("postgresql://site:x@db/runs", "")
    assert found == {
        "setup": owner, "migrate": owner, "run": owner,
        "token": site, "listen": site, "shell": site,
    }  # fmt: skip
    database_roles.forget_owner()
    assert "DATABASE_OWNER_URL" not in os.environ
    assert database_roles.site_role() == ""
