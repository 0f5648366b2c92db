"""An account made unreachable on purpose: through real polls, the pages tell the truth about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from executions import tasks
from executions.commands import submit
from executions.models import AuditEntry, Command, PollRun
from providers.contract import Verb
from providers.models import BLIND, ProviderAccount


@pytest.fixture
def desk(open_desk):
    desk = open_desk("smartflows", speed=1)
    desk.ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(desk.ref) == "running")
    return desk


@pytest.fixture
def root(transactional_db, settings) -> Client:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def begin(client: Client, desk, minutes: str = "15") -> None:
    path = f"/accounts/{desk.account.pk}/blind-test/"
    assert client.post(path, {"minutes": minutes}).status_code == 302
    desk.account.refresh_from_db()


def grow_old(desk) -> None:
    """As if the last good poll was an hour ago."""
    past = timezone.now() - timedelta(hours=1)
    ProviderAccount.objects.filter(pk=desk.account.pk).update(last_success_at=past)


def test_a_poll_in_a_blind_test_fails_and_asks_nothing_of_the_provider(desk, root):
    begin(root, desk)
    asked = len(desk.sim.log)
    account = desk.poll()
    assert len(desk.sim.log) == asked
    assert (account.health, account.last_error) == ("failing", BLIND)
    assert desk.status(desk.ref) == "running"  # what was seen stays what was seen
    assert PollRun.objects.filter(outcome="unreachable").count() == 1


def test_the_pages_say_that_they_cannot_see_and_why(desk, root):
    begin(root, desk)
    desk.poll()
    grow_old(desk)
    page = root.get("/").content.decode()
    assert "is unreachable. Polls fail since" in page
    assert "is in a blind test until" in page
    assert "begun by root" in page
    assert "Was running" in page
    run = root.get(f"/executions/{desk.run(desk.ref).pk}/").content.decode()
    assert BLIND in run
    shown = root.get(f"/accounts/{desk.account.pk}/").content.decode()
    assert "Unreachable" in shown
    assert "A blind test, begun by root" in shown


def test_everybody_is_told_at_once_that_it_is_a_test(desk, root, ana):
    client = Client()
    client.force_login(ana)
    stamp = client.get("/inbox/").content.decode().split('data-stamp="')[1].split('"')[0]
    begin(root, desk)
    news = client.get("/inbox/changes/", {"stamp": stamp}).content.decode()
    assert "is in a blind test until" in news


def test_nothing_can_be_asked_of_a_blind_account(desk, root):
    begin(root, desk)
    with pytest.raises(submit.NotPossible, match="This is a blind test"):
        desk.ask(desk.ref, Verb.CANCEL)
    assert not Command.objects.exists()


def test_a_command_on_its_way_is_rejected_and_never_sent_later(desk, root):
    command = desk.ask(desk.ref, Verb.CANCEL)
    begin(root, desk)
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    assert command.message.startswith(BLIND)
    assert not desk.sim.effects.get("cancel")


def test_it_ends_by_itself_and_the_account_is_looked_at_again(desk, root):
    begin(root, desk, "30")
    account = desk.poll()
    assert account.next_poll_at <= account.blind_until + timedelta(seconds=2)
    past = timezone.now() - timedelta(seconds=1)
    ProviderAccount.objects.filter(pk=account.pk).update(blind_until=past)
    assert desk.poll().health == "ok"
    assert "blind test" not in root.get("/").content.decode()


def test_it_is_ended_by_hand(desk, root):
    begin(root, desk)
    desk.poll()
    begin(root, desk, "0")
    assert desk.account.blind_until is None
    assert desk.account.next_poll_at <= timezone.now()
    assert desk.poll().health == "ok"
    actions = AuditEntry.objects.filter(action__startswith="blind").order_by("pk")
    assert list(actions.values_list("action", "actor")) == [
        ("blind test begun", "root"),
        ("blind test ended", "root"),
    ]
