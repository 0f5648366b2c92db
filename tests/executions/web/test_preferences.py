"""One zone per person, times as they like them, density and shortcuts; and help on statuses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions.display.formatting import duration
from executions.display.relative_times import ago, for_reader
from executions.display.statuses import STATUS_VIEWS
from executions.display.time_zone_choices import zone_named, zone_names
from executions.models import ApiToken, LogEntry, Preference, Quarantine
from providers.contract import Status
from tests.pages import Page, RunList

CHOSEN = {"zone": "Asia/Kolkata", "is_relative": "False", "is_compact": "True"}


@pytest.fixture
def prefer(people: dict[str, User]):
    def preferring(name: str, **chosen: object) -> None:
        Preference.objects.update_or_create(user=people[name], defaults=chosen)

    return preferring


def test_a_person_chooses_zone_density_and_shortcuts(ana, people):
    page = ana.post("/preferences/", CHOSEN, follow=True).content.decode()
    assert "Your preferences are saved." in page
    kept = Preference.objects.get(user=people["ana"])
    assert (kept.zone, kept.is_relative, kept.is_compact) == ("Asia/Kolkata", False, True)
    assert kept.has_shortcuts is False  # the box was not ticked
    assert 'data-density="compact"' in page
    assert 'data-keys="off"' in page
    assert "Times are in Asia/Kolkata (IST now)." in page


def test_a_zone_may_be_typed_carelessly_but_has_to_exist(ana, people):
    ana.post("/preferences/", {**CHOSEN, "zone": " europe/zurich "})
    assert Preference.objects.get(user=people["ana"]).zone == "Europe/Zurich"
    for wrong in ("Mars/Olympus", "../../etc/passwd", "", "x" * 500):
        answer = ana.post("/preferences/", {**CHOSEN, "zone": wrong})
        assert answer.status_code == 422, wrong
        assert Page(answer).one("[name='zone']")["aria-invalid"] == "true"
    assert Preference.objects.get(user=people["ana"]).zone == "Europe/Zurich"


def test_every_zone_offered_can_be_chosen():
    assert {"UTC", "Europe/Zurich", "America/New_York"} <= set(zone_names())
    assert all(zone_named(name) == name for name in zone_names())


def test_preferences_are_ones_own(ana, vik):
    ana.post("/preferences/", CHOSEN)
    assert "Times are in UTC." in vik.get("/").content.decode()


def test_the_theme_still_belongs_to_the_screen(ana, people):
    answer = ana.post("/preferences/", {"theme": "dark", "next": "/inbox/"})
    assert (answer["Location"], answer.cookies["theme"].value) == ("/inbox/", "dark")
    assert not Preference.objects.filter(user=people["ana"]).exists()


@pytest.mark.parametrize("word", ["f0-0", "executions", "inbox", "?lamp=failed"])
def test_any_word_to_go_on_with_is_an_answer(ana, word):
    """A word without a slash is an address too, never the name of a view."""
    answer = ana.post("/preferences/", {"theme": "dark", "next": word})
    assert (answer.status_code, answer["Location"]) == (302, word)


@pytest.mark.parametrize("path", ["/", "/inbox/", "/accounts/", "/shift/", "/workflows/"])
def test_every_page_names_the_zone_of_its_times(ana, put, prefer, path):
    put("r1")
    prefer("ana", zone="America/New_York")
    page = ana.get(path).content.decode()
    assert re.search(r"Times are in America/New_York \(E[SD]T now\)\.", page)
    assert 'data-zone="America/New_York"' in page


def test_rows_that_are_kept_are_told_in_the_zone_and_manner_of_each_reader(ana, vik, put, prefer):
    put("r1", age=65)
    prefer("ana", zone="Asia/Kolkata", is_relative=False)
    clock = time_of(ana.get("/"))
    assert re.fullmatch(r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d", clock)
    assert time_of(vik.get("/")) == "1 h ago"
    assert time_of(ana.get("/")) == clock


def test_a_live_row_is_relative_too(vik, put, prefer):
    run = put("r1", age=65)
    answer = vik.get("/executions/changes/", {"rows": f"{run.pk}:old", "stamp": "old"})
    assert time_of(answer) == "1 h ago"


def test_each_time_names_the_zone_that_was_in_force(ana, put, prefer):
    """Five minutes past one came twice that night: at 05:05 and at 06:05 UTC."""
    prefer("ana", zone="America/New_York", is_relative=False)
    for ref, hour in (("first", 5), ("second", 6)):
        put(ref, started_at=datetime(2026, 11, 1, hour, 5, tzinfo=UTC))
    page = ana.get("/").content.decode()
    now = re.search(r"\((E[SD]T) now\)", page)[1]
    starts = Page(page).all("time[datetime^='2026-11-01T0']", "01:05:00")
    assert all(at["title"].startswith("Nov 01 2026 01:05:00 E") for at in starts)
    zones = {at["datetime"]: at.text.rpartition("01:05:00")[2].strip() for at in starts}
    told = {at: zone or now for at, zone in zones.items()}
    assert told == {"2026-11-01T05:05:00Z": "EDT", "2026-11-01T06:05:00Z": "EST"}


def test_a_log_begins_a_new_part_where_the_clock_is_changed(ana, put, prefer):
    prefer("ana", zone="America/New_York")
    run = put("logged")
    for seq, hour in enumerate((5, 6)):
        at = datetime(2026, 11, 1, hour, 5, tzinfo=UTC)
        LogEntry.objects.create(execution=run, seq=seq, at=at, text=f"line {seq}")
    page = ana.get(f"/executions/{run.pk}/?tab=log").content.decode()
    days = re.findall(r"Sun Nov 01 2026 (E[SD]T)", page)
    assert days == ["EDT", "EST"]


def time_of(answer: Any) -> str:
    return RunList(answer).runs[0].all("time")[0].text


def test_a_relative_time_keeps_its_clock_for_the_pointer():
    now = datetime(2026, 7, 22, 12, 0, tzinfo=UTC)

    def told(words: str, **more: Any) -> str:
        html = f'<time datetime="2026-07-22T11:56:00Z"{more.pop("kind", "")}>{words}</time>'
        with timezone.override("Europe/Zurich"):
            return for_reader(html, now, **{"is_relative": True, **more})

    start = '<time datetime="2026-07-22T11:56:00Z"{} title="Jul 22 2026 13:56:00 CEST">'
    assert told("13:56") == start.format("") + "4 min ago</time>"
    assert told("13:56", is_relative=False) == start.format("") + "13:56</time>"
    exact, since = " data-exact", ' data-word="since"'
    assert told("13:56", kind=exact) == start.format(exact) + "13:56</time>"
    assert told("since 13:56", kind=since) == start.format(since) + "for 4 min</time>"
    odd = '<time datetime="soon">later</time>'
    assert for_reader(odd, now, is_relative=True) == odd


@pytest.mark.parametrize(
    ("seconds", "words", "since", "until"),
    [
        (0, "just now", "for less than 1 min", "until just now"),
        (59, "just now", "for less than 1 min", "until just now"),
        (60, "1 min ago", "for 1 min", "until 1 min ago"),
        (3599, "59 min ago", "for 59 min", "until 59 min ago"),
        (7200, "2 h ago", "for 2 h", "until 2 h ago"),
        (90000, "1 d ago", "for 1 d", "until 1 d ago"),
        (-30, "in less than 1 min", "in less than 1 min", "for less than 1 min more"),
        (-300, "in 5 min", "in 5 min", "for 5 min more"),
    ],
)
def test_the_words_of_a_relative_time(seconds, words, since, until):
    now = timezone.now()
    at = now - timedelta(seconds=seconds)
    assert (ago(at, now), ago(at, now, "at")) == (words, words)
    assert (ago(at, now, "since"), ago(at, now, "until")) == (since, until)


def test_a_new_person_reads_relative_times_and_a_choice_is_kept(ana, vik, put):
    put("r1", age=65)
    assert time_of(ana.get("/")) == "1 h ago"
    ana.post("/preferences/", CHOSEN)
    assert re.fullmatch(r"[A-Z][a-z]{2} \d\d [\d:]{8}", time_of(ana.get("/")))
    assert time_of(vik.get("/")) == "1 h ago"


def test_a_time_of_another_year_names_it(ana, put, prefer):
    prefer("ana", is_relative=False)
    put("r1", started_at=datetime(2019, 7, 22, 12, 3, 5, tzinfo=UTC))
    assert time_of(ana.get("/")) == "Jul 22 2019 12:03:05"


def test_histories_keep_the_clock_whatever_a_reader_likes(ana, put):
    run = put("r1", age=65)
    page = Page(ana.get(f"/executions/{run.pk}/?tab=history"))
    seen = page.one("table", "Status changes").all("time")
    assert seen
    assert not [time for time in seen if "ago" in time.text]


@pytest.mark.parametrize("path", ["/admin/executions/quarantine/", "/admin/executions/apitoken/"])
def test_the_admin_tells_times_like_every_page(sign_in, people, account, prefer, path):
    people["boss"] = User.objects.create_superuser("boss")
    boss = sign_in(people["boss"])
    at = timezone.now() - timedelta(hours=2)
    Quarantine.objects.create(account=account, ref="q", reason="odd", first_seen_at=at)
    Quarantine.objects.update(first_seen_at=at, last_seen_at=at)
    ApiToken.objects.create(user=people["ana"], hash="h", label="l", created_at=at)
    (told, *_) = Page(boss.get(path)).one("#result_list").all("time")
    assert told.text == "2 h ago"
    assert told["title"] == f"{at:%b %d %Y %H:%M:%S} UTC"
    prefer("boss", is_relative=False)
    page = Page(boss.get(path))
    (told, *_) = page.one("#result_list").all("time")
    assert told.text == told["title"]
    assert page.one("#time-tip")["data-times"] == "clock"
    shown = Page(boss.get(page.one("#result_list").links(path)[0][0]))
    assert shown.has("time", f"{at:%b %d %Y %H:%M:%S} UTC")


@pytest.mark.parametrize("seconds", [-0.2, -90, -1e9])
def test_a_duration_is_never_negative(seconds):
    assert duration(seconds) == "0.0 s"


def test_a_run_that_ended_before_it_began_took_no_negative_time(ana, put):
    started = timezone.now()
    run = put("r1", Status.FAILED, started_at=started, finished_at=started - timedelta(hours=2))
    for path in ("/", f"/executions/{run.pk}/"):
        assert not re.search(r"[>\s]-\d+(\.\d+)? [smhd]\b", ana.get(path).content.decode())


@pytest.mark.parametrize("status", Status, ids=str)
def test_every_status_has_its_meaning_and_what_to_do(ana, status):
    own = Page(ana.get("/statuses/")).one(f"[id='{status}']")
    assert f"What to do: {STATUS_VIEWS[status].advice}" in own


@pytest.mark.parametrize("status", Status, ids=str)
def test_every_lamp_leads_to_its_meaning(ana, put, status):
    run = put("r1", status)
    for path in ("/", f"/executions/{run.pk}/"):
        assert f'href="/statuses/#{status}"' in ana.get(path).content.decode()
