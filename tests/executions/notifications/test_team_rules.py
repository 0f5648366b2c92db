"""A rule made in the product: prefilled from a run, said in words, counted, tested, saved, told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from executions.models import AuditEntry, NoticeRule
from executions.notifications import rule_backtest
from providers import contract
from providers.contract import Status
from providers.models import ProviderAccount
from tests.executions.notifications.conftest import SECRET, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

RULES = "/notices/rules/"
HTMX = {"HX-Request": "true"}
ASKED = (contract.Question(ref="q", kind="form", title="Decide"),)


@pytest.fixture(autouse=True)
def _rested() -> None:
    cache.clear()


def typed(receiver: Receiver | None = None, **more: Any) -> dict[str, Any]:
    hook = receiver.url.partition("?")[0].replace("json://", "http://") if receiver else ""
    return {
        "name": "Import fails", "event": "failed", "after_seconds": "15m", "pause_seconds": "10m",
        "tells_cleared": "on", "new_addresses_service": "webhook" if receiver else "",
        "new_addresses_webhook_address": hook, "new_addresses_called": "#ops",
        "group": Group.objects.get(name="east").pk, **more,
    }  # fmt: skip


def failed(store_run: Any, ref: str, hours: float, error: str = "Disk full", **more: Any) -> Any:
    at = timezone.now() - timedelta(hours=hours)
    return store_run(ref, Status.FAILED, started_at=at, finished_at=at, error=error, **more)


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


def test_a_rule_is_made_from_a_run_and_tells_the_team(
    ana: Client, receiver: Receiver, store_run: Any, tick: Any
) -> None:
    run = failed(store_run, "r1", 1)
    assert f"{RULES}?run={run.pk}" in text(ana.get(f"/executions/{run.pk}/"))
    page = ana.get(f"{RULES}?run={run.pk}")
    assert "When Nightly import fails, list it on the Notifications page." in text(page)
    assert page.context["form"]["name"].value() == "Nightly import fails"
    saved = ana.post(RULES, typed(receiver, run=run.pk, failures="one"), follow=True)
    words = "When Nightly import fails with “Disk full”, tell webhook (JSON) #ops at most every 10"
    assert words in text(saved)
    rule = NoticeRule.objects.get()
    assert [each.name for each in rule.workflows.all()] == ["Nightly import"]
    assert rule.group == Group.objects.get(name="east")
    assert SECRET not in text(saved) + str(list(AuditEntry.objects.values()))
    assert AuditEntry.objects.get(action="notice_rule.added").account_name == run.account.name
    tick()
    store_run("r2", Status.FAILED, error="Out of memory", finished_at=timezone.now())
    store_run("r3", Status.FAILED, flow="Another", error="Disk full", finished_at=timezone.now())
    tick()
    assert receiver.titles == []  # another error, another workflow
    store_run("r4", Status.FAILED, error="Disk full", finished_at=timezone.now())
    tick()
    assert len(receiver.titles) == 1
    assert "Nightly import" in receiver.titles[0]


@pytest.mark.parametrize(
    ("status", "more", "event"),
    [
        (Status.FAILED, {}, "failed"),
        (Status.RUNNING, {}, "overdue"),
        (Status.USER_INPUT, {"questions": ASKED, "steps": ()}, "waiting"),
    ],
)  # fmt: skip
def test_the_kind_is_what_happened_to_the_run(ana, store_run, status, more, event):
    run = store_run("r1", status, **more)
    assert ana.get(f"{RULES}?run={run.pk}").context["form"]["event"].value() == event


def test_what_it_would_have_sent_is_counted_before_it_is_saved(
    ana: Client, receiver: Receiver, store_run: Any
) -> None:
    for number, hours in enumerate((1, 1.05, 1.1, 30, 24 * 8)):
        run = failed(store_run, f"r{number}", hours)
    failed(store_run, "o1", 2, error="Out of memory")
    failed(store_run, "w1", 2, flow="Another")
    said = text(ana.post(f"{RULES}preview/", typed(receiver, run=run.pk), headers=HTMX))
    assert "tell webhook (JSON) #ops at most every 10 min" in said
    assert "5 failures, which would have been 4 messages" in said
    one = typed(receiver, run=run.pk, failures="one")
    assert "4 failures, which would have been 3 messages" in text(
        ana.post(f"{RULES}preview/", one, headers=HTMX)
    )
    wide = typed(receiver, pause_seconds="1d")
    said = text(ana.post(f"{RULES}preview/", wide, headers=HTMX))
    assert "When any workflow fails" in said
    assert "6 failures, which would have been 2 messages" in said
    assert receiver.got == []
    assert not NoticeRule.objects.exists()


def test_waiting_and_overdue_are_counted_by_how_long_it_took(ana, store_run, account):
    from executions.models import Question, Workflow

    run = store_run("r1", Status.USER_INPUT, questions=ASKED, steps=())
    Question.objects.update(opened_at=timezone.now() - timedelta(hours=1))
    post = {"run": run.pk, "event": "waiting"}
    said = text(ana.post(f"{RULES}preview/", typed(**post), headers=HTMX))
    assert "1 wait, which would have been 1 message" in said
    long = text(ana.post(f"{RULES}preview/", typed(**post, after_seconds="2h"), headers=HTMX))
    assert "it would have sent nothing" in long
    Workflow.objects.update(successes=9, typical_seconds=600, long_seconds=900)
    begun = timezone.now() - timedelta(hours=5)
    store_run("r2", Status.SUCCEEDED, started_at=begun, finished_at=begun + timedelta(hours=2))
    store_run("r3", Status.SUCCEEDED, started_at=begun, finished_at=begun + timedelta(minutes=5))
    said = text(ana.post(f"{RULES}preview/", typed(run=run.pk, event="overdue"), headers=HTMX))
    assert "1 overdue run, which would have been 1 message" in said


def test_messages_of_a_pause_go_together() -> None:
    start = timezone.now()
    times = [start + timedelta(minutes=each) for each in (0, 1, 2, 11, 30)]
    later = start + timedelta(days=2)
    assert rule_backtest.messages(times, timedelta(minutes=10), later) == 4
    assert rule_backtest.messages(times, timedelta(0), later) == 5
    assert rule_backtest.messages(times, timedelta(days=1), later) == 2
    assert rule_backtest.messages(times, timedelta(days=1), start + timedelta(hours=1)) == 1
    assert rule_backtest.messages([], timedelta(0), later) == 0


def test_a_test_message_goes_out_before_there_is_a_rule(ana: Client, receiver: Receiver) -> None:
    said = text(ana.post(f"{RULES}test/", typed(receiver), headers=HTMX))
    assert "Sent." in said
    assert receiver.titles == ["Test: Import fails"]
    receiver.status = 404
    assert "Not sent." in text(ana.post(f"{RULES}test/", typed(receiver)))  # a page without htmx
    assert "Pick a service" in text(ana.post(f"{RULES}test/", typed(), headers=HTMX))
    wrong = {"new_addresses_service": "slack", "new_addresses_slack_address": "https://x.org/"}
    assert "is not an incoming" in text(ana.post(f"{RULES}test/", typed(**wrong), headers=HTMX))
    assert not NoticeRule.objects.exists()
    tested = AuditEntry.objects.filter(action="notice_rule.tested").order_by("pk")
    assert [each.detail for each in tested] == [{"#ops": "sent"}, {"#ops": "failed"}]


def test_a_mistake_comes_alone_so_that_the_page_keeps_what_was_typed(ana, receiver):
    wrong = typed(receiver, pause_seconds="soon")
    answer = ana.post(RULES, wrong, headers=HTMX)
    assert answer.status_code == 422
    assert text(answer).startswith('<div id="rule-problems">')
    assert "Write a length of time" in text(answer)
    page = ana.post(RULES, wrong)
    assert page.status_code == 422
    assert re.search('value="webhook" checked', text(page))
    assert "#ops" in text(page)
    assert SECRET not in text(page)


def test_a_team_hears_of_its_own_accounts_alone(ana, eve, people, store_run, receiver):
    west = Group.objects.get(name="west")
    other = ProviderAccount.objects.create(name="West", provider="smartflows", group=west)
    hidden = store_run("h1", Status.FAILED, account=other)
    assert ana.get(f"{RULES}?run={hidden.pk}").status_code == 404
    assert ana.get(f"{RULES}?workflow={hidden.workflow_id}").status_code == 404
    for group in (west.pk, "", Group.objects.get(name="operator").pk):
        refused = ana.post(RULES, typed(receiver, group=group), headers=HTMX)
        assert refused.status_code == 422, group
    failed(store_run, "h2", 1, account=other)
    said = text(ana.post(f"{RULES}preview/", typed(receiver), headers=HTMX))
    assert "would have sent nothing" in said
    people["ana"].groups.set([Group.objects.get(name="operator")])
    assert "You are not in a team yet" in text(ana.get(RULES))


def test_a_viewer_makes_none(vik: Client, store_run: Any) -> None:
    run = failed(store_run, "r1", 1)
    assert RULES not in text(vik.get(f"/executions/{run.pk}/"))
    assert vik.get(f"{RULES}?run={run.pk}").status_code == 403
    assert vik.post(RULES, typed(run=run.pk)).status_code == 403
    assert not NoticeRule.objects.exists()


def test_a_rule_of_the_team_is_switched_off_and_on_again(ana, eve, vik, receiver, store_run, tick):
    ana.post(RULES, typed(receiver))
    rule = NoticeRule.objects.get()
    switch = f"{RULES}{rule.pk}/switch/"
    tick()
    assert vik.post(switch, {"on": "0"}).status_code == 403
    assert eve.post(switch, {"on": "0"}).status_code == 404
    assert "Switch off" in text(ana.get("/notices/"))
    assert "is switched off" in text(ana.post(switch, {"on": "0"}, follow=True))
    store_run("r1", Status.FAILED, finished_at=timezone.now())
    tick()
    ana.post(switch, {"on": "1"})
    tick()
    assert receiver.titles == []  # what failed meanwhile is not sent
    store_run("r2", Status.FAILED, finished_at=timezone.now())
    tick()
    assert len(receiver.titles) == 1
    changes = AuditEntry.objects.filter(action="notice_rule.changed").order_by("pk")
    assert [each.detail["changes"] for each in changes] == [["enabled: False"], ["enabled: True"]]


def test_the_admin_has_the_same_picker(account, receiver):
    from tests.executions.notifications.test_rule_form import LIST, signed_in
    from tests.executions.notifications.test_rule_form import typed as in_admin

    ada = signed_in("ada", "admin", "east")
    assert "add an incoming webhook for the channel" in text(ada.get(f"{LIST}add/"))
    picked = {key: value for key, value in typed(receiver).items() if "_" in key}
    ada.post(f"{LIST}add/", {**in_admin(), **picked, "group": account.group_id})
    rule = NoticeRule.objects.get()
    assert rule.targets[0]["shown"] == "#ops"
    assert rule.addresses()[0]["url"].startswith("json://user:")
