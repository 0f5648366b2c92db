"""`manage.py verify_audit` finds whatever was done to the audit log past the site, by whoever owns
the database and has switched its triggers off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from executions.access import audit_log
from executions.models import AuditEntry, AuditSeal

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def past_the_triggers() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")


def run(statement: str) -> None:
    with past_the_triggers(), connection.cursor() as cursor:
        cursor.execute(statement)


def said(**options: str) -> list[str]:
    out = StringIO()
    call_command("verify_audit", stdout=out, **options)
    return out.getvalue().splitlines()


@pytest.fixture(autouse=True)
def entries(db: None) -> list[AuditEntry]:
    for number in range(5):
        audit_log.record(
            "ana", audit_log.Action.CANCEL, account_name="Claims", target=f"run:{number}",
            detail={"reason": "ä “x”", "n": [1.50, None]}, address="203.0.113.1",
        )  # fmt: skip
    return list(AuditEntry.objects.order_by("pk"))


def test_a_log_as_it_was_written_is_intact_whatever_the_zone_of_its_reader() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY'")
    found = said()
    with connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'; RESET datestyle")
    assert found[0] == "Intact: 5 entries are as they were written."
    assert found[1] == str(AuditSeal.objects.get(number=5))
    assert said(holds=found[1])[0].startswith("Intact")


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'eve'", "at = at + interval '1 microsecond'", "detail = '{}'", "target = ''",
        "account_name = 'Other'", "address = NULL", "action = 'resume'",
        "command_key = gen_random_uuid()",
    ],
)  # fmt: skip
def test_the_first_changed_entry_is_named(entries: list[AuditEntry], change: str) -> None:
    pk = entries[2].pk
    run(f"UPDATE executions_auditentry SET {change} WHERE id >= {pk}")  # noqa: S608 - our own words
    with pytest.raises(CommandError, match=f"entry {pk} is not as it was written.* 2 before it"):
        said()


def test_what_was_removed_or_added_is_named(entries: list[AuditEntry]) -> None:
    with past_the_triggers():
        audit_log.record("eve", audit_log.Action.RESUME, target="run:9")
    added = AuditEntry.objects.latest("pk").pk
    with pytest.raises(CommandError, match=f"entry {added} did not come through the site"):
        said()
    run(f"DELETE FROM executions_auditentry WHERE id = {entries[1].pk}")  # noqa: S608 - our own words
    with pytest.raises(CommandError, match=f"entry {entries[1].pk} was removed"):
        said()
    run(f"DELETE FROM executions_auditseal WHERE entry = {entries[1].pk}")  # noqa: S608 - our own words
    with pytest.raises(CommandError, match="The seal 2 was removed"):
        said()


def test_a_line_kept_elsewhere_proves_that_nothing_was_cut_off(entries: list[AuditEntry]) -> None:
    kept = said()[1]
    for table, column in (("executions_auditentry", "id"), ("executions_auditseal", "entry")):
        run(f"DELETE FROM {table} WHERE {column} = {entries[-1].pk}")  # noqa: S608 - our own words
    assert said()[0].startswith("Intact: 4")
    with pytest.raises(CommandError, match="cut off, or written anew"):
        said(holds=kept)


def test_what_is_rolled_back_leaves_no_gap() -> None:
    with transaction.atomic():
        audit_log.record("ana", audit_log.Action.CANCEL)
        transaction.set_rollback(True)
    audit_log.record("ana", audit_log.Action.CANCEL)
    assert said()[0].startswith("Intact: 6")


def test_many_at_a_time_are_one_chain() -> None:
    def write() -> None:
        for _ in range(10):
            with transaction.atomic():
                audit_log.record("ana", audit_log.Action.CANCEL)
                audit_log.record("ana", audit_log.Action.RESUME)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said()[0].startswith("Intact: 125")


def test_the_seals_cannot_be_changed_by_the_site() -> None:
    for sql in ("UPDATE executions_auditseal SET hash = ''", "DELETE FROM executions_auditseal"):
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            cursor.execute(sql)
