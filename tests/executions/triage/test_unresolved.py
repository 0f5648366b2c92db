"""Which failed runs somebody has to look at, what settles them and what brings them back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from executions import tasks
from executions.errors import acts as error_acts
from executions.models import AuditEntry, CorrelationRule, ErrorAcknowledgement, Execution
from executions.polling import poller
from executions.search.filters import parse
from executions.storage import key_backfill, key_rules
from executions.storage.store import store
from executions.triage import acts
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.executions.conftest import NOW
from tests.pages import RunList

pytestmark = pytest.mark.django_db


@pytest.fixture
def end(put: Any) -> Any:
    """A run that ended so many minutes ago."""

    def ended(ref: str, status: Status = Status.FAILED, ago: float = 10, **more: Any) -> Execution:
        return put(ref, status, age=120, finished_at=NOW - timedelta(minutes=ago), name=ref, **more)

    return ended


def unresolved(client: Any, query: str = "is=unresolved") -> list[str]:
    answer = client.get(f"/?{query}")
    assert answer.status_code == 200
    found = RunList(answer)
    assert not found.ignored
    return sorted(found.labels)


def just(run: Execution) -> Any:
    return acts.picked([run.pk])


# ------------------------------------------------------------------------- followed by a success


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.WARNING])
def test_a_run_that_ended_badly_is_unresolved_until_a_later_success_of_its_workflow(
    ana, end, status
):
    end("bad", status, ago=10)
    assert unresolved(ana) == ["bad"]
    end("good", Status.SUCCEEDED, ago=5)
    assert unresolved(ana) == []


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.CANCELED, Status.SKIPPED])
def test_no_other_end_is_unresolved(ana, end, status):
    end("over", status)
    assert unresolved(ana) == []


def test_a_success_that_ended_before_the_failure_settles_nothing(ana, end):
    end("good", Status.SUCCEEDED, ago=20)
    end("bad", ago=10)
    assert unresolved(ana) == ["bad"]


def test_a_success_of_another_workflow_settles_nothing(ana, end):
    end("bad", ago=10)
    end("good", Status.SUCCEEDED, ago=5, workflow=contract.Workflow(ref="w2", name="Other"))
    assert unresolved(ana) == ["bad"]


def test_a_failure_that_is_stored_after_the_success_that_followed_it_is_settled(ana, end):
    end("good", Status.SUCCEEDED, ago=5)
    end("bad", ago=10)
    assert unresolved(ana) == []


def test_failure_and_success_of_one_batch_are_weighed_by_their_ends(ana, account):
    rows = [
        Snapshot(
            ref=ref, name=ref, status=status, native_status=status.value,
            workflow=contract.Workflow(ref="w1", name="Import"),
            started_at=NOW - timedelta(hours=1), finished_at=NOW - timedelta(minutes=ago),
        )
        for ref, status, ago in (
            ("before", Status.FAILED, 30), ("good", Status.SUCCEEDED, 20),
            ("after", Status.FAILED, 10),
        )
    ]  # fmt: skip
    store(account.pk, 1, rows)
    assert unresolved(ana) == ["after"]


def test_a_run_that_goes_on_and_fails_again_is_unresolved_again(ana, people, end, put):
    run = end("bad", ago=10)
    acts.resolve(people["ana"], just(run))
    put("bad", Status.RUNNING, name="bad", seq=2)
    put("bad", Status.FAILED, name="bad", seq=3, finished_at=NOW)
    assert unresolved(ana) == ["bad"]


def test_what_was_decided_holds_while_the_provider_only_words_it_otherwise(ana, people, end, put):
    run = end("bad", ago=10)
    acts.resolve(people["ana"], just(run))
    put("bad", Status.TIMED_OUT, name="bad", seq=2, finished_at=run.finished_at, native_status="Z")
    assert unresolved(ana) == []


def test_open_pages_are_informed_of_runs_that_a_success_settled(account, end, monkeypatch, put):
    bad = end("bad", ago=10)
    told: list[Any] = []
    monkeypatch.setattr(
        poller.publish, "publish_runs", lambda account, runs, new=(): told.extend(runs)
    )
    monkeypatch.setattr(poller.transaction, "on_commit", lambda call: call())
    good = Snapshot(
        ref="good", status=Status.SUCCEEDED, native_status="ok", finished_at=NOW,
        workflow=contract.Workflow(ref="w1", name="Nightly import"),
    )  # fmt: skip
    poller.store_and_tell(account, [good])
    assert (bad.pk, bad.version + 1) in told


def test_two_writers_at_the_same_moment_leave_nothing_unresolved_for_long(ana, end):
    bad = end("bad", ago=10)
    end("good", Status.SUCCEEDED, ago=5)
    Execution.objects.filter(pk=bad.pk).update(settled_at=None, settled_how="")
    assert unresolved(ana) == ["bad"]
    tasks.sweep()
    assert unresolved(ana) == []


# ------------------------------------------------------------------------------ business keys


@pytest.fixture
def order_key(account: ProviderAccount) -> None:
    CorrelationRule.objects.create(account=account, name="order", source="name")


def keyed(account: ProviderAccount, ref: str, key: str, status: Status, ago: float) -> Execution:
    snapshot = Snapshot(
        ref=ref, name=key, status=status, native_status=status.value,
        workflow=contract.Workflow(ref=ref, name=f"Flow {ref}"),
        started_at=NOW - timedelta(hours=1), finished_at=NOW - timedelta(minutes=ago),
    )  # fmt: skip
    poller.store_and_tell(account, [snapshot])
    return Execution.objects.get(ref=ref)


def test_a_later_success_with_the_same_business_key_settles_it_in_any_workflow(
    ana, account, order_key
):
    keyed(account, "a", "PO-1", Status.FAILED, 10)
    keyed(account, "b", "PO-2", Status.FAILED, 10)
    assert unresolved(ana) == ["PO-1", "PO-2"]
    keyed(account, "c", "PO-1", Status.SUCCEEDED, 5)
    assert unresolved(ana) == ["PO-2"]
    keyed(account, "d", "PO-3", Status.SUCCEEDED, 5)
    keyed(account, "e", "PO-3", Status.FAILED, 10)  # imported later
    assert unresolved(ana) == ["PO-2"]


def of_one_flow(
    account: ProviderAccount, ref: str, key: str, status: Status, ago: float, **more: Any
) -> Execution:
    """The same, a run of the one workflow."""
    given = {"name": key, "workflow": contract.Workflow(ref="w1", name="Intake")} | more
    snapshot = Snapshot(
        ref=ref, status=status, native_status=status.value,
        started_at=NOW - timedelta(hours=1), finished_at=NOW - timedelta(minutes=ago), **given,
    )  # fmt: skip
    poller.store_and_tell(account, [snapshot])
    return Execution.objects.get(ref=ref)


def settled(ref: str) -> str:
    tasks.sweep()
    return str(Execution.objects.get(ref=ref).settled_how)


def test_a_later_run_of_another_order_does_not_make_a_failure_good(ana, account, order_key):
    of_one_flow(account, "a", "PO-1", Status.FAILED, 10)
    of_one_flow(account, "b", "PO-2", Status.SUCCEEDED, 5)
    assert (settled("a"), unresolved(ana)) == ("", ["PO-1"])
    of_one_flow(account, "c", "PO-1", Status.SUCCEEDED, 3)
    assert (settled("a"), unresolved(ana)) == ("succeeded", [])


def test_nor_does_one_that_was_stored_before_the_failure(ana, account, order_key):
    of_one_flow(account, "b", "PO-2", Status.SUCCEEDED, 5)
    of_one_flow(account, "a", "PO-1", Status.FAILED, 10)
    assert (settled("a"), unresolved(ana)) == ("", ["PO-1"])


def test_nor_one_of_the_same_poll(ana, account, order_key):
    rows = [
        Snapshot(
            ref=ref, name=key, status=status, native_status=status.value,
            workflow=contract.Workflow(ref="w1", name="Intake"),
            finished_at=NOW - timedelta(minutes=ago),
        )
        for ref, key, status, ago in (
            ("a", "PO-1", Status.FAILED, 10), ("b", "PO-2", Status.SUCCEEDED, 5),
            ("c", "PO-3", Status.FAILED, 10), ("d", "PO-3", Status.SUCCEEDED, 4),
        )
    ]  # fmt: skip
    poller.store_and_tell(account, rows)
    assert [settled(ref) for ref in "ac"] == ["", "succeeded"]


@pytest.mark.parametrize(("failed", "good"), [("", "PO-1"), ("PO-1", ""), ("", "")])
@pytest.mark.parametrize("is_late", [False, True], ids=["in order", "the failure is read later"])
def test_where_either_has_no_key_any_later_success_makes_it_good(
    account, order_key, failed, good, is_late
):
    runs = [("a", failed, Status.FAILED, 10), ("b", good, Status.SUCCEEDED, 5)]
    for run in reversed(runs) if is_late else runs:
        of_one_flow(account, *run)
    assert settled("a") == "succeeded"


def test_a_key_that_is_known_only_from_the_run_itself_is_waited_for(account):
    CorrelationRule.objects.create(account=account, name="order", source="input", path="$.order")
    of_one_flow(account, "a", "", Status.FAILED, 10, steps=(), input={"order": "PO-1"})
    of_one_flow(account, "b", "", Status.SUCCEEDED, 5)  # a row of the provider's list
    assert settled("a") == ""
    of_one_flow(account, "b", "", Status.SUCCEEDED, 5, steps=(), input={"order": "PO-2"})
    assert settled("a") == ""
    of_one_flow(account, "c", "", Status.SUCCEEDED, 4)
    assert settled("a") == ""
    of_one_flow(account, "c", "", Status.SUCCEEDED, 4, steps=(), input={})
    assert settled("a") == "succeeded"


def test_a_failure_of_which_the_key_is_not_read_yet_is_left_until_it_is(account):
    CorrelationRule.objects.create(account=account, name="order", source="input", path="$.order")
    of_one_flow(account, "b", "", Status.SUCCEEDED, 5, steps=(), input={"order": "PO-2"})
    of_one_flow(account, "a", "", Status.FAILED, 10)
    of_one_flow(account, "c", "", Status.FAILED, 10)
    assert settled("a") == settled("c") == ""
    of_one_flow(account, "a", "", Status.FAILED, 10, steps=(), input={"order": "PO-1"})
    of_one_flow(account, "c", "", Status.FAILED, 10, steps=(), input={})
    assert (settled("a"), settled("c")) == ("", "succeeded")


def test_of_what_had_ended_before_the_first_poll_any_later_success_counts(account, order_key):
    rows = [
        Snapshot(
            ref=ref, name=key, status=status, native_status="x",
            workflow=contract.Workflow(ref="w1", name="Intake"),
            finished_at=NOW - timedelta(minutes=ago),
        )
        for ref, key, status, ago in (
            ("a", "PO-1", Status.FAILED, 30), ("b", "PO-2", Status.SUCCEEDED, 20),
            ("c", "PO-3", Status.FAILED, 10),
        )
    ]  # fmt: skip
    store(account.pk, 1, rows, rules=key_rules.rules_of(account.pk), is_first=True)
    assert [settled(ref) for ref in "ac"] == ["succeeded", ""]


def test_a_key_that_all_runs_carry_keeps_no_failure_from_being_made_good(
    account, order_key, monkeypatch
):
    monkeypatch.setattr("executions.storage.settled_by_success.COMMON", 3)
    for number in range(3):
        of_one_flow(account, f"old {number}", "Site 1", Status.CANCELED, 30)
    of_one_flow(account, "a", "Site 1", Status.FAILED, 10)
    of_one_flow(account, "b", "Site 2", Status.SUCCEEDED, 5)
    assert settled("a") == "succeeded"


def test_an_ignored_order_that_was_made_good_meanwhile_does_not_come_back(
    ana, people, account, order_key
):
    run = of_one_flow(account, "a", "PO-1", Status.FAILED, 10)
    until = timezone.now() + timedelta(hours=2)
    acts.ignore(people["ana"], just(run), until=until, reason="Known")
    of_one_flow(account, "b", "PO-1", Status.SUCCEEDED, 5)
    Execution.objects.filter(pk=run.pk).update(ignored_until=timezone.now())
    assert (settled("a"), unresolved(ana)) == ("succeeded", [])


def test_keys_that_a_new_rule_finds_in_stored_runs_count_as_well(account):
    of_one_flow(account, "a", "PO-1", Status.FAILED, 10)
    rule = CorrelationRule.objects.create(account=account, name="order", source="name")
    key_backfill.ask(account, 7, None)
    key_backfill.carry_on(account.pk)
    of_one_flow(account, "b", "PO-2", Status.SUCCEEDED, 5)
    assert settled("a") == ""
    rule.delete()
    key_backfill.ask(account, 7, None)
    key_backfill.carry_on(account.pk)
    assert settled("a") == "succeeded"


def rows_read(act: Callable[[], Any]) -> int:
    """Rows of runs that this reads, whatever way."""

    def so_far() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_get_xact_tuples_returned(oid) + sum(pg_stat_get_xact_tuples_fetched"
                "(indexrelid)) FROM pg_class JOIN pg_index ON indrelid = oid"
                " WHERE relname = 'executions_execution' GROUP BY oid"
            )
            return int(cursor.fetchone()[0])

    before = so_far()
    act()
    return so_far() - before


def test_thousands_of_other_orders_that_failed_make_a_success_no_dearer(account, order_key):
    of_one_flow(account, "a", "PO-1", Status.FAILED, 10)
    few = rows_read(lambda: of_one_flow(account, "b", "PO-2", Status.SUCCEEDED, 5))
    like = Execution.objects.get(ref="a")
    many = [
        Execution(
            account=account, workflow=like.workflow, ref=f"m{number}", status="failed",
            finished_at=like.finished_at, observed_at=NOW, changed_at=NOW, sort_at=like.sort_at,
            is_keyed=True, native_status="failed",
        )
        for number in range(5000)
    ]  # fmt: skip
    Execution.objects.bulk_create(many)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_execution")
        for way in ("seqscan", "hashjoin", "mergejoin"):  # as where there are millions
            cursor.execute(f"SET LOCAL enable_{way} = off")
    assert rows_read(lambda: of_one_flow(account, "c", "PO-3", Status.SUCCEEDED, 4)) <= few + 20
    assert rows_read(tasks.settled_by_success.sweep) <= 20
    assert settled("m7") == ""


def test_a_key_that_very_many_runs_carry_settles_nothing(ana, account, order_key, monkeypatch):
    monkeypatch.setattr("executions.storage.settled_by_success.COMMON", 3)
    keyed(account, "a", "Site 1", Status.FAILED, 10)
    keyed(account, "b", "Site 1", Status.CANCELED, 9)
    keyed(account, "c", "Site 1", Status.SUCCEEDED, 5)
    assert unresolved(ana) == ["Site 1"]


# ---------------------------------------------------------------------------------------- acts


def test_a_resolved_run_needs_nobody_and_says_by_whom(ana, people, end):
    run = end("bad")
    assert acts.resolve(people["ana"], just(run), reason="Ticket 812") == 1
    assert unresolved(ana) == []
    run.refresh_from_db()
    assert (run.settled_how, run.settled_by, run.settled_reason) == (
        "resolved", people["ana"], "Ticket 812",
    )  # fmt: skip
    entry = AuditEntry.objects.get(action="runs.resolved")
    assert (entry.actor, entry.target, entry.account_name) == ("ana", "bad", "Claims")
    assert entry.detail == {"runs": 1, "refs": ["bad"], "reason": "Ticket 812"}


def test_two_who_resolve_at_once_leave_one_entry(people, end):
    run = end("bad")
    assert [acts.resolve(people["ana"], just(run)) for _ in range(2)] == [1, 0]
    assert AuditEntry.objects.filter(action="runs.resolved").count() == 1


def test_an_ignored_run_comes_back_when_its_time_is_over(ana, people, end):
    run = end("bad")
    until = timezone.now() + timedelta(hours=2)
    acts.ignore(people["ana"], just(run), until=until, reason="Known")
    assert (unresolved(ana), unresolved(ana, "is=ignored")) == ([], ["bad"])
    tasks.sweep()
    assert unresolved(ana) == []
    Execution.objects.update(ignored_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert (unresolved(ana), unresolved(ana, "is=ignored")) == (["bad"], [])


def test_an_ignored_run_whose_workflow_has_succeeded_does_not_come_back(ana, people, end):
    run = end("bad", ago=10)
    until = timezone.now() + timedelta(hours=2)
    acts.ignore(people["ana"], just(run), until=until, reason="Known")
    end("good", Status.SUCCEEDED, ago=5)
    Execution.objects.filter(pk=run.pk).update(ignored_until=timezone.now())
    tasks.sweep()
    assert unresolved(ana) == []


@pytest.mark.parametrize(
    ("after", "reason"),
    [(timedelta(hours=1), " "), (timedelta(hours=-1), "Known"), (timedelta(days=400), "Known")],
    ids=["no reason", "an end that is over", "an end too far away"],
)
def test_nothing_is_ignored_without_a_reason_or_a_sound_end(people, end, after, reason):
    with pytest.raises(acts.NotDone):
        acts.ignore(people["ana"], just(end("bad")), until=timezone.now() + after, reason=reason)


def test_a_run_in_hand_is_still_unresolved(ana, people, end):
    run = end("bad")
    acts.assign(people["ana"], just(run), to=people["ana"])
    assert unresolved(ana) == unresolved(ana, "is=in_hand") == ["bad"]
    acts.let_go(people["ana"], just(run))
    assert (unresolved(ana), unresolved(ana, "is=in_hand")) == (["bad"], [])


def test_a_run_is_assigned_only_to_who_may_act_on_it(people, end):
    run = end("bad")
    with pytest.raises(acts.NotDone, match="vik can only view"):
        acts.assign(people["ana"], just(run), to=people["vik"])
    assert acts.assign(people["ana"], just(run), to=people["eve"]) == 0  # another team's account


def test_what_was_resolved_or_ignored_can_be_reopened(ana, people, end):
    run = end("bad")
    acts.resolve(people["ana"], just(run))
    acts.reopen(people["ana"], just(run))
    assert unresolved(ana) == ["bad"]


def test_all_that_a_list_finds_are_resolved_with_one_act(ana, people, end, account):
    for number in range(5):
        end(f"bad {number}")
    end("slow", Status.WARNING)
    filters = parse(
        QueryDict("lamp=failed&q=bad"), {account.pk: account}, now=timezone.now(), sees_all=False
    )
    assert acts.resolve(people["ana"], acts.matching(filters)) == 5
    assert unresolved(ana) == ["slow"]
    assert AuditEntry.objects.get(action="runs.resolved").target == "5 runs"


def test_who_may_only_look_or_sees_other_accounts_changes_nothing(ana, people, end):
    run = end("bad")
    with pytest.raises(PermissionDenied):
        acts.resolve(people["vik"], just(run))
    assert acts.resolve(people["eve"], just(run)) == 0
    assert unresolved(ana) == ["bad"]


# --------------------------------------------------------------------------------- whole errors


def test_an_error_in_hand_has_its_new_runs_in_hand_too(ana, people, account, end):
    run = end("one", error="Disk full")
    error_acts.take(run.error_key, [account], people["ana"], "")
    end("two", error="Disk full")
    end("other", error="No route")
    assert unresolved(ana, "is=in_hand") == ["one", "two"]
    error_acts.release(run.error_key, [account], people["ana"])
    assert unresolved(ana, "is=in_hand") == []
    end("three", error="Disk full")
    assert unresolved(ana, "is=in_hand") == []


def test_an_error_in_hand_that_expires_leaves_nobody_on_its_runs(ana, people, account, end):
    run = end("one", error="Disk full")
    error_acts.take(run.error_key, [account], people["ana"], "")
    ErrorAcknowledgement.objects.update(until=timezone.now())
    tasks.sweep()
    assert (unresolved(ana), unresolved(ana, "is=in_hand")) == (["one"], [])


def test_an_ignored_error_has_its_new_runs_ignored_until_it_ends(ana, people, account, end):
    run = end("one", error="Disk full")
    until = timezone.now() + timedelta(hours=2)
    error_acts.ignore(run.error_key, [account], people["ana"], "Known", until=until)
    two = end("two", error="Disk full")
    assert (unresolved(ana), unresolved(ana, "is=ignored")) == ([], ["one", "two"])
    assert (two.settled_by, two.settled_reason) == (people["ana"], "Known")
    Execution.objects.update(ignored_until=timezone.now())
    tasks.sweep()
    assert unresolved(ana) == ["one", "two"]


def test_a_resolved_error_is_open_again_with_the_next_failure(ana, people, account, end):
    run = end("one", error="Disk full")
    error_acts.take(run.error_key, [account], people["ana"], "")
    error_acts.resolve(run.error_key, [account], people["ana"], "Bigger disk")
    assert unresolved(ana) == []
    end("two", error="Disk full")
    assert (unresolved(ana), unresolved(ana, "is=in_hand")) == (["two"], [])


def test_an_act_on_an_error_is_one_entry_in_the_audit_log(people, account, end):
    run = end("one", error="Disk full")
    end("two", error="Disk full")
    error_acts.resolve(run.error_key, [account], people["ana"], "Bigger disk")
    entry = AuditEntry.objects.get(action__contains="resolved")
    assert (entry.action, entry.target) == ("error.resolved", f"error:{run.error_key}")
    assert entry.detail == {"note": "Bigger disk", "accounts": ["Claims"], "runs": 2}
