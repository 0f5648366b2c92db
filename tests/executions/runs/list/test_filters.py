"""What people ask of the table of runs, and what they are told when it cannot be understood."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urljoin, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone

from executions.access.permissions import visible_accounts
from executions.models import Execution, ExecutionDetail, Preference, Question, RunKey
from executions.models import Workflow as WorkflowRow
from executions.payloads.error_fingerprint import error_key
from executions.search import pages as run_pages
from executions.search import queryset as run_queryset
from executions.search.filters import DIMENSIONS, parse
from providers.contract import Status, Workflow
from providers.models import ProviderAccount
from tests.executions.conftest import NOW
from tests.pages import Page, RunList, labels

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(put):
    """Three runs that began long ago and ended at different times."""
    hour = timedelta(hours=1)
    put("early", Status.FAILED, age=3000, finished_at=NOW - 40 * hour)
    put("late", Status.FAILED, age=2900, finished_at=NOW - hour)
    put("good", Status.SUCCEEDED, age=130, finished_at=NOW - 2 * hour)


# ---------------------------------------------------------------------------------- each filter


def test_several_values_are_asked_for_and_excluded(ana, put):
    for ref, status in (("a", "failed"), ("b", "timed_out"), ("c", "running"), ("d", "paused")):
        put(ref, Status(status), age=ord(ref))
    assert labels(ana.get("/?status=failed&status=paused")) == ["a", "d"]
    assert labels(ana.get("/?not_status=failed&not_lamp=active")) == ["b"]


def test_the_panels_box_turns_what_is_chosen_into_an_exclusion(ana, put):
    put("a", Status.FAILED)
    put("b", Status.RUNNING)
    page = ana.get("/?form=1&status=failed&but=status", headers={"HX-Request": "true"})
    assert labels(page) == ["b"]
    assert page["HX-Push-Url"] == "/?not_status=failed"


def test_a_range_of_ends_finds_what_ended_then_last_end_first(ana, ended, put):
    put("still running")
    page = RunList(ana.get("/?finished=24h"))
    assert page.labels == ["late", "good"]
    assert page.one("th[aria-sort=descending]").text.startswith("Finished")
    assert labels(ana.get("/?finished=24h&lamp=failed")) == ["late"]
    assert labels(ana.get("/?finished=24h&sort=newest")) == ["good", "late"]
    assert labels(ana.get("/?sort=finished")) == ["late", "good", "early"]


def test_pages_by_end_go_on_where_the_one_before_stopped(ana, put):
    for number in range(70):
        end = NOW - timedelta(minutes=number)
        put(f"r{number}", Status.SUCCEEDED, age=300 + number % 7, finished_at=end)
    first = RunList(ana.get("/?sort=finished"))
    assert [*first.labels, *labels(ana.get(first.older))] == [f"r{number}" for number in range(70)]


def test_the_oldest_come_first_on_request_and_pages_go_towards_now(ana, put):
    for number in range(60):
        put(f"r{number}", age=100 - number)
    first = RunList(ana.get("/?sort=oldest"))
    assert [*first.labels, *labels(ana.get(first.older))] == [f"r{number}" for number in range(60)]


def test_duration_counts_finished_and_running_runs(ana, put):
    put("short", Status.SUCCEEDED, age=60, finished_at=NOW - timedelta(minutes=59))
    put("long", Status.SUCCEEDED, age=50, finished_at=NOW - timedelta(minutes=10))
    put("going", Status.RUNNING, age=45)
    assert labels(ana.get("/?took_min=15m")) == ["going", "long"]
    assert labels(ana.get("/?took_max=90")) == ["short"]
    assert labels(ana.get("/?took_min=15m&took_max=42m")) == ["long"]


def test_overdue_is_longer_than_the_workflows_own_history(ana, put):
    put("late", Status.RUNNING, age=30)
    put("fresh", Status.RUNNING, age=1)
    WorkflowRow.objects.update(successes=20, typical_seconds=40, long_seconds=1500)
    page = ana.get("/?is=overdue")
    assert labels(page) == ["late"]
    assert "running, usually 40 s" in page.content.decode()
    assert 'title="Runs longer than usual (usually 40 s)."' in page.content.decode()
    assert "data-overdue-at=" in ana.get("/?q=fresh").content.decode()
    WorkflowRow.objects.update(successes=4)  # too little is known
    assert labels(ana.get("/?is=overdue")) == []


@pytest.mark.parametrize(
    ("usual", "long", "took", "is_overdue"),
    [
        (4.5, 5.5, 6, False),  # a second more than ever is no news
        (4.5, 5.5, 50, False),  # eleven times as long, and still less than a minute
        (4.5, 5.5, 65, True),
        (60, 70, 110, False),
        (60, 70, 125, True),  # twice as long as usual
        (60, 600, 500, False),  # it has taken as long before
        (60, 600, 605, True),
    ],
)
def test_every_place_calls_the_same_runs_overdue(ana, put, usual, long, took, is_overdue):
    run = put("going", Status.RUNNING, started_at=timezone.now() - timedelta(seconds=took))
    WorkflowRow.objects.update(successes=20, typical_seconds=usual, long_seconds=long)
    says = {
        "filter": bool(labels(ana.get("/?is=overdue"))),
        "row": "running, usually" in ana.get("/").content.decode(),
        "export": b"going" in b"".join(ana.get("/executions.csv?is=overdue").streaming_content),
        "page": "overdue: usually" in ana.get(f"/executions/{run.pk}/").content.decode(),
        "wall": "1 overdue" in ana.get("/overview/").content.decode(),
    }
    assert set(says.values()) == {is_overdue}, says


def test_an_installation_says_for_itself_what_overdue_is(ana, put, settings):
    run = put("going", Status.RUNNING, started_at=timezone.now() - timedelta(seconds=100))
    WorkflowRow.objects.update(successes=20, typical_seconds=60, long_seconds=70)
    settings.ANNUNCIATOR_OVERDUE_FACTOR = 1.5
    assert labels(ana.get("/?is=overdue")) == ["going"]
    assert "1.5 times the usual time" in ana.get(f"/executions/{run.pk}/").content.decode()
    settings.ANNUNCIATOR_OVERDUE_FLOOR = timedelta(minutes=5)
    assert labels(ana.get("/?is=overdue")) == []


def test_waiting_for_me_is_what_i_may_answer_and_nobody_else_claimed(
    ana, vik, sign_in, people, put, question
):
    put("going", Status.RUNNING)
    assert labels(ana.get("/?is=mine")) == ["waits"]
    assert (
        "Your role can view questions but not answer them" in vik.get("/?is=mine").content.decode()
    )
    Question.objects.update(claimed_by=people["ana"])
    assert labels(ana.get("/?is=mine")) == ["waits"]
    Question.objects.update(claimed_by=people["eve"])
    assert labels(ana.get("/?is=mine")) == []


def test_waiting_since_an_hour_is_counted_from_when_it_began_to_wait(ana, put):
    put("old", Status.USER_INPUT, age=300)
    put("new", Status.USER_INPUT, age=300)
    Execution.objects.filter(ref="old").update(changed_at=NOW - timedelta(hours=2))
    assert labels(ana.get("/?waiting=1h")) == ["old"]


def test_stale_is_every_open_run_of_an_account_that_is_not_current(ana, put, account):
    put("open", Status.RUNNING)
    put("done", Status.SUCCEEDED)
    assert labels(ana.get("/?is=stale")) == []
    old = timezone.now() - timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(health="failing", last_success_at=old)
    assert labels(ana.get("/?is=stale")) == ["open"]


def test_input_values_are_found_at_any_depth_whatever_their_case(ana, put):
    given = {"order": {"number": "PO-4711", "lines": [{"qty": 12}]}, "note": "x" * 5000}
    put("a", input=given, steps=())
    put("b", input={"order": {"number": "PO-4712"}}, steps=())
    assert labels(ana.get("/?q=po-4711")) == ["a"]
    assert labels(ana.get("/?q=12")) == ["a"]
    assert labels(ana.get("/?q=PO-47")) == []  # whole values, as the index holds them


def test_an_old_run_is_found_at_once_by_its_input_its_id_and_its_workflow(ana, put, monkeypatch):
    monkeypatch.setattr("executions.search.merged_scans.WINDOW", 3)
    price = Workflow(ref="w2", name="Price list")
    put("deep", age=500, input={"order": "PO-4711"}, steps=(), workflow=price)
    for number in range(6):
        put(f"r{number}", age=number)
    for text in ("PO-4711", "deep", "price"):
        page = ana.get(f"/?q={text}")
        assert labels(page) == ["deep"], text
        assert "searched only back to" in page.content.decode()


def test_a_value_that_very_many_runs_hold_is_found_in_the_newest_ones(ana, put, monkeypatch):
    monkeypatch.setattr("executions.search.access_paths.MANY", 2)
    for number in range(6):
        put(f"r{number}", age=number, input={"currency": "EUR"}, steps=())
    assert labels(ana.get("/?q=eur")) == [f"r{number}" for number in range(6)]


def test_storing_unchanged_input_again_writes_nothing(put):
    put("a", input={"order": "PO-4711"}, steps=())
    before = ExecutionDetail.objects.extra(select={"xmin": "xmin::text"}).get().xmin
    put("a", input={"order": "PO-4711"}, steps=(), seq=2)
    assert ExecutionDetail.objects.extra(select={"xmin": "xmin::text"}).get().xmin == before


# -------------------------------------------------------------------------------- time and zone


def test_what_a_reader_types_is_in_their_zone_and_the_address_keeps_utc(ana, put, people):
    Preference.objects.create(user=people["ana"], zone="Asia/Tokyo")
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=3)
    put("a", started_at=at)
    typed = at.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y-%m-%dT%H:%M")
    asked = {"form": "1", "started": "custom", "from": typed}
    page = ana.get("/", asked, headers={"HX-Request": "true"})
    assert labels(page) == ["a"]
    kept = dict(parse_qsl(urlsplit(page["HX-Push-Url"]).query))
    assert kept == {"from": at.strftime("%Y-%m-%dT%H:%MZ")}
    again = Page(ana.get("/", kept))
    assert again.value("from") == typed
    assert list(again.chips) == [f"started from {typed.replace('T', ' ')} JST"]


def test_a_pasted_link_means_the_same_in_every_zone(ana, put, people):
    put("a", started_at=NOW - timedelta(hours=3))
    link = f"/?from={NOW - timedelta(hours=4):%Y-%m-%dT%H:%MZ}"
    Preference.objects.create(user=people["ana"], zone="America/New_York")
    assert labels(ana.get(link)) == ["a"]


@pytest.mark.parametrize(
    "page", ["/?from={}", "/?finished_from={}", "/overview/?finished_from={}", "/shift/?since={}"]
)
@pytest.mark.parametrize(
    ("wall", "words"),
    [("2026-03-08T02:30", "02:30 on 2026-03-08 does not exist in America/New_York"),
     ("2025-11-02T01:30", "exists twice in America/New_York, as 01:30 EDT (UTC-04:00) and as "
      "01:30 EST (UTC-05:00). The first is taken; for the other write 2025-11-02T06:30Z."),
     ("2025-11-02T06:30Z", "")],
)  # fmt: skip
def test_a_clock_that_was_changed_is_told_about(ana, people, page, wall, words):
    Preference.objects.create(user=people["ana"], zone="America/New_York")
    html = ana.get(page.format(wall)).content.decode()
    assert words in html
    assert ("America/New_York, as" in html or "does not exist" in html) is bool(words)


# ---------------------------------------------------------------------------------- bad input


BAD = {
    "foo=1": "“foo” is not a filter",
    "status=broken": "There is no status “broken”",
    "account=99999": "There is no account “99999” that you may see",
    "is=late": "“is=late” is not a filter of this list",
    "took_min=soon": "“soon” is not a duration",
    "took_min=2h&took_max=1h": "The longest duration is below the shortest",
    "waiting=ever": "“ever” is not a duration",
    "sort=name": "The list cannot be sorted by “name”",
    "size=7": "A page has 50, 100 or 200 runs",
    "view=99999": "The saved view was deleted, or is not shared with you",
    "view=x": "There is no saved view “x”",
    "finished=ever": "There is no time range “ever”",
    "finished=24h&finished_from=2026-01-01T00:00Z": "“finished_from”, because the last 24 hours",
    "from=2026-02-01&to=2026-01-01": "The time range ends before it starts",
    "lamp=failed&not_lamp=failed": "The lamp “failed” is both asked for and excluded",
    "before=x": "The page was not understood",
    "before=f1700000000000000-5": "The page belongs to another list",
    "before=1700000000000000--5": "The page was not understood",
    "took_min=99999999999d": "is not a duration",
}


@pytest.mark.parametrize("query", BAD)
def test_bad_input_opens_the_page_and_is_named(ana, put, query):
    put("a", Status.FAILED)
    page = ana.get(f"/?{query}")
    assert page.status_code == 200
    (sentence,) = Page(page).ignored
    assert BAD[query] in sentence
    assert ana.get(f"/executions/changes/?{query}").status_code == 200


def test_a_filter_on_an_account_of_another_team_is_named_and_shows_nothing_of_it(eve, put, account):
    put("secret")
    page = eve.get(f"/?account={account.pk}")
    assert labels(page) == []
    assert "that you may see" in Page(page).ignored[0]
    assert account.name not in page.content.decode()


def test_a_place_of_another_filter_is_not_taken_for_one_of_this(ana, put):
    for number in range(60):
        put(f"r{number}", Status.FAILED if number < 2 else Status.RUNNING, age=number)
    page = ana.get(RunList(ana.get("/")).older + "&status=failed")
    assert labels(page) == ["r0", "r1"]
    assert "belongs to another list" in Page(page).ignored[0]


def test_filters_that_exclude_each_other_say_so(ana, put):
    put("a")
    text = ana.get("/?is=overdue&status=failed").content.decode()
    assert "exclude each other" in text
    assert "Clear all filters" in text


# ------------------------------------------------------------------------- chips and counts


def test_every_active_filter_is_a_chip_that_can_be_taken_away(ana, put):
    put("a")
    answer = ana.get(
        "/?not_status=paused&finished=24h&took_min=15m&is=overdue&waiting=1h&sort=oldest"
    )
    chips = Page(answer).chips
    assert list(chips) == [
        "status is not paused",
        "finished last 24 hours",
        "took at least 15m",
        "waits for a person at least 1h",
        "only overdue",
        "order oldest start first",
    ]
    assert chips["finished last 24 hours"].startswith("/?not_status=paused&took_min=15m")


def test_counts_per_status_obey_the_filter_and_open_exactly_what_they_count(ana, put, ended):
    put("stopped", Status.TIMED_OUT, age=100, finished_at=NOW - timedelta(minutes=9))
    put("going", Status.RUNNING)
    for query in ("", "finished=24h", "q=import", "took_min=15m", "sort=finished", "started=6h"):
        counts = RunList(ana.get(f"/?{query}")).counts
        assert counts
        for href, number in counts:
            behind = labels(ana.get(urljoin("/", href)))
            assert len(behind) == number, (query, href)


def test_ready_made_filters_lead_to_lists_and_say_which_one_is_open(ana, put):
    page = RunList(ana.get("/?is=overdue"))
    assert page.view == "Overdue"
    for href, _ in page.one("nav[aria-label='Views']").links():
        assert Page(ana.get(href)).ignored == []


def test_type_ahead_finds_workflows_and_keeps_the_chosen_ones(ana, eve, put):
    put("a", workflow=Workflow(ref="w1", name="Nightly import"))
    put("b", workflow=Workflow(ref="w2", name="Price list"))
    price = WorkflowRow.objects.get(ref="w2").pk
    text = ana.get("/executions/options/?of=workflow&find_workflow=night").content.decode()
    assert "Nightly import" in text
    assert "Price list" not in text
    kept = ana.get(f"/executions/options/?of=workflow&find_workflow=night&workflow={price}")
    assert Page(kept).has(f"input[value='{price}'][checked]")
    assert "import" not in eve.get("/executions/options/?of=workflow").content.decode()


# ---------------------------------------------------------- the list and the walk over all of it

AGREE = (
    "", "lamp=failed", "not_status=running", "started=6h", "finished=24h", "sort=finished",
    "finished=7d&lamp=failed", "finished=24h&sort=oldest", "took_min=15m", "took_max=1h&lamp=done",
    "is=overdue", "is=mine", "is=stale", "waiting=1h", "q=import", "q=po-1", "q=ledger", "q=r1",
    "q=eur&lamp=failed", "q=eur&sort=finished", "workflow={0}", "not_workflow={0}",
    "workflow={0}&q=eur", "workflow={0}&sort=finished&lamp=failed", "is=overdue&workflow={0}",
    "is=mine&q=eur", "sort=oldest&q=eur", "provider=smartflows&not_lamp=done",
    "error={1}", "not_error={1}", "key=po-1", "not_key=po-1&started=7d",
    "label=nightly", "label=team%3Deast&lamp=failed", "not_label=nightly&started=7d",
    "account={2}&from=2020-01-01T00:00Z&to=2100-01-01T00:00Z",
    "status=failed&finished_from=2020-01-01T00:00Z&finished_to=2100-01-01T00:00Z",
)  # fmt: skip


def test_every_dimension_of_a_filter_is_among_those_in_which_list_and_export_agree():
    asked = {key.removeprefix("not_") for query in AGREE for key, _ in parse_qsl(query)}
    assert asked == set(DIMENSIONS)


def test_the_list_and_the_export_find_the_same_runs(people, put, account, monkeypatch):
    monkeypatch.setattr("executions.search.merged_scans.WINDOW", 4)
    many_kinds_of_runs(put)
    old = NOW - timedelta(hours=2)
    WorkflowRow.objects.update(successes=9, typical_seconds=60, long_seconds=10_800)
    for run in Execution.objects.filter(status="user_input"):
        Question.objects.create(execution=run, ref="q", kind="approval", opened_at=NOW)
    Execution.objects.filter(status="user_input").update(changed_at=old)
    ProviderAccount.objects.filter(pk=account.pk).update(last_success_at=old)
    accounts = {each.pk: each for each in visible_accounts(people["ana"])}
    chosen = WorkflowRow.objects.get(ref="w1").pk
    failed = error_key("connection refused")
    Execution.objects.filter(status="failed").update(error_key=failed)
    for run in Execution.objects.filter(status="succeeded"):
        RunKey.objects.create(
            execution=run, account=account, name="order", value="po-1", text="PO-1",
            sort_at=run.sort_at,
        )  # fmt: skip
    for sees_all in (False, True):
        for query in (text.format(chosen, failed, account.pk) for text in AGREE):
            filters = parse(
                QueryDict(query), accounts, now=timezone.now(), sees_all=sees_all,
                me=people["ana"].pk,
            )  # fmt: skip
            walked = list(run_queryset.queryset(filters).values_list("pk", flat=True))
            listed = every_page(filters)
            assert walked, query
            assert set(listed) == set(walked), query
            if "q=" not in query:  # text shows old runs that an index knows early, and again
                assert listed == walked, query


def many_kinds_of_runs(put) -> None:
    statuses, flows = list(Status), ("Sync", "Import", "Price list", "Claims", "Archive")
    for number in range(48):
        status = statuses[number % len(statuses)]
        age = 7 + number * 20
        put(
            f"r{number}",
            status,
            age=age,
            finished_at=NOW - timedelta(minutes=age - 5 * (number % 5))
            if status.is_final
            else None,
            error="ledger is gone" if status is Status.FAILED else "",
            input={"order": f"PO-{number}", "currency": "EUR" if number % 2 else "CHF"},
            labels={"team": "east"} if number % 3 else {"nightly": ""},
            workflow=Workflow(ref=f"w{number % 5}", name=flows[number % 5]),
            steps=(),
        )


def every_page(filters) -> list[int]:
    listed: dict[int, None] = {}
    page = run_pages.page(filters, limit=5)
    for _ in range(60):
        listed |= dict.fromkeys(row.pk for row in page.rows)
        if page.older is None:
            return list(listed)
        page = run_pages.page(filters, page.older, limit=5)
    raise AssertionError("the pages do not end")
