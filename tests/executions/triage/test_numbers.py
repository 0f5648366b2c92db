"""Every number that says how things stand is the length of the list that it opens."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.utils import timezone

from executions.access import api_tokens
from executions.models import Execution, Preference
from executions.search import queryset as run_queryset
from executions.search.filters import parse
from executions.storage.store import store
from executions.triage import acts
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.executions.conftest import FORM
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db
ERRORS = ("Disk full", "No route to host", "")


@pytest.fixture
def office(people: Any) -> ProviderAccount:
    """A second account, which everybody sees and nobody can read."""
    return ProviderAccount.objects.create(name="Back office", provider="flow8", health="failing")


@pytest.fixture
def world(account: ProviderAccount, office: ProviderAccount, people: Any) -> dict[int, Any]:
    """Runs of two accounts in every status; some settled, some in hand, some ignored."""
    chance, now = random.Random(11), timezone.now()
    for owner in (account, office):
        rows = []
        for number in range(160):
            status = chance.choice([*Status, Status.FAILED, Status.WARNING, Status.SUCCEEDED])
            ended = now - timedelta(minutes=chance.choice([60, 3000]) * chance.random())
            flow = chance.choice("aaab")
            rows.append(
                Snapshot(
                    ref=f"r{number}", status=status, native_status=status.value,
                    workflow=contract.Workflow(ref=flow, name=f"Flow {flow}"),
                    error=chance.choice(ERRORS) if status.is_resolvable else "",
                    started_at=ended - timedelta(minutes=5),
                    finished_at=ended if status.is_final else None,
                    steps=(), outputs=(),
                    questions=(FORM,) if status is Status.USER_INPUT else (),
                )
            )  # fmt: skip
        store(owner.pk, 1, rows)
    Execution.objects.filter(settled_how="succeeded", pk__iregex="[02468]$").update(
        settled_at=None, settled_how=""
    )
    left = list(Execution.objects.filter(settled_at=None, status__in=["failed", "warning"]))
    chance.shuffle(left)
    ana, ids = people["ana"], [run.pk for run in left]
    acts.resolve(ana, acts.picked(ids[:4]))
    acts.assign(ana, acts.picked(ids[4:16]), to=ana)
    acts.ignore(ana, acts.picked(ids[16:19]), until=now + timedelta(hours=1), reason="Known")
    return {each.pk: each for each in (account, office)}


def listed(client: Any, address: str, seen: dict[int, Any]) -> int:
    """How many things the page at this address lists."""
    parts = urlsplit(address)
    if parts.path == "/inbox/":
        return len(Page(client.get(address)).all("li[id^='task-']"))
    if parts.path == "/accounts/":
        return len(Page(client.get(address)).all("li[id^='account-']"))
    filters = parse(QueryDict(parts.query), seen, now=timezone.now())
    assert not filters.ignored, address
    return run_queryset.queryset(filters).count()


FILTERS = {
    "all": "", "an account": "account={account}", "a failed list": "lamp=failed",
    "unresolved": "is=unresolved", "in hand": "lamp=failed&is=in_hand", "text": "q=disk",
    "an error, ended lately": "finished=24h", "today": "lamp=done&finished=today",
    "another provider": "not_provider=flow8",
}  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
@pytest.mark.parametrize("query", FILTERS.values(), ids=FILTERS)
def test_every_lamp_and_status_above_the_list_counts_what_it_opens(ana, world, query, zone):
    Preference.objects.update_or_create(
        user_id=ana.session["_auth_user_id"], defaults={"zone": zone}
    )
    with timezone.override(zone):
        page = RunList(ana.get(f"/?{query.format(account=min(world))}"))
        links = [each for each in page.all("#lamps a, #tally a") if not each.get("aria-current")]
        assert len(links) > 6
        for each in links:
            said = each.text.rpartition(" ")[2]
            number, found = int(said.rstrip("+")), listed(ana, each["href"], world)
            assert found >= number if said.endswith("+") else found == number, each


def test_the_lamp_failing_opens_what_is_not_settled(ana, world):
    page = RunList(ana.get("/"))
    unsettled = Execution.objects.filter(status__in=["failed", "timed_out"], settled_at=None)
    lamp = page.one("#lamp-failed")
    assert lamp.text.endswith(f" {unsettled.count()}")
    in_hand = unsettled.filter(assignee__isnull=False).count()
    assert f", {in_hand} in hand" in lamp
    every = Execution.objects.filter(status="failed").count()
    assert page.one("#tally-failed").text == f"Failed {every}"  # all that failed, one click away


def test_needs_you_is_the_number_of_the_inbox(ana, world):
    page = Page(ana.get("/"))
    number = page.one("#lamp-needs_you").text.rpartition(" ")[2]
    assert number in page.one("a[data-go='i']")
    assert int(number) == Execution.objects.filter(status="user_input").count()


def test_every_number_of_the_wall_counts_what_it_opens(ana, world):
    page = Page(ana.get("/overview/"))
    totals = page.one(".wall-totals").links("/?")
    assert any(", of the failed" in said for _, said in totals)
    tiles = page.one("#wall").links("/?")
    checked = 0
    words = {"lamp=failed": "failed", "lamp=warning": "warnings?", "is=in_hand": "in hand"}
    for href, said in [*totals, *tiles]:
        for asked, word in words.items():
            if asked in href and (found := re.search(rf"(\d+) {word}", said)):
                assert listed(ana, href, world) == int(found[1]), (href, said)
                checked += 1
    assert checked >= 3


def test_every_number_of_the_errors_page_counts_what_it_opens(ana, world):
    links = Page(ana.get("/errors/")).links("/?error=")
    assert any("in hand" in said for _, said in links)
    for href, said in links:
        assert listed(ana, href, world) == int(said.split()[0]), href


def test_the_api_and_the_metrics_count_the_same(client, ana, world, people):
    token = api_tokens.issue(people["ana"], label="test")
    headers = {"authorization": f"Bearer {token}"}
    answer = client.get("/api/v1/executions?is=unresolved&limit=200", headers=headers).json()
    assert answer["items"]
    assert all(each["is_unresolved"] for each in answer["items"])
    lines = client.get("/metrics").content.decode().splitlines()
    found = [line for line in lines if line.startswith("annunciator_executions_unresolved{")]
    assert sum(float(line.rpartition(" ")[2]) for line in found) == len(answer["items"])
    held = [line for line in found if 'in_hand="true"' in line]
    in_hand = [each for each in answer["items"] if each["assignee"]]
    assert sum(float(line.rpartition(" ")[2]) for line in held) == len(in_hand) > 0
