"""The same error in many runs, through the pages: groups, who is on them, and what one may see."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.errors import acts
from executions.models import AuditEntry, ErrorAcknowledgement, Execution, Preference
from executions.payloads.error_fingerprint import error_key
from executions.storage.store import store
from executions.triage import acts as triage
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.pages import Page, Part, RunList

pytestmark = pytest.mark.django_db
KEY = error_key("Timeout to ERP after 1 s")


@pytest.fixture
def fail(account: ProviderAccount) -> Any:
    """Store a failed run in an account of some team and provider."""

    def failed(ref: str, text: str = "Timeout to ERP after 30 s", **more: Any) -> ProviderAccount:
        name, provider = more.pop("account", account.name), more.pop("provider", account.provider)
        team = Group.objects.get_or_create(name=more.pop("team", "east"))[0]
        owner, _ = ProviderAccount.objects.get_or_create(
            name=name, defaults={"provider": provider, "group": team, "health": "ok"}
        )
        now, wf = timezone.now(), more.pop("wf", "Nightly import")
        given: dict[str, Any] = {
            "status": Status.FAILED,
            "native_status": "x",
            "started_at": now - timedelta(minutes=10),
            "finished_at": now - timedelta(minutes=5),
            **more,
        }
        store(
            owner.pk,
            1,
            [Snapshot(ref=ref, workflow=contract.Workflow(ref=wf, name=wf), error=text, **given)],
        )
        return owner

    return failed


def page(client: Any, address: str = "/errors/") -> Page:
    response = client.get(address)
    assert response.status_code == 200
    return Page(response)


def groups(found: Page) -> list[Part]:
    return found.all("li[id^='error-']")


def group_of(found: Page) -> Part:
    """The one group on the page."""
    (group,) = groups(found)
    return group


def refs(found: Page) -> list[str]:
    """The runs of a list."""
    ids = [each["data-row"].split(":")[0] for each in RunList(found.source).runs]
    return sorted(Execution.objects.filter(pk__in=ids).values_list("ref", flat=True))


def test_the_same_error_over_accounts_and_providers_is_one_group(ana, fail):
    for n, provider in enumerate(("smartflows", "flow8", "prefect")):
        fail(f"a{n}", f"Timeout to ERP after {n} s", account=provider, provider=provider)
    fail("other", "Disk full")
    timeout, disk = groups(page(ana))  # most runs first
    assert "Timeout to ERP" in timeout
    assert "Disk full" in disk
    assert "3 runs in the last 24 hours, 3 unresolved in all" in timeout
    assert "first 5 min ago" in timeout
    assert "(Prefect, Smart Flows, flow8)" in timeout


def test_a_group_opens_the_exact_list_behind_it(ana, fail):
    for n in range(4):
        fail(f"a{n}", f"Timeout to ERP after {n} s")
    fail("old", finished_at=timezone.now() - timedelta(days=2))
    fail("other", "Disk full")
    (href, said), *_ = page(ana).links(f"/?error={KEY}")
    assert said == "4 runs"
    text = page(ana, href)
    assert refs(text) == ["a0", "a1", "a2", "a3"]
    assert "same error as" in text
    assert "last 24 hours" in text


def test_the_window_can_be_an_hour_a_day_or_a_week(ana, fail):
    fail("old", finished_at=timezone.now() - timedelta(days=2))
    assert "No error in the last 24 hours" in page(ana)
    assert "Timeout to ERP" in page(ana, "/errors/?finished=7d")
    text = page(ana, "/errors/?finished=soon")
    assert "There is no time range “soon” here." in text


def test_a_stranger_neither_sees_nor_counts_what_another_team_has(eve, ana, fail):
    fail("mine")
    assert "Timeout to ERP" not in page(eve)
    assert eve.get(f"/errors/{KEY}/").status_code == 404
    fail("theirs", account="West", team="west")
    for person in (eve, ana):
        assert "1 run in the last 24 hours, 1 unresolved in all" in group_of(page(person))


def test_a_group_is_cleared_when_its_workflows_have_succeeded_since(ana, fail):
    fail("a")
    assert "Open last seen" in group_of(page(ana))
    fail("ok", "", status=Status.SUCCEEDED, finished_at=timezone.now())
    assert "Cleared no run with it is unresolved" in group_of(page(ana))


def test_taking_an_error_on_calms_it_for_the_team_and_is_audited(ana, vik, fail):
    fail("a")
    answer = ana.post(f"/errors/{KEY}/acknowledgement/", {"note": "ticket 812"}, follow=True)
    assert "You are on 1 run for 24 hours" in answer.content.decode()
    text = page(vik)
    assert "ana is on it" in group_of(text)
    assert "ticket 812" in group_of(text)
    assert re.search(r"1 in hand\s*Runs that ended with an error", text.text)
    entry = AuditEntry.objects.get(action="error.acknowledged")
    assert (entry.actor, entry.target) == ("ana", f"error:{KEY}")


def test_a_note_that_is_too_long_is_refused_whole_and_not_cut(ana, fail):
    fail("a")
    typed = "é" * 301
    page = Page(ana.post(f"/errors/{KEY}/acknowledgement/", {"note": typed}, follow=True))
    assert f"at most 300 characters, not 301. You typed: {typed}" in page
    assert page.one("#note").get("maxlength") == ""
    assert not ErrorAcknowledgement.objects.exists()


def test_other_teams_do_not_push_out_who_was_on_it_before(ana, fail, people):
    fail("a")
    ana.post(f"/errors/{KEY}/acknowledgement/", {"note": "ticket 812"})
    ana.post(f"/errors/{KEY}/release/")
    now, west = timezone.now(), people["eve"].groups.get(name="west")
    for _ in range(25):
        ErrorAcknowledgement.objects.create(
            error_key=KEY, team=west, by=people["eve"], note="of the west", until=now,
            ended_at=now, ending="expired",
        )  # fmt: skip
    text = page(ana, f"/errors/{KEY}/")
    assert "ticket 812" in text
    assert "of the west" not in text


def test_any_word_to_go_on_with_is_an_answer(ana, fail):
    fail("a")
    for action in ("acknowledgement", "release"):
        assert ana.post(f"/errors/{KEY}/{action}/", {"next": "f0-0"}).status_code == 302


@pytest.fixture
def older(fail: Any) -> None:
    """Two runs of today and three of last week, all unresolved."""
    for n in range(2):
        fail(f"new{n}")
    for n in range(3):
        fail(f"old{n}", finished_at=timezone.now() - timedelta(days=8))
    fail("gone", account="Archive", wf="Archive", finished_at=timezone.now() - timedelta(days=9))


def test_what_an_error_says_is_unresolved_is_what_an_act_changes(ana, fail, older):
    text = page(ana, f"/errors/{KEY}/?finished=24h")
    assert "2 runs in the last 24 hours, 6 unresolved in all" in text.one("section.error-group")
    assert "Open unresolved in 2 of 2 workflows" in text.one("section.error-group")
    (href, said), *_ = [each for each in text.links(f"/?error={KEY}") if "is=unres" in each[0]]
    assert said == "6 unresolved in all"
    assert len(refs(page(ana, href))) == 6
    assert "act on all 6 unresolved runs" in text.one("#error-scope")
    form = text.one("form.take-on")
    done = Page(ana.post(form["action"], {**form.posted(), "mine": "1"}, follow=True))
    assert "You are on 6 runs for 24 hours" in done
    assert Execution.objects.filter(assignee__isnull=False).count() == 6
    assert not page(ana, f"/errors/{KEY}/").has("form.take-on button", "I’m on it")
    done = Page(ana.post(f"/errors/{KEY}/resolution/", follow=True))
    assert "6 runs resolved" in done


def test_the_page_of_a_run_offers_to_take_on_as_many_as_the_act_does(ana, fail, older):
    run = Execution.objects.get(ref="new0")
    same = page(ana, f"/executions/{run.pk}/").one("#run-error")
    assert "Same error in 2 runs of this workflow in the last 7 days, first" in same
    assert "6 unresolved in all, nobody is on it yet" in same
    assert "I’m on all 6" in same


def test_an_error_is_open_while_a_run_that_is_older_than_the_range_is(ana, people, older):
    new = Execution.objects.filter(ref__startswith="new")
    triage.resolve(people["ana"], new)
    for span in ("1h", "24h"):
        group = group_of(page(ana, f"/errors/?finished={span}"))
        assert "Open last seen" in group


def test_a_refused_act_leads_back_to_the_time_range_that_was_chosen(ana, fail):
    fail("a")
    form = page(ana, f"/errors/{KEY}/?finished=7d").one("form.take-on")
    for sent in ({}, {"note": "x" * 301}):
        answer = ana.post(f"/errors/{KEY}/ignoring/", {**form.posted(), **sent})
        assert answer["Location"] == f"/errors/{KEY}/?finished=7d"


def test_it_can_be_taken_back(ana, fail):
    fail("a")
    ana.post(f"/errors/{KEY}/acknowledgement/")
    ana.post(f"/errors/{KEY}/release/", {"next": "https://evil.example/"})
    assert "Open" in group_of(page(ana))
    assert ErrorAcknowledgement.objects.get().ending == "released"
    assert AuditEntry.objects.filter(action="error.released", actor="ana").exists()
    assert "taken back" in page(ana, f"/errors/{KEY}/")  # who was on it before


def test_a_viewer_looks_and_gets_no_button_and_no_way_around_it(vik, fail):
    fail("a")
    for path in ("/errors/", f"/errors/{KEY}/"):
        assert not page(vik, path).has("main button", "I’m on it")
    assert vik.post(f"/errors/{KEY}/acknowledgement/").status_code == 403
    assert vik.post(f"/errors/{KEY}/release/").status_code == 403
    assert not ErrorAcknowledgement.objects.exists()


def test_one_team_does_not_take_an_error_on_for_another(eve, ana, fail):
    fail("a")
    fail("b", account="West", team="west")
    eve.post(f"/errors/{KEY}/acknowledgement/")
    assert "eve is on it" in group_of(page(eve))
    assert "Open" in group_of(page(ana))
    assert eve.post("/errors/0123456789abcdef/acknowledgement/").status_code == 404


def test_what_is_cleared_cannot_be_taken_on(ana, fail):
    fail("a")
    fail("ok", "", status=Status.SUCCEEDED, finished_at=timezone.now())
    ana.post(f"/errors/{KEY}/acknowledgement/")
    assert not ErrorAcknowledgement.objects.exists()


def test_an_open_page_is_told_what_changed_and_else_nothing(ana, fail, people):
    owner = fail("a")
    for address, target in (("/errors/", "#errors"), (f"/errors/{KEY}/", "#error")):
        stamp = page(ana, address).stamp
        asked = f"{address}changes/?finished=24h&stamp={stamp}"
        assert ana.get(asked).status_code == 204
        acts.take(KEY, [owner], people["ana"], "")
        answer = page(ana, asked)
        assert target in answer.targets
        assert "ana is on it" in answer
        assert answer.value("next") == f"{address}?finished=24h"  # the form leads back to the page
        acts.release(KEY, [owner], people["ana"])


def test_the_page_of_an_error_names_every_workflow_with_its_runs(ana, fail):
    fail("a")
    fail("b", wf="Price list")
    fail("ok", "", status=Status.SUCCEEDED, finished_at=timezone.now(), wf="Price list")
    text = page(ana, f"/errors/{KEY}/")
    assert "no success yet" in text.one("tr", "Unresolved")
    assert "last success" in text.one("tr", "Settled")
    workflow = Execution.objects.get(ref="b").workflow_id
    assert text.links(f"/?error={KEY}&finished=24h&workflow={workflow}")


def test_every_time_on_the_page_of_an_error_tells_utc_when_pointed_at(ana, people, fail):
    Preference.objects.create(user=people["ana"], is_relative=False)
    fail("f1")
    main = page(ana, f"/errors/{KEY}/").one("main")
    times = re.compile(r"[A-Z][a-z]{2} \d\d \d\d:\d\d")
    told = [each.text for each in main.all("time[datetime]") if each["datetime"]]
    assert sorted(times.findall(main.text)) == sorted(times.findall(" | ".join(told)))
    assert times.search(main.text)


def test_an_error_that_is_over_still_has_its_page(ana, fail):
    fail("old", finished_at=timezone.now() - timedelta(days=20))
    assert "No run that you may see ended with this error" in page(ana, f"/errors/{KEY}/")
    assert ana.get("/errors/0123456789abcdef/").status_code == 404
    assert ana.get("/errors/nonsense/").status_code == 404


def test_the_page_of_a_run_says_in_how_many_runs_the_same_happened(ana, fail):
    fail("a", "Timeout to ERP after 3 s")
    run = Execution.objects.get(ref="a")
    assert "Same error in" not in page(ana, f"/executions/{run.pk}/")
    fail("b", account="Other", provider="flow8")
    text = page(ana, f"/executions/{run.pk}/")
    assert "Same error in 2 runs" in text
    assert text.links(f"/errors/{KEY}/?finished=7d")
    assert "nobody is on it yet" in text


def test_provider_text_in_a_group_is_text(ana, fail):
    fail("a", "<script>alert(1)</script> failed\u202e")
    assert "<script>alert(1)</script> failed⟨U+202E⟩" in group_of(page(ana))
    assert "<script>alert" not in page(ana).source


def test_the_errors_page_costs_the_same_whatever_there_is(ana, fail):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(ana)
        return len(queries)

    fail("a")
    one = cost()
    for n in range(30):
        fail(f"b{n}", f"Error of kind {chr(97 + n % 26)}{'x' * n}", account=f"acc {n % 5}")
    assert cost() == one <= 8


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (f"error={KEY}", ["a", "b"]),
        (f"error={KEY}&status=timed_out", ["b"]),
        (f"error={KEY}&q=late", ["b"]),
        (f"not_error={KEY}", ["c"]),
        (f"error={KEY}&error={error_key('Disk full')}", ["a", "b", "c"]),
        ("error=0123456789abcdef", []),
        ("finished=1h", ["a", "b", "c"]),
    ],
)
def test_the_list_can_be_filtered_by_error(ana, fail, query, shown):
    fail("a")
    fail("b", status=Status.TIMED_OUT, name="late")
    fail("c", "Disk full")
    text = page(ana, f"/?{query}")
    assert refs(text) == shown
    lit = [number for href, number in RunList(text.source).counts if "lamp=" in href]
    everything = page(ana, f"/?{query}".replace("&status=timed_out", ""))
    assert sum(lit) == len(refs(everything))


def test_an_error_that_is_no_key_is_ignored_and_said(ana, fail):
    fail("a")
    text = page(ana, "/?error=boom")
    assert "“boom” is not the key of an error." in text
    assert refs(text) == ["a"]
