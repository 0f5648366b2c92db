"""The page of notifications: who sees what, who may act, and the log that pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import (
    AuditEntry,
    Delivery,
    Notice,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
)
from providers.contract import Status
from tests.pages import Page

PAGE = "/notices/"


@pytest.fixture
def rule(account: Any) -> NoticeRule:
    return NoticeRule.objects.create(
        name="Night shift", event="failed", group=Group.objects.get(name="east"), is_primed=True
    )


@pytest.fixture
def notice(rule: NoticeRule, put: Any) -> Notice:
    run = put("r1", Status.FAILED, error="Timeout")
    return raised(rule, run)


def raised(rule: NoticeRule, run: Any, **more: Any) -> Notice:
    given = {
        "subject": f"run:{run.pk}", "account": run.account, "workflow": run.workflow,
        "execution": run, "group_key": "w:timeout", "label": run.ref, "detail": "Timeout",
        "since": timezone.now(), **more,
    }  # fmt: skip
    return Notice.objects.create(rule=rule, **given)


def told(rule: NoticeRule, account: Any, title: str, **more: Any) -> Delivery:
    message = NoticeMessage.objects.create(
        rule=rule, kind="raised", title=title, body="A body", account_ids=[account.pk]
    )
    given = {"target": "t1", "service": "Slack", "shown": "slack://…", "state": "sent", **more}
    return Delivery.objects.create(message=message, rule=rule, **given)


def test_what_a_rule_without_an_address_raised_was_not_sent(ana, rule, notice):
    now = timezone.now()
    Notice.objects.update(told_at=now)
    NoticeRule.objects.update(last_message_at=now)
    page = Page(ana.get(PAGE))
    state = page.one(f"#notice-{notice.pk} .notice-state")
    assert "listed here only" in state
    assert "sent" not in state
    assert "none: no address" in page.one("#rules")
    NoticeRule.objects.update(targets=[{"id": "t1", "service": "Slack", "shown": "slack://…"}])
    page = Page(ana.get(PAGE))
    assert "sent" in page.one(f"#notice-{notice.pk} .notice-state")
    assert "no address" not in page.one("#rules")


def test_the_page_of_a_run_leads_operators_to_the_mute_of_its_workflow(ana, vik, put):
    run = put("r1")
    link = f"{PAGE}?mute=workflow:{run.workflow_id}#mute"
    assert link in ana.get(f"/executions/{run.pk}/").content.decode()
    assert link not in vik.get(f"/executions/{run.pk}/").content.decode()
    form = ana.get(link).content.decode().split('id="mute"')[1].split("</form>")[0]
    assert f'value="workflow:{run.workflow_id}" selected' in form


def test_the_page_shows_what_is_raised_and_by_which_rule(ana, notice):
    page = ana.get(PAGE).content.decode()
    assert "Nightly import" in page
    assert "Timeout" in page
    assert "rule Night shift" in page
    assert f"/executions/{notice.execution_id}/" in page


def test_many_of_a_kind_are_one_line_with_their_number_and_list(ana, rule, put):
    for number in range(7):
        raised(rule, put(f"r{number}", Status.FAILED))
    page = ana.get(PAGE).content.decode()
    assert page.count('class="notice-row is-failed') == 1
    assert "7 runs</a>, first" in page
    assert "lamp=failed&amp;finished_from=" in page


def test_strangers_see_neither_rule_nor_state_nor_message(eve, rule, notice, account):
    delivery = told(rule, account, "Failed: Nightly import")
    for url in (PAGE, f"{PAGE}messages/", f"{PAGE}changes/"):
        page = eve.get(url).content.decode()
        assert "Night shift" not in page
        assert "Nightly import" not in page
    assert eve.get(f"{PAGE}messages/{delivery.message_id}/").status_code == 404
    assert eve.post(f"{PAGE}{notice.pk}/acknowledgement/").status_code == 404


def test_a_message_of_everybodys_rule_is_hidden_from_who_may_not_see_its_account(eve, ana, account):
    rule = NoticeRule.objects.create(name="Everybody", event="failed")
    delivery = told(rule, account, "Failed: Nightly import")
    assert "Nightly import" not in eve.get(f"{PAGE}messages/").content.decode()
    assert eve.get(f"{PAGE}messages/{delivery.message_id}/").status_code == 404
    assert "Nightly import" in ana.get(f"{PAGE}messages/").content.decode()


def test_an_operator_acknowledges_the_whole_kind_and_lets_go(ana, rule, put, notice):
    second = raised(rule, put("r2", Status.FAILED))
    ana.post(f"{PAGE}{notice.pk}/acknowledgement/")
    second.refresh_from_db()
    assert second.acknowledged_by.get_username() == "ana"
    assert "ana is on it" in ana.get(PAGE).content.decode()
    ana.post(f"{PAGE}{notice.pk}/acknowledgement/", {"let_go": "1"})
    second.refresh_from_db()
    assert second.acknowledged_until is None
    actions = AuditEntry.objects.order_by("pk").values_list("action", "actor")
    assert list(actions) == [("notice.acknowledged", "ana"), ("notice.let_go", "ana")]


def test_a_viewer_looks_and_does_not_act(vik, notice, account):
    page = vik.get(PAGE).content.decode()
    assert ">I’m on it</button>" not in page
    assert "Mute for a while" not in page
    assert vik.post(f"{PAGE}{notice.pk}/acknowledgement/").status_code == 403
    posted = {"thing": f"account:{account.pk}", "lasts": "1h", "reason": "Because"}
    assert vik.post(f"{PAGE}mutes/", posted).status_code == 403
    assert not NoticeMute.objects.exists()


@pytest.mark.parametrize("kind", ["rule", "account", "workflow"])
def test_an_operator_mutes_with_a_reason_and_ends_it(ana, notice, kind):
    thing = {"rule": notice.rule, "account": notice.account, "workflow": notice.workflow}[kind]
    posted = {"thing": f"{kind}:{thing.pk}", "lasts": "4h", "reason": "Maintenance of the ERP"}
    said = ana.post(f"{PAGE}mutes/", posted, follow=True).content.decode()
    assert "The mute ends automatically." in said
    assert "Maintenance of the ERP" in said
    assert "muted</span>" in said
    mute = NoticeMute.objects.get()
    assert timedelta(hours=3, minutes=59) < mute.until - mute.created_at <= timedelta(hours=4)
    ana.post(f"{PAGE}mutes/{mute.pk}/end/")
    assert "Maintenance of the ERP" not in ana.get(PAGE).content.decode()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["notice.muted", "notice.mute_ended"]
    assert AuditEntry.objects.earliest("pk").detail["reason"] == "Maintenance of the ERP"


@pytest.mark.parametrize(
    ("lasts", "reason", "says"),
    [
        ("1h", " ", "Enter a reason"),
        ("forever", "Because", "how long"),
        ("", "Because", "how long"),
    ],
)
def test_a_mute_without_reason_or_end_is_not_made(ana, account, lasts, reason, says):
    posted = {"thing": f"account:{account.pk}", "lasts": lasts, "reason": reason}
    assert says in ana.post(f"{PAGE}mutes/", posted, follow=True).content.decode()
    assert not NoticeMute.objects.exists()


def test_a_reason_that_is_too_long_is_refused_whole_and_not_cut(ana, account):
    typed = "é" * 301
    posted = {"thing": f"account:{account.pk}", "lasts": "1h", "reason": typed}
    page = Page(ana.post(f"{PAGE}mutes/", posted, follow=True))
    assert f"at most 300 characters, not 301. You typed: {typed}" in page
    assert page.one("#mute-reason").get("maxlength") == ""
    assert not NoticeMute.objects.exists()


@pytest.mark.parametrize(
    "thing", ["", "rule", "rule:x", "rule:99", "planet:1", "account:" + "9" * 30]
)
def test_a_thing_that_is_not_there_cannot_be_muted(ana, account, thing):
    posted = {"thing": thing, "lasts": "1h", "reason": "Because"}
    assert ana.post(f"{PAGE}mutes/", posted).status_code == 404


def test_nobody_mutes_what_is_hidden_from_them(eve, account, rule):
    for thing in (f"account:{account.pk}", f"rule:{rule.pk}"):
        posted = {"thing": thing, "lasts": "1h", "reason": "Because"}
        assert eve.post(f"{PAGE}mutes/", posted).status_code == 404


def test_the_log_tells_where_each_message_went_and_pages(ana, rule, account):
    for number in range(60):
        told(rule, account, f"Message {number:02}")
    told(rule, account, "The last", state="failed", attempts=6, says="Given up. It answered 500.")
    first = ana.get(f"{PAGE}messages/")
    text = first.content.decode()
    assert "Given up. It answered 500." in text
    assert "slack://…" in text
    assert "Message 59" in text
    assert "Message 10" not in text
    older = ana.get(f"{PAGE}messages/{first.context['older']}").content.decode()
    assert "Message 10" in older
    assert "Message 59" not in older
    assert ana.get(f"{PAGE}messages/?before=nonsense").status_code == 200


def test_one_message_lists_everything_it_speaks_of(ana, rule, put, account):
    delivery = told(rule, account, "12 runs failed")
    for number in range(12):
        raised(rule, put(f"r{number}", Status.FAILED), message=delivery.message)
    page = ana.get(f"{PAGE}messages/{delivery.message_id}/").content.decode()
    assert all(f'class="ref">r{number}<' in page for number in range(12))


def test_an_open_page_is_told_what_is_new(ana, rule, put, notice):
    stamp = ana.get(PAGE).context["stamp"]
    url = f"{PAGE}changes/?stamp={stamp}"
    assert ana.get(url).status_code == 204
    raised(rule, put("r9", Status.FAILED), group_key="another")
    assert "r9" in ana.get(url).content.decode()


def test_the_page_takes_the_same_queries_however_much_is_raised(ana, rule, put, account):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ana.get(PAGE).status_code == 200
        return len(queries)

    raised(rule, put("r0", Status.FAILED), group_key="0")
    told(rule, account, "One")
    few = cost()
    for number in range(1, 40):
        raised(rule, put(f"r{number}", Status.FAILED), group_key=str(number))
        told(rule, account, f"Another {number}")
    assert cost() == few
    assert few <= 14


def test_provider_text_is_shown_as_text(ana, rule, put):
    run = put("x", Status.FAILED)
    raised(rule, run, label="<b>bold</b>", detail="<script>alert(1)</script>", group_key="x")
    page = ana.get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert "<b>bold" not in page


def test_the_page_of_a_message_says_where_its_links_lead(ana, rule, account, settings) -> None:
    delivery = told(rule, account, "Failed: Nightly import")
    settings.ANNUNCIATOR_SITE_URL = "https://runs.example.com"
    page = ana.get(f"{PAGE}messages/{delivery.message_id}/").content.decode()
    assert "https://runs.example.com/, from <code>ANNUNCIATOR_SITE_URL</code>" in page
    assert "You use http://testserver/" in page
    settings.ANNUNCIATOR_SITE_URL = "http://testserver"
    page = ana.get(f"{PAGE}messages/{delivery.message_id}/").content.decode()
    assert "You use" not in page
