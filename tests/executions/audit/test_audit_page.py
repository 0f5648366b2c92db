"""The page of the audit log: who reads what of it, its filters, its pages, its file, its state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from executions.access import audit_log
from executions.access.audit_log import Action
from executions.audit import incremental_verification
from executions.models import AuditCheck, AuditEntry, AuditSeal
from providers.models import ProviderAccount
from tests.pages import Page

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(people: Any, account: Any, sign_in: Any) -> Client:
    """An administrator of the team east, whose account is Claims; Letters is of west."""
    ProviderAccount.objects.create(
        name="Letters", provider="smartflows", group=Group.objects.get(name="west")
    )
    user = User.objects.create_user("ada", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=["admin", "east"]))
    return sign_in(user)


def note(actor: str, action: Action, account: str, target: str, **detail: Any) -> None:
    audit_log.record(actor, action, account_name=account, target=target, detail=detail)


def shown(client: Client, **query: Any) -> list[str]:
    return [row["target"] for row in client.get("/audit/", query).context["rows"]]


def test_an_administrator_reads_what_was_done_to_accounts_in_sight(ada, ana, sign_in):
    note("ana", Action.CANCEL, "Claims", "run:1", reason="drill")
    note("eve", Action.CANCEL, "Letters", "run:2")
    note("eve", Action.TOKEN_ISSUED, "", "token:3 of eve")
    note("ada", Action.TOKEN_ISSUED, "", "token:4 of ada")
    assert shown(ada) == ["token:4 of ada", "run:1"]
    assert "drill" in ada.get("/audit/").content.decode()
    assert shown(ada, account="Letters") == []
    assert ana.get("/audit/").status_code == 403
    assert ana.get("/audit.csv").status_code == 403
    root = sign_in(User.objects.create_superuser("root"))
    assert len(shown(root)) == 4
    file = b"".join(ada.get("/audit.csv").streaming_content).decode()  # type: ignore[arg-type]
    assert "run:1" in file
    assert "run:2" not in file
    assert AuditEntry.objects.filter(actor="ada", action="audit.exported").count() == 1


def test_it_is_narrowed_by_person_act_account_run_and_time(ada: Client) -> None:
    for number in range(3):
        note("ana", Action.CANCEL, "Claims", f"run:{number}")
    note("vik", Action.SUSPEND, "Claims", "run:1")
    assert shown(ada, by="vik") == ["run:1"]
    assert shown(ada, act="cancel") == ["run:2", "run:1", "run:0"]
    assert shown(ada, run="1") == ["run:1", "run:1"]
    assert shown(ada, run="1", by="ana", account="Claims") == ["run:1"]
    later = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert shown(ada, **{"from": later}) == []
    assert len(shown(ada, to=later)) == 4
    page = ada.get("/audit/", {"act": "dance", "from": "soon", "who": "x"}).content.decode()
    for remark in ("There is no action “dance”", "“soon” is not a time", "“who” is not a filter"):
        assert remark in page


def test_actions_and_times_are_written_for_people(ada: Client) -> None:
    until = "2026-12-07T20:29:35.893771+00:00"
    note("ana", Action.NOTICE_LET_GO, "Claims", "notice:1", muted_until=until, reason="drill")
    page = Page(ada.get("/audit/"))
    row = page.one("table.audit tbody tr")
    assert "notification let go" in row
    assert "reason: drill; muted until: Dec 07 20:29:35 UTC" in row
    assert "notice.let_go" not in page
    assert page.has("option[value='notice.let_go']", "notification let go")


def test_its_pages_follow_each_other_without_gap_or_repetition(ada, monkeypatch):
    from executions.audit import entries, views

    for number in range(7):
        note("ana", Action.CANCEL, "Claims", f"run:{number}")
    monkeypatch.setattr(views, "PAGE", 3)
    monkeypatch.setattr(entries, "CHUNK", 2)
    found, address = [], "/audit/"
    while address:
        page = ada.get(address)
        found += [row["target"] for row in page.context["rows"]]
        following = page.context["following"]
        address = f"/audit/{following}" if following else ""
    assert found == [f"run:{number}" for number in range(6, -1, -1)]
    lines = b"".join(ada.get("/audit.csv?act=cancel").streaming_content).decode()  # type: ignore[arg-type]
    assert [line.count("run:") for line in lines.splitlines()] == [0] + [1] * 7


def test_each_look_is_a_page_of_an_index(ada: Client) -> None:
    """However many entries there are of others."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO executions_auditentry (at, actor, action, account_name, target, detail)"
            " SELECT now() - n * interval '1 second', 'eve', 'cancel', 'Letters', 'run:' || n, '{}'"
            " FROM generate_series(1, 60000) n"
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        note("ana", Action.CANCEL, "Claims", "run:1")
        cursor.execute("ANALYZE executions_auditentry")
        before = _read_one_by_one(cursor)
        assert shown(ada, by="ana") == ["run:1"]
        assert shown(ada) == ["run:1"]
        assert _read_one_by_one(cursor) == before


def _read_one_by_one(cursor: Any) -> int:
    """Entries that this transaction has read by going through the table."""
    cursor.execute(
        "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_xact_user_tables"
        " WHERE relname = 'executions_auditentry'"
    )
    return int(cursor.fetchone()[0])


def test_it_says_up_to_where_it_is_verified_and_what_is_not_as_it_was(ada: Client) -> None:
    assert "Not verified yet" in ada.get("/audit/").content.decode()
    for number in range(5):
        note("ana", Action.CANCEL, "Claims", f"run:{number}")
    incremental_verification.carry_on()
    last = AuditEntry.objects.order_by("-pk")[0]
    page = ada.get("/audit/").content.decode()
    assert f"Verified up to entry {last.pk}" in page
    note("ana", Action.CANCEL, "Claims", "run:9")
    assert "1 newer entry is checked within the hour" in ada.get("/audit/").content.decode()
    incremental_verification.carry_on()
    assert AuditCheck.objects.get().verified_number == AuditSeal.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE executions_auditentry SET actor = 'eve' WHERE target = 'run:2'")
        cursor.execute("SET session_replication_role = DEFAULT")
    incremental_verification.carry_on()  # it was read before, and is read again once a day
    assert not AuditCheck.objects.get().problem
    AuditCheck.objects.update(begun_at=timezone.now() - timedelta(days=2))
    incremental_verification.carry_on()
    page = ada.get("/audit/").content.decode()
    assert "Not as it was written." in page
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE executions_auditentry SET actor = 'ana' WHERE target = 'run:2'")
        cursor.execute("SET session_replication_role = DEFAULT")
    incremental_verification.carry_on()
    assert "Verified up to entry" in ada.get("/audit/").content.decode()


def test_a_log_that_was_cut_off_is_noticed(ada: Client) -> None:
    for number in range(3):
        note("ana", Action.CANCEL, "Claims", f"run:{number}")
    incremental_verification.carry_on()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM executions_auditseal WHERE number = 3")
        cursor.execute("DELETE FROM executions_auditentry WHERE target = 'run:2'")
        cursor.execute("SET session_replication_role = DEFAULT")
    incremental_verification.carry_on()
    assert "the log was cut off" in ada.get("/audit/").content.decode()
