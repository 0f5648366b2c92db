"""What the tags of templates print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import engines
from django.utils import timezone

from executions.display.statuses import STATUS_VIEWS
from tests.pages import Page

YEAR = timezone.now().year
NOON = datetime(YEAR, 1, 22, 11, 3, 5, tzinfo=UTC)


def rendered(source: str, **context: object) -> str:
    return engines["django"].from_string(source).render(context)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("", "Jan 22 20:03:05 JST"),
        ('"sentence"', "Jan 22 20:03:05 JST"),
        ('"column"', "Jan 22 20:03:05"),
        ('"today"', "Jan 22 20:03"),
        ('"exact"', "Jan 22 20:03:05"),
        ('"clock"', "Jan 22 20:03:05"),
        ('"today" "since"', "since Jan 22 20:03"),
    ],
)
def test_a_moment_is_in_the_zone_of_the_reader_and_says_what_it_is_in_utc(shape, words):
    with timezone.override("Asia/Tokyo"):
        html = rendered(f"{{% moment at {shape} %}}", at=NOON)
    time = Page(html).one("time")
    assert (time["datetime"], time.text) == (f"{YEAR}-01-22T11:03:05Z", words)


def test_a_moment_of_another_year_names_it():
    shown = rendered('{% moment at "today" %}', at=datetime(2019, 12, 31, 23, 3, tzinfo=UTC))
    assert ">Dec 31 2019 23:03</time>" in shown


def test_a_moment_of_today_has_no_date():
    now = timezone.now()
    with timezone.override("UTC"):
        assert f">{now:%H:%M}</time>" in rendered('{% moment at "today" %}', at=now)


@pytest.mark.parametrize("tag", ["moment it", "duration it", "provider_text it"])
def test_nothing_is_printed_of_what_is_not_there(tag):
    assert rendered(f"{{% {tag} %}}", it=None) == ""


@pytest.mark.parametrize("took", [125, 125.9, timedelta(minutes=2, seconds=5)])
def test_a_duration_may_be_seconds_or_a_timedelta(took):
    assert rendered("{% duration took %}", took=took) == "2 m 05 s"


def test_an_icon_is_hidden_from_those_who_listen():
    assert rendered('{% icon "tick" %}') == '<i class="icon icon-tick" aria-hidden="true"></i>'


def test_a_lamp_says_its_status_in_colour_icon_and_words():
    status = STATUS_VIEWS["failed"]
    icon = '<i class="icon icon-cross" aria-hidden="true"></i>'
    said = f'<span class="lamp lamp-failed">{icon}Failed</span>'
    assert rendered("{% lamp status %}", status=status) == said
    assert rendered("{% lamp status True %}", status=status) == said, "it stays what it was"
    assert rendered('{% lamp_of "failed" "cross" "Failed" %}') == said


def test_a_lamp_of_what_is_no_longer_seen_says_so():
    html = rendered("{% lamp status is_past=True %}", status=STATUS_VIEWS["running"])
    assert "lamp-old" in html
    assert "Was running" in html


def test_a_linked_lamp_leads_to_what_its_status_means():
    html = rendered("{% lamp_link status %}", status=STATUS_VIEWS["user_input"])
    assert 'href="/statuses/#user_input"' in html
    assert 'aria-label="Needs you: what it means"' in html


def test_provider_text_is_cut_escaped_and_shows_what_cannot_be_seen():
    html = rendered("{% provider_text written 12 %}", written="<b>\u202eabc and much more")
    assert html == "&lt;b&gt;⟨U+202E⟩abc and…"
    written = rendered("{{ at|iso }} {{ at|stamped }}", at=NOON)
    assert written.startswith(f"{YEAR}-01-22T11:03:05Z Jan")
