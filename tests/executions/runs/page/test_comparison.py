"""Two runs side by side: what differs comes first, and only for who may see both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.models import Execution
from providers import contract
from providers.contract import Status
from providers.models import ProviderAccount
from tests.executions.conftest import NOW
from tests.pages import Page, Part

pytestmark = pytest.mark.django_db
START = NOW - timedelta(minutes=5)


def step(name: str, took: float, status: Status = Status.SUCCEEDED) -> contract.Step:
    end = START + timedelta(seconds=took)
    return contract.Step(ref=name, name=name, status=status, native_status=status.value,
                         started_at=START, finished_at=end)  # fmt: skip


@pytest.fixture
def pair(put) -> tuple[Execution, Execution]:
    """A success, and a failure of the same workflow after it."""
    given: dict[str, Any] = {"questions": (), "outputs": (), "started_at": START}
    good = put(
        "good", Status.SUCCEEDED, **given, finished_at=NOW, output={"total": 1},
        input={"order": {"id": "A-1"}, "lines": [1, 2], "city": "Oslo"},
        steps=(step("Read", 2), step("Post", 3), step("Tell", 1)),
    )  # fmt: skip
    bad = put(
        "bad", Status.FAILED, **given, finished_at=NOW + timedelta(seconds=900), error="Timeout",
        input={"order": {"id": "A-2"}, "lines": [1, 2, 3], "city": "Oslo"},
        steps=(step("Read", 2), step("Post", 30, Status.FAILED)),
    )  # fmt: skip
    return good, bad


def compared(client: Any, a: Execution, b: Execution) -> Page:
    answer = client.get(f"/executions/compare/?a={a.pk}&b={b.pk}")
    assert answer.status_code == 200
    return Page(answer)


def rows(part: Part) -> dict[str, list[str]]:
    found = part.all("tbody tr")
    return {row.all("th")[0].text: [cell.text for cell in row.all("td")] for row in found}


def test_what_differs_comes_first_and_the_rest_is_folded(ana, pair):
    page = compared(ana, *pair)
    different = rows(page.under("What differs"))
    assert different["Status"] == ["Succeeded", "Failed"]
    assert different["Error"] == ["–", "Timeout"]
    assert different["order › id"] == ["A-1", "A-2"]
    assert different["lines › 2"] == ["–", "3"]
    assert different["Post"] == ["Succeeded 3.0 s", "Failed 30 s"]
    assert different["Tell"] == ["Succeeded 1.0 s", "–"]
    assert different["total"] == ["1", "–"]
    assert not {"city", "Read", "Workflow"} & different.keys()
    same = rows(page.one("details#comparison-same"))
    assert same["city"] == ["Oslo", "Oslo"]
    assert "Read" in same


def test_the_page_of_a_run_leads_to_the_last_good_one(ana, pair):
    good, bad = pair
    page = Page(ana.get(f"/executions/{bad.pk}/"))
    assert page.link("Compare") == f"/executions/compare/?a={good.pk}&b={bad.pk}"
    assert compared(ana, bad, good).link("Swap sides") == f"?a={good.pk}&b={bad.pk}"


def test_who_sees_only_one_of_them_sees_neither(ana, eve, pair):
    good, bad = pair
    for query in ("", "?a=1", f"?a={good.pk}&b=x", f"?a={good.pk}&b=99999999999999999999"):
        assert ana.get(f"/executions/compare/{query}").status_code == 404
    assert eve.get(f"/executions/compare/?a={good.pk}&b={bad.pk}").status_code == 404
    west = ProviderAccount.objects.create(
        name="Other", provider="generio", group=Group.objects.get(name="west")
    )
    Execution.objects.filter(pk=bad.pk).update(account=west)
    for client in (ana, eve):
        assert client.get(f"/executions/compare/?a={good.pk}&b={bad.pk}").status_code == 404


def test_deep_wide_and_hostile_values_are_bounded_text(ana, put):
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    wide = {f"<b>{n}</b>": f"<img src=x>{n}\u202e" for n in range(5000)}
    given: dict[str, Any] = {"steps": (), "questions": (), "outputs": ()}
    one = put("one", Status.SUCCEEDED, input={"deep": deep, **wide}, **given)
    other = put("other", Status.SUCCEEDED, input=[wide], **given)
    page = compared(ana, one, other)
    assert "<img" not in page.source
    assert "\u202e" not in page.source
    assert len(page.all("tr")) < 1500


def test_the_cost_does_not_grow_with_the_steps(ana, put):
    def cost(number: int) -> int:
        steps = tuple(step(f"s{n}", n) for n in range(number))
        given: dict[str, Any] = {"questions": (), "outputs": (), "steps": steps}
        a, b = (put(f"{ref}{number}", Status.SUCCEEDED, **given) for ref in "ab")
        ana.get(f"/executions/{a.pk}/")
        with CaptureQueriesContext(connection) as queries:
            compared(ana, a, b)
        return len(queries)

    assert cost(3) == cost(300)
