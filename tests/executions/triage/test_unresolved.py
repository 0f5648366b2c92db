"""Which failed runs somebody has to look at, what settles them and what brings them back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import QueryDict
from django.utils import timezone

from executions import tasks
from executions.errors import acts as error_acts
from executions.models import AuditEntry, CorrelationRule, ErrorAcknowledgement, Execution
from executions.polling import poller
from executions.search.filters import parse
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
