"""The overview: every number leads to a list of exactly that many runs, whoever asks from where."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from executions.models import FINAL_STATUSES, Execution, Preference, Question, Workflow
from executions.overview import workflow_tiles
from executions.search import queryset as run_queryset
from executions.search.filters import parse
from executions.storage.store import store
from executions.triage import acts
from providers import contract
from providers.contract import Lamp, Snapshot, Status
from providers.models import ProviderAccount
from tests.pages import Page, Part

NOW = datetime.now(UTC)
Put = Callable[..., Execution]


def listed(address: str, accounts: Any) -> int:
    """How many runs the real list has at this address, for who sees these accounts."""
    seen = {account.pk: account for account in accounts}
    filters = parse(QueryDict(urlsplit(address).query), seen, now=timezone.now())
    assert not filters.ignored, address
    return run_queryset.queryset(filters).count()


def table_links(page: Page, chart: str) -> list[tuple[str, int]]:
    """(address, number) of every cell of the table behind a chart."""
    behind = page.all(f"#behind-{chart}")  # no table where there is nothing to draw
    return [
        (href, int(said.replace(",", "")))
        for table in behind
        for href, said in table.links("/?") + table.links("/overview/hours/")
    ]


def bars(page: Page) -> list[tuple[str, str]]:
    """(address, title) of every bar of the runs that ended."""
    return page.one("#chart-runs svg").links("/?")


def overview(client: Client, query: str = "", path: str = "") -> Page:
    return Page(client.get(f"/overview/{path}?{query}"))


@pytest.fixture
def elsewhere(people: Any) -> ProviderAccount:
    """A second account, which everybody sees."""
    return ProviderAccount.objects.create(
        name="Back office", provider="flow8", health="ok", last_success_at=timezone.now()
    )


@pytest.fixture
def hidden(people: Any) -> ProviderAccount:
    """An account of the other team."""
    return ProviderAccount.objects.create(
        name="Secret", provider="flow8", health="ok", group=Group.objects.get(name="west")
    )


@pytest.fixture
def history(
    account: ProviderAccount, elsewhere: ProviderAccount, hidden: ProviderAccount
) -> list[ProviderAccount]:
    """Seven weeks of runs of three accounts, skewed like real ones. The accounts that ana sees."""
    chance = random.Random(7)
    for owner in (account, elsewhere, hidden):
        snapshots = []
        for number in range(500):
            status = chance.choice([*Status, *[Status.SUCCEEDED] * 8, Status.FAILED])
            ended = NOW - timedelta(minutes=chance.choice([60, 600, 6000, 70000]) * chance.random())
            snapshots.append(
                Snapshot(
                    ref=f"r{number}",
                    workflow=contract.Workflow(
                        ref=(ref := chance.choice("aab")), name=f"Flow {ref}"
                    ),
                    status=status,
                    native_status=status.value,
                    started_at=ended - timedelta(seconds=10 ** chance.uniform(0, 5)),
                    finished_at=ended if status.is_final and chance.random() < 0.97 else None,
                )
            )
        store(owner.pk, 1, snapshots)
    return [account, elsewhere]


def live_in(client: Client, zone: str) -> None:
    user = client.session["_auth_user_id"]
    Preference.objects.update_or_create(user_id=user, defaults={"zone": zone})


# ------------------------------------------------------------------------------ explain a number

FILTERS = {
    "all": "",
    "one account": "account={account}",
    "all but one account": "not_account={account}",
    "a provider": "provider=flow8",
    "a workflow": "workflow={workflow}",
    "all but a workflow": "not_workflow={workflow}",
}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("asked", "zone"),
    [*(("all", zone) for zone in ZONES), *((asked, "Europe/Berlin") for asked in FILTERS)],
)
def test_every_number_of_every_chart_is_the_length_of_the_list_it_opens(ana, history, asked, zone):
    live_in(ana, zone)
    workflow = Workflow.objects.filter(account=history[0], ref="a").get()
    words = FILTERS[asked].format(account=history[0].pk, workflow=workflow.pk)
    for span in ("6h", "24h", "7d", "30d"):
        page = overview(ana, f"{words}&finished={span}")
        for chart in ("runs", "rate", "took", "hours"):
            numbers = table_links(page, chart)
            assert numbers or "None in this range" in page
            for href, number in numbers[:: 1 if asked == "all" and zone == "UTC" else 7]:
                if href.startswith("/?"):
                    assert listed(href, history) == number, href
        for href, said in page.one("#charts > dl").links("/?")[:2]:
            assert listed(href, history) == int(said.replace(",", "")), href


def test_the_bars_say_the_same_as_the_table_behind_them(ana, history):
    drawn = bars(overview(ana, "finished=24h"))
    assert len(drawn) > 20
    for href, said in drawn:
        number = int(re.search(r": ([\d,]+) ", said)[1].replace(",", ""))  # type: ignore[index]
        assert listed(href, history) == number, (href, said)


def test_a_cell_of_many_weeks_opens_its_hours_one_by_one_and_they_add_up(ana, history):
    live_in(ana, "Asia/Kolkata")
    page = overview(ana, "finished=30d")
    cells = [(href, n) for href, n in table_links(page, "hours") if "/hours/" in href]
    assert cells
    for href, number in cells[::9]:
        hours = Page(ana.get(href)).one("main")
        rows = [(own, int(said.replace(",", ""))) for own, said in hours.links("/?")]
        assert sum(n for _, n in rows) == number
        for own, n in rows:
            assert listed(own, history) == n


def test_the_heat_map_of_failures_leads_to_failures(ana, history):
    cells = table_links(overview(ana, "finished=7d&heat=failed"), "hours")
    assert cells
    for href, number in cells:
        if href.startswith("/?"):
            assert "lamp=failed" in href
            assert listed(href, history) == number


def test_the_success_rate_is_what_the_rows_say(ana, history):
    href, said = overview(ana, "finished=30d").one("#charts > dl").links("/?")[2]
    good = listed(href.replace("status=warning&status=failed&status=timed_out", ""), history)
    assert said == f"{100 * good / listed(href, history):.1f} %"


def test_two_hours_that_one_wall_clock_shows_twice_are_two_bars(ana, account):
    """In Berlin, on the night clocks go back: 00:30 UTC is 02:30 CEST, 01:30 UTC is 02:30 CET."""
    live_in(ana, "Europe/Berlin")
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    store(account.pk, 1, [ended(f"r{n}", night + timedelta(hours=n > 1)) for n in range(5)])
    words = "finished_from=2026-10-24T22:00Z&finished_to=2026-10-25T04:00Z"
    page = overview(ana, words)
    assert [said for _, said in bars(page)] == [
        "Sun Oct 25 02:30 to 02:45 CEST: 2 done", "Sun Oct 25 02:30 to 02:45 CET: 3 done",
    ]  # fmt: skip
    assert ("Sunday", 2, 5) in heat(page)


def test_the_heat_map_is_in_the_zone_of_its_reader(ana, account):
    at = datetime(2026, 11, 20, 20, 45, tzinfo=UTC)  # a Friday; in Kolkata Saturday 02:15
    store(account.pk, 1, [ended("r", at)])
    words = "finished_from=2026-11-16T00:00Z&finished_to=2026-11-23T00:00Z"
    assert heat(overview(ana, words)) == [("Friday", 20, 1)]
    live_in(ana, "Asia/Kolkata")
    assert heat(overview(ana, words)) == [("Saturday", 2, 1)]
    live_in(ana, "Asia/Kathmandu")  # 45 minutes past
    assert heat(overview(ana, words)) == [("Saturday", 2, 1)]


def ended(ref: str, at: datetime, **more: Any) -> Snapshot:
    given: dict[str, Any] = {
        "workflow": contract.Workflow(ref="w1", name="Nightly import"),
        "status": Status.SUCCEEDED,
        "native_status": "done",
        "started_at": at - timedelta(minutes=1),
        "finished_at": at,
        **more,
    }
    return Snapshot(ref=ref, **given)


def heat(page: Page) -> list[tuple[str, int, int]]:
    """(weekday, hour, number) of the cells that are not empty."""
    return [
        (row.one("th").text, hour, int(cell.text))
        for row in page.all("#behind-hours tbody tr")
        for hour, cell in enumerate(row.all("td"))
        if cell.text != "0"
    ]


# ------------------------------------------------------------------------------------- the wall


def tiles(page: Page) -> dict[str, Part]:
    """The tiles of the wall by the names of their workflows, in order."""
    return {tile.one("[title]").text: tile for tile in page.all("#wall li[id^='tile-']")}


def tile_of(client: Client, name: str) -> Part:
    return next(each for each in overview(client).all("li[data-state]") if name in each)


def test_a_tile_shows_its_last_runs_as_a_strip_and_says_the_same_in_words(ana, put):
    put("r1", Status.SUCCEEDED, age=9, finished_at=NOW)
    put("r2", Status.FAILED, age=8, finished_at=NOW)
    put("r3", Status.RUNNING, age=7)
    strip = tile_of(ana, "Nightly import").one("svg")
    assert strip["aria-label"] == "Last 3 runs: 1 succeeded, 1 failed, 1 running"


def test_the_axis_of_a_chart_of_runs_has_whole_numbers(ana, put):
    for number in range(11):
        put(f"r{number}", Status.SUCCEEDED, age=9, finished_at=NOW - timedelta(minutes=1))
    assert [each.text for each in overview(ana).all("#chart-runs .up span")] == ["16", "8", "0"]


def test_a_tile_is_lit_until_somebody_is_on_it_and_then_says_who(ana, people, put):
    run = put("r1", Status.FAILED, finished_at=NOW)
    assert tile_of(ana, "Nightly import")["data-state"] == "failed"
    acts.assign(people["ana"], Execution.objects.filter(pk=run.pk), to=people["ana"])
    tile = tile_of(ana, "Nightly import")
    assert tile["data-state"] == "in_hand"
    assert "ana is on it" in tile


def test_a_tile_that_cannot_be_seen_says_since_when(ana, account, put):
    put("r1", Status.FAILED, finished_at=NOW)
    account.last_success_at = NOW - timedelta(hours=2)
    account.save()
    tile = tile_of(ana, "Nightly import")
    assert "was: 1 failed" in tile
    assert "can’t read for 2 h" in tile


def test_a_tile_shows_the_worst_of_its_workflow_and_opens_exactly_that(ana, account):
    def one(name: str, *states: Status, age: int = 5) -> None:
        flow = contract.Workflow(ref=name, name=name)
        at = NOW - timedelta(hours=age)
        store(account.pk, 1, [
            Snapshot(ref=f"{name}{n}", workflow=flow, status=status, native_status="x",
                     started_at=at, finished_at=at if status.is_final else None)
            for n, status in enumerate(states)
        ])  # fmt: skip

    one("asks", Status.USER_INPUT, Status.FAILED, Status.RUNNING)
    one("broke", Status.FAILED, Status.TIMED_OUT, Status.RUNNING, Status.SUCCEEDED)
    one("broke long ago", Status.FAILED, age=40)
    one("warned", Status.WARNING, Status.QUEUED)
    one("odd", Status.UNKNOWN, Status.RUNNING)
    one("works", Status.RUNNING, Status.WAITING)
    one("slow", Status.RUNNING, Status.RUNNING)
    Workflow.objects.filter(ref="slow").update(successes=9, long_seconds=60, typical_seconds=9)
    page = overview(ana)
    shown = tiles(page)
    assert {name: tile["data-state"] for name, tile in shown.items()} == {
        "asks": "needs_you", "broke": "failed", "broke long ago": "failed", "warned": "warning",
        "odd": "unknown", "works": "active", "slow": "overdue",
    }  # fmt: skip
    numbers = {name: listed(tile.one("a")["href"], [account]) for name, tile in shown.items()}
    assert numbers == {
        "asks": 1, "broke": 2, "broke long ago": 1, "warned": 1, "odd": 1, "works": 2, "slow": 2,
    }  # fmt: skip
    totals = page.one("#wall-title").around("div").links("/?")
    assert [said for _, said in totals] == [
        "1 needs you", "4 failed", "2 overdue", "1 warning", "1 unknown", "8 active",
    ]  # fmt: skip
    for href, said in totals:
        assert listed(href, [account]) == int(said.split()[0])


def test_an_account_that_is_not_read_is_not_believed(ana, account, put):
    put("r1", Status.RUNNING)
    old = timezone.now() - timedelta(hours=3)
    ProviderAccount.objects.update(health="failing", last_success_at=old)
    html = ana.get("/overview/").content.decode()
    assert "Cannot be read, as of" in html
    assert "was: 1 active" in html
    assert "Nothing is left out, but 1 account is not current: Claims" in html


def many(account: ProviderAccount, number: int) -> None:
    Workflow.objects.bulk_create(
        Workflow(account=account, ref=f"w{n}", name=f"Flow {n:04}") for n in range(number)
    )


def test_two_thousand_workflows_show_their_problems_first_and_the_rest_as_a_number(ana, account):
    many(account, 2000)
    seven, other = (contract.Workflow(ref=f"w{n}", name=f"Flow {n:04}") for n in (7, 99))
    bad = ended("bad", NOW, status=Status.FAILED, workflow=seven)
    store(account.pk, 1, [bad, ended("ask", NOW, status=Status.USER_INPUT, workflow=other)])
    page = overview(ana)
    assert list(tiles(page)) == ["Flow 0099", "Flow 0007"]
    assert "1998 more of 2000 workflows" in page.text.replace("1,998", "1998")
    assert len(page.source) < 300_000
    opened = tiles(overview(ana, f"opened={account.pk}"))
    assert len(opened) >= workflow_tiles.MOST_OPENED


def test_an_open_page_keeps_every_tile_in_its_place_and_says_what_came_up(ana, account):
    many(account, 500)
    flow = [contract.Workflow(ref=f"w{n}", name=f"Flow {n:04}") for n in range(500)]
    store(
        account.pk,
        1,
        [ended(f"r{n}", NOW, status=Status.FAILED, workflow=flow[n]) for n in (5, 3, 9)],
    )
    page = overview(ana)
    before = list(tiles(page))
    store(account.pk, 2, [
        ended("r9", NOW, status=Status.USER_INPUT, workflow=flow[9], native_status="asks"),
        ended("new", NOW, status=Status.FAILED, workflow=flow[1]),
    ])  # fmt: skip
    news = Page(ana.get(page.changes, headers={"HX-Request": "true"}))
    assert list(tiles(news)) == before == ["Flow 0003", "Flow 0005", "Flow 0009"]
    assert tiles(news)["Flow 0009"]["data-state"] == "needs_you"
    assert "1 more workflow with problems" in news
    assert next(iter(tiles(overview(ana)))) == "Flow 0009"


def test_an_open_page_gets_its_wall_on_every_news_and_its_charts_twice_a_minute(ana, put):
    put("r1", Status.RUNNING)
    page = overview(ana)
    address, headers = f"{page.changes}&stamp={page.stamp}", {"HX-Request": "true"}
    top = page.one("#charts")["data-top"]
    if overview(ana).one("#charts")["data-top"] == top:  # the half minute is not over
        assert ana.get(f"{address}&top={top}", headers=headers).status_code == 204
    put("r1", Status.USER_INPUT, seq=2)
    news = Page(ana.get(f"{address}&top={top}", headers=headers))
    assert "#wall" in news.targets
    assert "1 needs you" in news
    later = Page(ana.get(f"{address}&top=1", headers=headers))
    assert "#charts" in later.targets


# ---------------------------------------------------------------------------------- the answers


def test_the_time_people_took_is_counted_and_its_questions_are_listed(ana, account):
    for number, (claim, close) in enumerate([(60, 600), (120, 1200), (None, 4100)]):
        form = contract.Question(ref=f"q{number}", kind="approval", title=f"Release {number}?")
        flow = contract.Workflow(ref="w", name="Invoices")
        store(account.pk, 1, [Snapshot(
            ref=f"r{number}", workflow=flow, status=Status.USER_INPUT, native_status="wait",
            steps=(), questions=(form,), outputs=(),
        )])  # fmt: skip
        opened = NOW - timedelta(hours=2)
        Question.objects.filter(ref=f"q{number}").update(
            opened_at=opened,
            first_claimed_at=opened + timedelta(seconds=claim) if claim else None,
            # another took it over later; one was let go again
            claimed_at=opened + timedelta(seconds=claim + 300) if claim == 60 else None,
            closed_at=opened + timedelta(seconds=close),
        )
    times = overview(ana).under("Time people took to answer")
    rows = times.all("tbody tr")
    said = {row.one("th").text: [cell.text for cell in row.all("td")][:6] for row in rows}
    expected = ["3", "0", "1 m 30 s", "1 m 57 s", "20 m 00 s", "1 h 03 m"]
    assert said["All together"] == expected
    assert [cells for name, cells in said.items() if name.startswith("Invoices")] == [expected]
    page = Page(ana.get(times.links("/overview/answers/")[0][0]))
    assert len(page.all("tbody tr")) == 3
    assert "Release 2?" in page


# -------------------------------------------------------------------------- words of the address


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lamp=failed", "“lamp” does not narrow the overview"),
        ("q=zebra&status=failed", "“status” does not narrow the overview"),
        ("account=99999", "There is no account “99999” that you may see"),
        ("workflow=abc", "“abc” is not a workflow"),
        ("finished=never", "There is no time range “never” here"),
        ("finished_from=soon", "“soon” is not a time"),
        ("opened=99999999999999999999&tiles=x.y", ""),
        ("workflow=123456789", ""),
        ("heat=%00&weekday=99&hour=-1", ""),
    ],
)
def test_the_pages_open_whatever_the_address_says_and_name_what_they_ignored(ana, put, words, said):
    put("r1", Status.SUCCEEDED, finished_at=NOW)
    for path in ("", "hours/", "answers/", "changes/"):
        page = ana.get(f"/overview/{path}?{words}")
        assert page.status_code == 200
        assert said in page.content.decode() or path == "changes/"


def test_a_stranger_sees_none_of_it(eve, account, put):
    put("r1", Status.FAILED, finished_at=NOW)
    html = eve.get("/overview/").content.decode()
    assert "No provider account yet" in html
    assert "Nightly import" not in html
    html = eve.get(f"/overview/?account={account.pk}").content.decode()
    assert "that you may see" in html
    workflow = Workflow.objects.get()
    news = eve.get(f"/overview/changes/?tiles={workflow.pk}", headers={"HX-Request": "true"})
    assert "Nightly import" not in news.content.decode()


def test_nothing_yet_nothing_in_range_and_cannot_know_are_three_things(ana, account, put):
    assert "No run has ended yet" in ana.get("/overview/").content.decode()
    put("r1", Status.SUCCEEDED, finished_at=NOW - timedelta(days=3))
    assert "No run ended in this range" in ana.get("/overview/").content.decode()
    old = timezone.now() - timedelta(days=2)
    ProviderAccount.objects.update(health="failing", last_success_at=old)
    assert "not every account can be read" in ana.get("/overview/").content.decode()


def test_runs_without_an_end_are_told_apart(ana, put):
    put("r1", Status.FAILED)
    html = ana.get("/overview/").content.decode()
    assert "1 ended run of these accounts came without an end time" in html


def test_what_a_provider_calls_a_workflow_is_text(ana, put):
    flow = contract.Workflow(ref="w", name='<img src=x onerror="alert(1)">')
    put("r1", Status.RUNNING, workflow=flow)
    html = ana.get("/overview/").content.decode()
    assert "<img" not in html
    assert "&lt;img" in html


def test_the_filter_changes_the_page_without_loading_it_and_the_address_follows(ana, put):
    put("r1", Status.RUNNING)
    part = ana.get("/overview/?finished=7d&account=&workflow=", headers={"HX-Request": "true"})
    assert part["HX-Push-Url"] == "/overview/?finished=7d"
    assert part.content.decode().startswith('<div id="console"')
    assert "HX-Request" in part["Vary"]


def test_counts_of_all_final_statuses_are_drawn():
    drawn = {status for lamp in (Lamp.DONE, Lamp.FAILED, Lamp.WARNING) for status in lamp.statuses}
    assert {status.value for status in drawn} == set(FINAL_STATUSES)
