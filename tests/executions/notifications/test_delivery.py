"""A message reaches each address once, whatever dies or fails on the way, and tells no secret."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta
from email import message_from_string
from email.policy import default

import pytest
from django.db import connection
from django.utils import timezone

from executions.models import (
    AuditEntry,
    Delivery,
    Notice,
    NoticeClock,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
)
from executions.notifications import acknowledge_and_mute as notification_acts
from executions.notifications import compose, delivery, evaluation
from providers.contract import Status
from providers.models import ProviderAccount
from tests.executions.notifications.conftest import SECRET, outcomes

pytestmark = pytest.mark.django_db(transaction=True)


def due_again() -> None:
    Delivery.objects.filter(state="pending").update(not_before=timezone.now())


def fail(store_run, ref="r1", **more):
    return store_run(ref, Status.FAILED, error="Timeout", **more)


# ------------------------------------------------------------------------------------ the target


def test_what_a_target_refuses_is_tried_again_later_and_arrives_once(
    make_rule, store_run, tick, receiver
):
    make_rule()
    receiver.status = 503
    fail(store_run)
    tick()
    tick()  # not yet due again
    assert outcomes() == [("pending", 1)]
    assert "It answered 503." in Delivery.objects.get().says
    receiver.status = 200
    due_again()
    tick()
    tick()
    assert outcomes() == [("sent", 2)]
    assert receiver.titles == ["Failed: Nightly import r1 (Claims)"] * 2  # refused, taken


def test_a_target_that_stays_broken_is_given_up(make_rule, store_run, tick, receiver):
    make_rule()
    receiver.status = 500
    fail(store_run)
    for _ in range(len(delivery.RETRY_AFTER) + 3):
        tick()
        due_again()
    assert outcomes() == [("failed", len(delivery.RETRY_AFTER) + 1)]
    assert len(receiver.got) == len(delivery.RETRY_AFTER) + 1
    assert Delivery.objects.get().says.startswith("Given up. It answered 500.")


def test_messages_that_piled_up_for_a_target_arrive_as_one(make_rule, store_run, tick, receiver):
    make_rule()
    receiver.status = 500
    fail(store_run, "r1")
    tick()
    for number in range(2, 5):
        fail(store_run, f"r{number}")
        tick()
    assert len(receiver.got) == 1  # the others wait with the first
    receiver.status = 200
    due_again()
    tick()
    assert receiver.titles[1].startswith("4 messages, the last: Failed: Nightly import r4")
    assert all(f"Nightly import r{n}" in receiver.got[1]["message"] for n in range(1, 5))
    assert {state for state, _ in outcomes()} == {"sent"}


def test_one_broken_target_does_not_hold_up_another(make_rule, store_run, tick, receiver, post):
    mail = f"mailto://127.0.0.1:{post.port}/?from=a@site.example&to=team@site.example"
    make_rule(new_addresses=f"{receiver.url}\n{mail}")
    receiver.status = 500
    fail(store_run)
    tick()
    assert sorted(state for state, _ in outcomes()) == ["pending", "sent"]
    [mail_text] = post.got
    assert "Subject: Failed: Nightly import r1 (Claims)" in mail_text
    assert "To: team@site.example" in mail_text


@pytest.mark.parametrize("letter", ["督", "n\u0303", "🧾", "n"])
def test_the_subject_of_a_mail_is_folded_and_no_longer_than_servers_take(
    make_rule, store_run, tick, post, letter
):
    mail = f"mailto://127.0.0.1:{post.port}/?from=a@site.example&to=team@site.example"
    make_rule(new_addresses=mail)
    fail(store_run, flow=letter * 150, name=letter * 150)
    tick()
    [mail_text] = post.got
    head = mail_text.partition("\n\n")[0]
    assert max(len(line.encode()) for line in head.splitlines()) < 200
    lines = re.search(r"^Subject: .*(\n .*)*", head, re.MULTILINE)[0]
    assert len(lines.encode()) < 998
    assert max(map(len, re.findall(r"=\?\S+\?=", head)), default=0) <= 75
    subject = message_from_string(head, policy=default)["Subject"]
    assert subject.startswith("Failed: ")
    assert subject == NoticeMessage.objects.get().title


def test_an_answer_that_is_lost_leaves_an_unknown_outcome_and_no_second_message(
    make_rule, store_run, tick, receiver
):
    make_rule()
    receiver.status = None
    fail(store_run)
    tick()
    due_again()
    tick()
    assert len(receiver.got) == 1
    assert outcomes() == [("unknown", 1)]
    assert "may or may not have arrived" in Delivery.objects.get().says


def test_a_redirect_is_not_followed(make_rule, store_run, tick, receiver):
    make_rule()
    receiver.status = 302
    fail(store_run)
    tick()
    assert len(receiver.paths) == 1
    assert outcomes() == [("pending", 1)]


def test_an_address_that_was_allowed_once_and_is_no_more_is_refused(
    make_rule, store_run, tick, receiver, settings
):
    make_rule()
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = []
    fail(store_run)
    tick()
    due_again()
    tick()
    assert receiver.got == []
    assert outcomes() == [("failed", 1)]
    assert "not public" in Delivery.objects.get().says


def test_a_removed_address_and_a_disabled_rule_get_nothing_any_more(
    make_rule, store_run, tick, receiver
):
    first, second = make_rule(), make_rule()
    receiver.status = 500
    fail(store_run)
    tick()
    receiver.status = 200
    NoticeRule.objects.filter(pk=first.pk).update(sealed_targets="")
    NoticeRule.objects.filter(pk=second.pk).update(enabled=False)
    due_again()
    tick()
    assert {state for state, _ in outcomes()} == {"dropped"}
    assert len(receiver.got) == 2


# ---------------------------------------------------------------------------------- dead workers


def test_a_worker_that_dies_before_anything_left_loses_nothing(
    make_rule, store_run, tick, receiver
):
    rule = make_rule()
    fail(store_run)
    tick_without_sending()
    assert delivery.claim(rule.pk, rule.targets[0]["id"])  # and here the worker dies
    tick()
    assert receiver.got == []  # its lease still runs
    Delivery.objects.update(lease_until=timezone.now())
    tick()
    tick()
    assert receiver.titles == ["Failed: Nightly import r1 (Claims)"]
    assert outcomes() == [("sent", 2)]


def test_a_worker_that_dies_while_sending_leaves_unknown_and_nobody_sends_again(
    make_rule, store_run, tick, receiver
):
    rule = make_rule()
    fail(store_run)
    tick_without_sending()
    claimed = delivery.claim(rule.pk, rule.targets[0]["id"])
    assert delivery._begin_sending(claimed)  # and here the worker dies
    Delivery.objects.update(lease_until=timezone.now())
    tick()
    due_again()
    tick()
    assert receiver.got == []
    assert outcomes() == [("unknown", 1)]
    assert "is not sent again" in Delivery.objects.get().says


def test_a_worker_that_slept_past_its_lease_sends_nothing_any_more(
    make_rule, store_run, tick, receiver
):
    rule = make_rule()
    fail(store_run)
    tick_without_sending()
    sleeper = delivery.claim(rule.pk, rule.targets[0]["id"])
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tick()
    assert len(receiver.got) == 1
    assert not delivery._begin_sending(sleeper)
    delivery._settle(sleeper, delivery.Outcome("failed", "too late"))
    assert outcomes() == [("sent", 2)]


def test_two_workers_never_send_the_same(make_rule, store_run, receiver):
    rule = make_rule()
    fail(store_run)
    tick_without_sending()
    receiver.go_on.clear()

    def work() -> None:
        delivery.deliver(rule.pk, rule.targets[0]["id"])
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    threading.Timer(1.5, receiver.go_on.set).start()
    for thread in threads:
        thread.join()
    assert len(receiver.got) == 1
    assert outcomes() == [("sent", 1)]


def tick_without_sending() -> None:
    NoticeClock.objects.update(conditions_at=None)
    evaluation.look()
    compose.write_messages()


# ------------------------------------------------------------------------------- what people do


def test_what_is_muted_is_noted_and_told_when_the_mute_ends_if_it_is_still_so(
    make_rule, tick, receiver, account, people
):
    make_rule("account")
    notification_acts.mute(account, people["ana"], reason="Maintenance", lasts="1h", address=None)
    row = ProviderAccount.objects.filter(pk=account.pk)
    row.update(health="auth", last_success_at=timezone.now() - timedelta(hours=1))
    tick()
    assert receiver.got == []
    assert Notice.objects.filter(cleared_at=None).count() == 1
    NoticeMute.objects.update(created_at=timezone.now() - timedelta(hours=2), until=timezone.now())
    tick()
    tick()
    assert receiver.titles == ["Cannot be read: Claims"]


@pytest.mark.parametrize("kind", ["rule", "account", "workflow"])
def test_a_run_that_failed_while_muted_is_history_when_the_mute_ends(
    make_rule, store_run, tick, receiver, account, people, kind
):
    rule = make_rule()
    run = store_run("r0")
    thing = {"rule": rule, "account": account, "workflow": run.workflow}[kind]
    notification_acts.mute(thing, people["ana"], reason="Load test", lasts="1h", address=None)
    fail(store_run)
    fail(store_run, "b1", flow="Billing")
    tick()
    assert len(receiver.got) == (1 if kind == "workflow" else 0)
    NoticeMute.objects.update(created_at=timezone.now() - timedelta(hours=2), until=timezone.now())
    tick()
    fail(store_run, "r2")
    tick()
    assert receiver.titles[-1] == "Failed: Nightly import r2 (Claims)"
    assert not any("r1" in title for title in receiver.titles)


def test_a_mute_needs_a_reason(make_rule, account, people):
    with pytest.raises(notification_acts.NotMuted, match="Enter a reason"):
        notification_acts.mute(account, people["ana"], reason="  ", lasts="1h", address=None)
    assert not NoticeMute.objects.exists()


def test_an_acknowledged_failure_keeps_its_kind_quiet_and_is_told_again_when_that_runs_out(
    make_rule, store_run, tick, receiver, people
):
    make_rule()
    fail(store_run)
    tick()
    notice = Notice.objects.get()
    assert notification_acts.acknowledge(notice, people["ana"], address=None) == 1
    fail(store_run, "r2")
    tick()
    assert len(receiver.got) == 1
    store_run("other", Status.FAILED, error="Another error")
    tick()
    assert len(receiver.got) == 2
    notice.refresh_from_db()
    assert notice.acknowledged_until - notice.acknowledged_at == timedelta(hours=24)
    Notice.objects.exclude(acknowledged_until=None).update(acknowledged_until=timezone.now())
    tick()
    tick()
    assert len(receiver.got) == 3
    assert "2 runs failed" in receiver.titles[2]
    assert "not over yet; the acknowledgement has ended" in receiver.got[2]["message"]
    said = AuditEntry.objects.get(action="notice.acknowledged")
    assert (said.actor, said.account_name) == ("ana", "Claims")


def test_an_acknowledgement_ends_when_it_is_over(make_rule, store_run, tick, receiver, people):
    make_rule()
    fail(store_run, started_at=timezone.now() - timedelta(minutes=5))
    tick()
    notification_acts.acknowledge(Notice.objects.get(), people["ana"], address=None)
    store_run("r2", Status.SUCCEEDED)
    tick()
    Notice.objects.update(acknowledged_until=timezone.now())
    tick()
    assert receiver.titles[1:] == ["Recovered: Nightly import r1 (Claims)"]


# ------------------------------------------------------------------------------------- hostile


def test_provider_text_calls_nobody_and_hides_nothing(make_rule, store_run, tick, receiver):
    make_rule()
    store_run("r1", Status.FAILED, error="<!channel> @here see\u202e <http://evil.example|ok>")
    tick()
    text = receiver.got[0]["message"]
    assert "<" not in text
    assert "@here" not in text
    assert "\u202e" not in text
    assert "⟨U+202E⟩" in text


def test_an_address_stands_nowhere(make_rule, store_run, tick, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    make_rule()
    fail(store_run)
    receiver.status = 500
    tick()
    receiver.status = 200
    due_again()
    tick()
    assert receiver.paths[0].endswith(f"/{SECRET}")
    assert SECRET not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND (relname LIKE 'executions_%' OR relname LIKE 'django_%')"
        )
        for (table,) in cursor.fetchall():
            look = f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s'  # noqa: S608
            cursor.execute(look, [f"%{SECRET}%"])
            assert cursor.fetchone() == (0,), table


def test_old_messages_are_forgotten_and_open_ones_are_not(make_rule, store_run, tick, receiver):
    make_rule()
    fail(store_run)
    tick()
    NoticeMessage.objects.update(created_at=timezone.now() - 2 * delivery.KEPT)
    Delivery.objects.update(state="pending")
    assert delivery.tidy() == 0
    Delivery.objects.update(state="sent")
    assert delivery.tidy() > 0
    assert not Delivery.objects.exists()
