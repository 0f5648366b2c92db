"""Each kind of event: told once per change of state, grouped, cleared, and never for the past."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.commands import submit
from executions.models import Notice, NoticeMessage, NoticeRule, Question, Transition, Workflow
from executions.notifications import compose, delivery, evaluation
from providers import contract
from providers.contract import Status, Verb
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db(transaction=True)

FORM = contract.Question(ref="q1", kind="approval", title="Release the payment?", choices=())


def ago(**span: float) -> object:
    return timezone.now() - timedelta(**span)


class Written:
    """The messages as they were written; `test_sending` proves that they arrive."""

    url = ""

    @property
    def got(self) -> list[dict[str, str]]:
        rows = NoticeMessage.objects.order_by("pk")
        return [{"title": row.title, "message": row.body, "kind": row.kind} for row in rows]

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.got]


@pytest.fixture
def receiver() -> Written:
    return Written()


# ------------------------------------------------------------------------------------- failures


def test_a_failed_run_is_told_once_with_a_link_to_it(make_rule, store_run, tick, receiver):
    make_rule()
    store_run("r1")
    run = store_run("r1", Status.FAILED, error="Timeout after 30 s", seq=2)
    tick()
    tick()
    tick()
    [message] = receiver.got
    assert message["title"] == "Failed: Nightly import r1 (Claims)"
    assert "Timeout after 30 s" in message["message"]
    assert f"/executions/{run.pk}/" in message["message"]
    assert " UTC" in message["message"]


def test_many_failures_at_once_are_one_message_with_a_count_and_the_first_few(
    make_rule, store_run, tick, receiver
):
    make_rule()
    for number in range(12):
        store_run(f"r{number}", Status.FAILED, error=f"Timeout after {number} s")
    store_run("x1", Status.FAILED, error="Timeout", flow="Billing")
    tick()
    tick()
    [message] = receiver.got
    assert message["title"] == "13 runs failed"
    assert "Nightly import (Claims): 12 runs failed\nr11: failed " in message["message"]
    assert "and 7 more" in message["message"]
    assert "lamp=failed&finished_from=" in message["message"]
    stored = NoticeMessage.objects.get()
    assert f"/notices/messages/{stored.pk}/" in message["message"]
    assert stored.raised.count() == 13


def test_failures_of_one_workflow_that_tell_the_same_error_are_one_thing(
    make_rule, store_run, tick
):
    """As on the page of errors: whatever differs from run to run is not looked at."""
    make_rule()
    for number in range(2):
        store_run(
            f"r{number}", Status.FAILED, error=f'Order "A{number}" at {uuid.uuid4()}: timeout'
        )
    store_run("r2", Status.FAILED, error="No such order")
    tick()
    same, also, other = Notice.objects.order_by("label").values_list("group_key", flat=True)
    assert same == also != other


def test_what_failed_before_the_rule_is_not_told(make_rule, store_run, tick, receiver):
    store_run("old", Status.FAILED)
    make_rule()
    tick()
    assert receiver.got == []
    assert not Notice.objects.exists()


def test_the_history_of_a_new_account_is_not_told(make_rule, store_run, tick, receiver):
    make_rule()
    long_ago = ago(days=3)
    store_run("old", Status.FAILED, started_at=long_ago, finished_at=long_ago)
    store_run("new", Status.FAILED, finished_at=timezone.now())
    tick()
    assert receiver.titles == ["Failed: Nightly import new (Claims)"]


def test_a_run_that_fails_again_is_told_again_but_not_one_whose_reason_is_refined(
    make_rule, store_run, tick, receiver
):
    make_rule()
    store_run("r1", Status.FAILED)
    tick()
    store_run("r1", Status.TIMED_OUT, native_status="Failed", seq=2)
    tick()
    assert len(receiver.got) == 1
    store_run("r1", Status.RUNNING, seq=3)
    store_run("r1", Status.FAILED, native_status="Failed again", seq=4)
    tick()
    assert receiver.titles[1:] == ["Failed: Nightly import r1 (Claims)"]


def test_a_later_success_is_told_as_recovery(make_rule, store_run, tick, receiver):
    make_rule()
    store_run("r1", Status.FAILED, started_at=ago(minutes=5))
    tick()
    store_run("r2", Status.SUCCEEDED)
    tick()
    tick()
    assert receiver.titles[1:] == ["Recovered: Nightly import r1 (Claims)"]
    assert receiver.got[1]["kind"] == "cleared"
    assert "a later run succeeded" in receiver.got[1]["message"]


def test_a_rule_may_keep_quiet_about_recovery(make_rule, store_run, tick, receiver):
    make_rule(tells_cleared="")
    store_run("r1", Status.FAILED, started_at=ago(minutes=5))
    tick()
    store_run("r2", Status.SUCCEEDED)
    tick()
    assert len(receiver.got) == 1
    assert Notice.objects.get().cleared_at is not None


def test_what_happens_in_the_pause_is_told_together_when_it_ends(
    make_rule, store_run, tick, receiver
):
    rule = make_rule()
    store_run("r1", Status.FAILED)
    tick(again=False)
    store_run("r2", Status.FAILED)
    tick(again=False)
    store_run("r3", Status.FAILED)
    tick(again=False)
    assert len(receiver.got) == 1
    NoticeRule.objects.filter(pk=rule.pk).update(last_message_at=ago(seconds=61))
    tick(again=False)
    assert receiver.titles[1:] == ["2 runs failed: Nightly import (Claims)"]


def test_a_rule_tells_of_the_accounts_and_workflows_it_was_given(
    make_rule, store_run, tick, receiver, account
):
    west = ProviderAccount.objects.create(
        name="West", provider="smartflows", group=Group.objects.get(name="west")
    )
    store_run("first", flow="Billing")
    billing = Workflow.objects.get(name="Billing")
    make_rule(group=str(account.group_id))
    make_rule(workflows=[str(billing.pk)])
    store_run("w", Status.FAILED, account=west)
    store_run("b", Status.FAILED, flow="Billing")
    store_run("n", Status.FAILED)
    tick()
    assert sorted(receiver.titles) == ["2 runs failed", "Failed: Billing b (Claims)"]


def test_a_batch_that_commits_late_is_not_skipped(
    make_rule, store_run, tick, receiver, monkeypatch
):
    monkeypatch.setattr(evaluation, "STAMPED_BEFORE", timedelta(0))
    make_rule()
    run = store_run("r1")
    settings = connection.get_connection_params()
    settings.pop("cursor_factory", None)
    settings.pop("context", None)
    with psycopg.connect(**settings) as slow:
        slow.execute(
            "INSERT INTO executions_transition (execution_id, version, from_status, to_status,"
            " observed_at) VALUES (%s, 2, 'running', 'failed', now())",
            [run.pk],
        )
        slow.execute("UPDATE executions_execution SET status = 'failed' WHERE id = %s", [run.pk])
        for _ in range(3):
            tick()
        store_run("r2", Status.FAILED)
        tick()
        assert receiver.titles == ["Failed: Nightly import r2 (Claims)"]
        slow.commit()
    tick()
    assert receiver.titles[1:] == ["Failed: Nightly import r1 (Claims)"]


def test_several_workers_at_once_tell_once(make_rule, store_run, receiver):
    make_rule()
    for number in range(5):
        store_run(f"r{number}", Status.FAILED)

    def work() -> None:
        evaluation.look()
        compose.write_messages()
        for rule_id, target in delivery.due_targets():
            delivery.deliver(rule_id, target)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work()
    assert receiver.titles == ["5 runs failed: Nightly import (Claims)"]


# ------------------------------------------------------------------------------------ conditions


def test_a_form_that_waits_too_long_is_told_with_a_link_to_it_and_cleared_when_answered(
    make_rule, store_run, tick, receiver
):
    make_rule("waiting", after_seconds="10m")
    store_run("r1", Status.USER_INPUT, steps=(), questions=(FORM,), outputs=())
    tick()
    assert receiver.got == []
    Question.objects.update(opened_at=ago(minutes=11))
    tick()
    tick()
    [message] = receiver.got
    assert message["title"] == "Waits for input: Nightly import r1 (Claims)"
    assert f"/questions/{Question.objects.get().pk}/" in message["message"]
    assert "Release the payment?" in message["message"]
    store_run("r1", Status.RUNNING, steps=(), questions=(), outputs=(), seq=2)
    tick()
    assert receiver.titles[1:] == ["Answered: Nightly import r1 (Claims)"]


def test_a_form_is_told_by_the_time_it_waits_at_its_provider(make_rule, store_run, tick, receiver):
    make_rule("waiting", after_seconds="10m")
    tick()
    asked = dataclasses.replace(FORM, asked_at=ago(minutes=11))
    store_run("r1", Status.USER_INPUT, steps=(), questions=(asked,), outputs=())
    tick()
    tick()
    [message] = receiver.got
    assert "at least" not in message["message"]


def test_the_history_of_a_new_account_is_not_told_when_it_is_read_in_detail(
    make_rule, store_run, tick, receiver
):
    """8x8 lists how a run was terminated no more than that it was; reading it tells."""
    make_rule()
    past = {"started_at": ago(days=3), "finished_at": ago(days=3), "native_status": "Terminated"}
    store_run("undecided", Status.UNKNOWN, **past)
    store_run("refined", Status.SUCCEEDED, **past)
    tick()
    for ref in ("undecided", "refined"):
        store_run(ref, Status.FAILED, seq=2, steps=(), **past)
    store_run("new", Status.UNKNOWN)
    store_run("new", Status.FAILED, seq=2, finished_at=timezone.now())
    tick()
    assert receiver.titles == ["Failed: Nightly import new (Claims)"]


def test_what_waited_before_the_rule_stands_on_the_page_and_is_not_told(
    make_rule, store_run, tick, receiver
):
    store_run("r1", Status.USER_INPUT, steps=(), questions=(FORM,), outputs=())
    Question.objects.update(opened_at=ago(hours=2))
    make_rule("waiting", after_seconds="1h")
    tick()
    store_run("r1", Status.RUNNING, steps=(), questions=(), outputs=(), seq=2)
    tick()
    assert receiver.got == []
    assert Notice.objects.get().is_silent


def test_a_run_longer_than_its_workflow_usually_takes_is_told(make_rule, store_run, tick, receiver):
    make_rule("overdue")
    store_run("r1", started_at=ago(minutes=10))
    tick()
    assert receiver.got == []
    Workflow.objects.update(successes=20, typical_seconds=60, long_seconds=120)
    tick()
    tick()
    assert receiver.titles == ["Overdue: Nightly import r1 (Claims)"]
    assert "usually takes 1 m 00 s" in receiver.got[0]["message"]
    store_run("r1", Status.SUCCEEDED, seq=2)
    tick()
    assert receiver.titles[1:] == ["Not overdue any more: Nightly import r1 (Claims)"]


def test_a_run_is_not_told_to_be_overdue_before_the_page_calls_it_so(
    make_rule, store_run, tick, receiver
):
    make_rule("overdue")
    store_run("r1", started_at=ago(minutes=2))
    Workflow.objects.update(successes=20, typical_seconds=90, long_seconds=100)
    tick()
    assert receiver.got == []
    Workflow.objects.update(typical_seconds=50)
    tick()
    assert receiver.titles == ["Overdue: Nightly import r1 (Claims)"]
    Workflow.objects.update(typical_seconds=90)  # measured again
    tick()
    assert receiver.titles[1:] == ["Not overdue any more: Nightly import r1 (Claims)"]


def test_runs_of_an_account_that_cannot_be_read_are_not_called_overdue(
    make_rule, store_run, tick, receiver, account
):
    make_rule("overdue")
    store_run("r1", started_at=ago(minutes=10))
    Workflow.objects.update(successes=20, typical_seconds=60, long_seconds=120)
    ProviderAccount.objects.update(health="failing", last_success_at=ago(hours=1))
    tick()
    assert receiver.got == []


def test_a_command_that_is_not_settled_is_told(make_rule, store_run, tick, receiver, people):
    make_rule("stuck", after_seconds="5m")
    command = submit.request_command(
        user=people["ana"], execution=store_run("r1"), kind=Verb.CANCEL
    )
    tick()
    assert receiver.got == []
    type(command).objects.update(requested_at=ago(minutes=6), state="unknown")
    tick()
    tick()
    assert receiver.titles == ["Stuck: Nightly import cancel r1 (Claims)"]
    type(command).objects.update(state="confirmed")
    tick()
    assert receiver.titles[1:] == ["Settled: Nightly import cancel r1 (Claims)"]


def test_a_command_that_needs_a_decision_is_told_until_somebody_decides(
    make_rule, store_run, tick, receiver, people
):
    make_rule("stuck", after_seconds="1h")
    command = submit.request_command(
        user=people["ana"], execution=store_run("r1"), kind=Verb.CANCEL
    )
    type(command).objects.update(state="needs_person", settled_at=ago(minutes=1))
    tick()
    tick()
    assert receiver.titles == ["Stuck: Nightly import cancel r1 (Claims)"]
    submit.request_command(user=people["ana"], execution=command.execution, kind=Verb.CANCEL)
    tick()
    tick()
    assert receiver.titles[1:] == ["Settled: Nightly import cancel r1 (Claims)"]


@pytest.mark.parametrize(
    ("health", "word"), [("failing", "unreachable"), ("auth", "refused"), ("ok", "late")]
)
def test_an_account_that_cannot_be_read_is_told_and_its_return(
    make_rule, tick, receiver, account, health, word
):
    make_rule("account")
    row = ProviderAccount.objects.filter(pk=account.pk)
    row.update(health=health, last_success_at=ago(hours=1), last_error="Refused, it said.")
    tick()
    tick()
    [message] = receiver.got
    assert message["title"] == "Cannot be read: Claims"
    assert f"{word}. Refused, it said." in message["message"]
    assert f"/accounts/{account.pk}/" in message["message"]
    row.update(health="ok", last_success_at=timezone.now(), last_error="")
    tick()
    assert receiver.titles[1:] == ["Can be read again: Claims"]


def test_a_state_that_comes_and_goes_within_a_pause_is_one_message(
    make_rule, tick, receiver, account
):
    make_rule("account")
    row = ProviderAccount.objects.filter(pk=account.pk)
    for _ in range(3):
        row.update(health="auth", last_success_at=ago(hours=1))
        evaluation.NoticeClock.objects.update(conditions_at=None)
        tick(again=False)
        row.update(health="ok", last_success_at=timezone.now())
        evaluation.NoticeClock.objects.update(conditions_at=None)
        tick(again=False)
    assert receiver.titles in (["Cannot be read: Claims"], ["Can be read again: Claims"], [])


def test_an_expected_run_that_does_not_start_is_told(make_rule, store_run, tick, receiver, account):
    store_run("r1", Status.SUCCEEDED, started_at=timezone.now())
    flow = Workflow.objects.get()
    make_rule("missing", workflows=[str(flow.pk)], period_seconds="1h", grace_seconds="5m")
    tick()
    flow.execution_set.update(sort_at=ago(minutes=66))
    tick()
    tick()
    assert receiver.titles == ["Did not start: Nightly import (Claims)"]
    store_run("r2")
    tick()
    assert receiver.titles[1:] == ["Has started: Nightly import (Claims)"]


def test_the_usual_distance_between_runs_is_learned(make_rule, store_run, tick, receiver, account):
    for number in range(8):
        store_run(f"r{number}", Status.SUCCEEDED, started_at=ago(minutes=10 * number))
    flow = Workflow.objects.get()
    make_rule("missing", workflows=[str(flow.pk)])
    flow.execution_set.update(sort_at=_earlier(minutes=12))
    tick()
    assert receiver.got == []  # a quarter of ten minutes is grace
    flow.execution_set.update(sort_at=_earlier(minutes=3))
    tick()
    assert receiver.titles == ["Did not start: Nightly import (Claims)"]


def _earlier(minutes: int) -> object:
    return F("sort_at") - timedelta(minutes=minutes)


def test_a_run_is_not_missed_while_we_are_blind(make_rule, store_run, tick, receiver, account):
    store_run("r1", Status.SUCCEEDED, started_at=timezone.now())
    flow = Workflow.objects.get()
    make_rule("missing", workflows=[str(flow.pk)], period_seconds="1h", grace_seconds="5m")
    flow.execution_set.update(sort_at=ago(hours=3))
    ProviderAccount.objects.update(health="failing", last_success_at=ago(hours=2))
    tick()
    assert receiver.got == []


def test_a_disabled_account_is_no_longer_watched_and_nobody_is_told_so(
    make_rule, tick, receiver, account
):
    make_rule("account")
    row = ProviderAccount.objects.filter(pk=account.pk)
    row.update(health="auth", last_success_at=ago(hours=1))
    tick()
    row.update(enabled=False, health="paused")
    tick()
    assert receiver.titles == ["Cannot be read: Claims"]
    assert Notice.objects.get().cleared_because == "no longer watched"


# ----------------------------------------------------------------------------------- what it costs


def test_a_look_takes_the_same_statements_however_many_runs_there_are(make_rule, store_run, tick):
    for event in ("failed", "overdue", "account"):
        make_rule(event)
    make_rule("waiting", after_seconds="1h")

    def cost() -> int:
        evaluation.NoticeClock.objects.update(conditions_at=None)
        with CaptureQueriesContext(connection) as queries:
            evaluation.look()
        return len(queries)

    few = cost()
    for number in range(60):
        store_run(f"r{number}", Status.FAILED)
    assert cost() <= few + 1  # an acknowledgement is shared with what is new
    assert few <= 25


def test_transitions_are_found_by_their_time_not_by_reading_all(make_rule, store_run, tick):
    make_rule()
    for number in range(3):
        store_run(f"r{number}", Status.FAILED)
    now = timezone.now()
    run = Transition.objects.first()
    Transition.objects.bulk_create(
        Transition(
            execution_id=run.execution_id,
            version=10 + number,
            from_status="running",
            to_status="failed",
            observed_at=now - timedelta(seconds=600 + number),
        )
        for number in range(5000)
    )
    scope = evaluation._scopes(now)[0]
    values = {**scope.values(), "looked_to": now - timedelta(seconds=120)}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_transition")
        cursor.execute(f"EXPLAIN {evaluation._sql('failed')}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    month = f"executions_transition_{now:%Y_%m}"
    assert f"Index Scan using {month}_pkey" in plan, plan
    assert f"Seq Scan on {month}" not in plan, plan
