"""One zone per person, times as they like them, density and shortcuts; and help on statuses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions.display.formatting import duration
from executions.display.relative_times import ago, relative
from executions.display.statuses import STATUS_VIEWS
from executions.display.time_zones import zone_named, zone_names
from executions.models import LogEntry, Preference
from providers.contract import Status

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
        assert 'class="field-error"' in answer.content.decode()
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
    put("r1", age=90)
    prefer("ana", zone="Asia/Kolkata")
    prefer("vik", is_relative=True)
    clock = time_of(ana.get("/").content.decode())
    assert re.fullmatch(r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d", clock)
    assert time_of(vik.get("/").content.decode()) == "1 h ago"
    assert time_of(ana.get("/").content.decode()) == clock


def test_a_live_row_is_relative_too(vik, put, prefer):
    run = put("r1", age=90)
    prefer("vik", is_relative=True)
    answer = vik.get("/executions/changes/", {"rows": f"{run.pk}:old", "stamp": "old"})
    assert time_of(answer.content.decode()) == "1 h ago"


def test_each_time_names_the_zone_that_was_in_force(ana, put, prefer):
    """Five minutes past one came twice that night: at 05:05 and at 06:05 UTC."""
    prefer("ana", zone="America/New_York")
    for ref, hour in (("first", 5), ("second", 6)):
        put(ref, started_at=datetime(2026, 11, 1, hour, 5, tzinfo=UTC))
    page = ana.get("/").content.decode()
    now = re.search(r"\((E[SD]T) now\)", page)[1]
    told = {
        found["at"]: found["zone"] or now
        for found in re.finditer(
            r'datetime="(?P<at>2026-11-01T0[56]:05:00Z)">Nov 01 01:05:00 ?(?P<zone>E[SD]T)?<', page
        )
    }
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


def time_of(page: str) -> str:
    row = page[page.index("data-row") :]
    found = re.search(r"<time[^>]*>([^<]*)</time>", row)
    assert found
    return found[1]


def test_a_relative_time_keeps_its_clock_for_the_pointer():
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    html = '<time datetime="2026-11-22T11:56:00Z" class="num">Nov 22 11:56:00</time>'
    assert relative(html, now) == (
        '<time datetime="2026-11-22T11:56:00Z" class="num" title="Nov 22 11:56:00">4 min ago</time>'
    )
    assert relative('<time datetime="soon">later</time>', now) == (
        '<time datetime="soon">later</time>'
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"), (59, "just now"), (60, "1 min ago"), (3599, "59 min ago"),
        (7200, "2 h ago"), (90000, "1 d ago"), (-30, "in less than 1 min"), (-300, "in 5 min"),
    ],
)  # fmt: skip
def test_the_words_of_a_relative_time(seconds, words):
    now = timezone.now()
    assert ago(now - timedelta(seconds=seconds), now) == words


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
    page = ana.get("/statuses/").content.decode()
    own = page[page.index(f'<div id="{status}">') :].split("</div>")[0]
    assert f"What to do: {STATUS_VIEWS[status].advice}" in own.replace("&#x27;", "'")


@pytest.mark.parametrize("status", Status, ids=str)
def test_every_lamp_leads_to_its_meaning(ana, put, status):
    run = put("r1", status)
    for path in ("/", f"/executions/{run.pk}/"):
        assert f'href="/statuses/#{status}"' in ana.get(path).content.decode()
