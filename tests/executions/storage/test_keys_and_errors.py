"""What storing knows of errors and business keys; stored runs looked through again; what ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.utils import timezone

from executions.errors import acts
from executions.errors import groups as error_groups
from executions.models import CorrelationRule, ErrorAcknowledgement, Execution, KeySearch, RunKey
from executions.payloads.error_fingerprint import error_key
from executions.storage import key_backfill, key_rules
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def account() -> ProviderAccount:
    return ProviderAccount.objects.create(name="Warehouse", provider="generio")


def put(account: ProviderAccount, ref: str, status: Status = Status.FAILED, **more: Any) -> None:
    seq, rules = more.pop("seq", 1), key_rules.rules_of(account.pk)
    workflow = contract.Workflow(ref=more.pop("wf", "w1"), name="Nightly import")
    given = {
        "native_status": status.value,
        "started_at": NOW - timedelta(minutes=5),
        "finished_at": NOW - timedelta(minutes=1) if status.is_final else None,
        **more,
    }
    snapshot = Snapshot(ref=ref, workflow=workflow, status=status, **given)
    store(account.pk, seq, [snapshot], rules=rules)
    key_rules.report(rules)


def rule(account: ProviderAccount, source: str = "name", **more: str) -> CorrelationRule:
    return CorrelationRule.objects.create(
        account=account, name="order number", source=source, **more
    )


def keys(ref: str = "r1") -> list[str]:
    return list(
        RunKey.objects.filter(execution__ref=ref).order_by("pk").values_list("text", flat=True)
    )


# ------------------------------------------------------------------------------------- errors


def test_runs_with_the_same_error_share_its_key_and_runs_without_have_none(account):
    put(account, "a", error="Timeout after 30 s at order 17")
    put(account, "b", error="Timeout after 9 s at order 4\nand a trace")
    put(account, "c", Status.SUCCEEDED)
    a, b, c = Execution.objects.order_by("ref").values_list("error_key", flat=True)
    assert a == b == error_key("Timeout after 30 s at order 17")
    assert c == ""


def test_the_key_goes_with_the_error(account):
    put(account, "r1", error="disk full")
    put(account, "r1", Status.RUNNING, seq=2)
    assert Execution.objects.get().error_key == ""
    put(account, "r1", error="disk full", seq=3)
    put(account, "r1", seq=4, name="a list row that tells no error")
    run = Execution.objects.get()
    assert (run.name, run.error_summary) == ("a list row that tells no error", "disk full")
    assert run.error_key == error_key("disk full")


def test_a_traceback_is_known_by_its_last_line(account):
    trace = "Traceback (most recent call last):\n  File \"x.py\", line 3\nKeyError: 'id'"
    put(account, "r1", error=trace)
    assert Execution.objects.get().error_summary == "KeyError: 'id'"


def test_a_traceback_below_a_heading_is_known_by_its_last_line_too(account):
    trace = 'Traceback (most recent call last):\n  File "x.py", line 3\nValueError: no rows'
    put(account, "r1", error=f"Runtime error:\n{trace}")
    put(account, "r2", error=f"The import stopped\n{trace}")
    said = list(Execution.objects.order_by("ref").values_list("error_summary", flat=True))
    assert said == ["ValueError: no rows", "The import stopped"]


def test_the_migration_gives_stored_runs_their_keys(account):
    put(account, "r1", error="disk full")
    Execution.objects.update(error_key="")
    migration = __import__("importlib").import_module("executions.migrations.0007_errors")
    migration.give_keys(None, type("Editor", (), {"connection": connection}))
    assert Execution.objects.get().error_key == error_key("disk full")


# --------------------------------------------------------------------------------------- keys


def test_a_run_is_stored_with_the_keys_that_the_rules_find(account):
    rule(account, pattern=r"ORD-\d+")
    rule(account, "input", path="$.order.id")
    put(account, "r1", name="Intake ORD-17", input={"order": {"id": 9}}, steps=())
    assert keys() == ["ORD-17", "9"]
    assert RunKey.objects.first().sort_at == Execution.objects.get().sort_at


def test_an_unchanged_run_writes_no_key_and_a_changed_one_only_what_is_new(account):
    rule(account, pattern=r"ORD-\d+")
    put(account, "r1", Status.RUNNING, name="ORD-17")
    first = RunKey.objects.get()
    put(account, "r1", Status.RUNNING, name="ORD-17", seq=2)
    put(account, "r1", Status.SUCCEEDED, name="ORD-17, ORD-18", seq=3)
    assert keys() == ["ORD-17", "ORD-18"]
    assert RunKey.objects.filter(pk=first.pk).exists()


def test_a_run_never_has_more_than_five_keys_however_often_it_changes(account):
    rule(account, pattern=r"ORD-\d+")
    for seq in range(1, 4):
        name = " ".join(f"ORD-{seq}{n}" for n in range(3))
        put(account, "r1", Status.RUNNING, name=name, progress=seq, seq=seq)
    assert len(keys()) == 5


def test_a_secret_is_no_key(account):
    rule(account, "input", path="order")
    rule(account, "input", path="api_key")
    more = {"input": {"order": "token=abc123", "api_key": "k-17"}, "steps": ()}
    put(account, "r1", **more)
    assert keys() == []


def test_a_rule_gone_bad_stops_nothing_and_is_reported(account):
    bad = rule(account, pattern="((")
    put(account, "r1", name="ORD-17")
    bad.refresh_from_db()
    assert Execution.objects.count() == 1
    assert bad.problem.startswith("Pattern: This is not a valid RE2 pattern")


def test_keys_go_with_their_run(account):
    rule(account, pattern=r"ORD-\d+")
    put(account, "r1", name="ORD-17")
    Execution.objects.all().delete()
    assert not RunKey.objects.exists()


def test_stored_runs_are_looked_through_by_a_changed_rule_in_slices(account, monkeypatch):
    monkeypatch.setattr(key_backfill, "BATCH", 2)
    old = rule(account, pattern=r"ORD-\d+")
    for n in range(5):
        put(account, f"r{n}", name=f"ORD-{n} PO-{n}", started_at=NOW - timedelta(hours=n))
    put(account, "ancient", name="ORD-9 PO-9", started_at=NOW - timedelta(days=30))
    CorrelationRule.objects.filter(pk=old.pk).update(pattern=r"PO-\d+")
    key_backfill.ask(account, 7, None)
    monkeypatch.setattr(key_backfill, "SLICE", 0.0)
    key_backfill.carry_on(account.pk)
    assert KeySearch.objects.get().looked_at == 0
    monkeypatch.setattr(key_backfill, "SLICE", 20.0)
    assert key_backfill.due() == [account.pk]
    key_backfill.carry_on(account.pk)
    search = KeySearch.objects.get()
    assert (search.looked_at, search.found, key_backfill.due()) == (5, 5, [])
    assert search.finished_at is not None
    assert [keys(f"r{n}") for n in range(5)] == [[f"PO-{n}"] for n in range(5)]
    assert keys("ancient") == ["ORD-9"]  # older than was asked for


def test_a_search_reads_stored_input_and_output(account):
    put(account, "r1", input={"order": {"id": 4711}}, output={"n": "X-1"}, steps=())
    rule(account, "input", path="order.id")
    rule(account, "output", path="n")
    key_backfill.ask(account, 7, None)
    key_backfill.carry_on(account.pk)
    assert sorted(keys()) == ["4711", "X-1"]


def test_two_workers_do_not_search_the_same_account(account):
    key_backfill.ask(account, 7, None)
    KeySearch.objects.update(lease_until=timezone.now() + timedelta(seconds=30))
    assert key_backfill.due() == []
    key_backfill.carry_on(account.pk)
    assert KeySearch.objects.get().finished_at is None


# ----------------------------------------------------------------------------- acknowledging


@pytest.fixture
def taken(account: ProviderAccount) -> str:
    put(account, "r1", error="disk full")
    put(account, "r2", error="disk full", wf="w2")
    key = error_key("disk full")
    ana = User.objects.create_user("ana")
    ana.groups.add(Group.objects.get(name="operator"))
    acts.take(key, [account], ana, "on it")
    return key


def state(key: str) -> tuple[bool, str]:
    row = ErrorAcknowledgement.objects.get(error_key=key)
    return row.ended_at is None, row.ending


def test_it_holds_until_every_workflow_has_succeeded_since(account, taken):
    put(account, "r3", Status.SUCCEEDED, finished_at=NOW)
    assert acts.settle() == 0
    put(account, "r4", Status.SUCCEEDED, finished_at=NOW, wf="w2")
    assert acts.settle() == 1
    assert state(taken) == (False, "succeeded")


def test_a_success_before_the_error_clears_nothing(account, taken):
    put(account, "r3", Status.SUCCEEDED, finished_at=NOW - timedelta(minutes=3))
    put(account, "r4", Status.SUCCEEDED, finished_at=NOW - timedelta(minutes=3), wf="w2")
    assert acts.settle() == 0


def test_it_expires_after_a_day(account, taken):
    row = ErrorAcknowledgement.objects.get()
    assert timedelta(hours=23, minutes=59) < row.until - timezone.now() <= timedelta(hours=24)
    ErrorAcknowledgement.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert acts.settle() == 1
    assert state(taken) == (False, "expired")
    group = error_groups.group(taken, [account.pk], NOW - timedelta(hours=1))
    assert group.state == "open"
    assert acts.taken([group], {account.pk: account}) == {}


def test_the_same_error_after_the_end_waits_for_somebody_again(account, taken):
    for wf in ("w1", "w2"):
        put(account, f"ok-{wf}", Status.SUCCEEDED, finished_at=NOW, wf=wf)
    acts.settle()
    put(account, "r5", error="disk full", finished_at=NOW + timedelta(seconds=1))
    group = error_groups.group(taken, [account.pk], NOW - timedelta(hours=1))
    assert group.state == "open"
    assert acts.taken([group], {account.pk: account}) == {}


def test_an_error_is_taken_on_only_when_every_team_that_has_it_did(account, taken):
    west = Group.objects.create(name="west")
    theirs = ProviderAccount.objects.create(name="Mill", provider="flow8", group=west)
    put(theirs, "x", error="disk full")
    both = {each.pk: each for each in (account, theirs)}
    group = error_groups.group(taken, list(both), NOW - timedelta(hours=1))
    assert acts.taken([group], both) == {}
    mine = error_groups.group(taken, [account.pk], NOW - timedelta(hours=1))
    assert acts.taken([mine], both)[taken].by == "ana"


def test_a_group_counts_places_and_knows_which_are_open(account):
    for n in range(3):
        put(account, f"a{n}", error=f"Timeout after {n} s")
    put(account, "b", error="Timeout after 7 s", wf="w2")
    put(account, "ok", Status.SUCCEEDED, finished_at=NOW, wf="w2")
    put(account, "old", error="Timeout after 7 s", finished_at=NOW - timedelta(days=2))
    (group,), cut_at = error_groups.groups([account.pk], NOW - timedelta(hours=24))
    assert (group.runs, [p.runs for p in group.places], cut_at) == (4, [3, 1], None)
    assert [p.is_open for p in group.places] == [True, False]
    assert error_groups.groups([], NOW - timedelta(hours=24)) == ([], None)
