"""Time ranges of the overview, cut at the reader's hours and days, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone

from executions.overview import time_buckets
from executions.storage.rollups import start_of

BERLIN = "Europe/Berlin"
AUTUMN = datetime(2026, 10, 25, 12, 5, tzinfo=UTC)  # clocks went back that night
SPRING = datetime(2026, 3, 29, 12, 5, tzinfo=UTC)
ZONES = (
    "UTC", BERLIN, "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe",
    "Pacific/Chatham", "Africa/Cairo", "America/Los_Angeles", "Pacific/Apia",
)  # fmt: skip
MOMENTS = (
    AUTUMN, SPRING, datetime(2026, 4, 24, 3, tzinfo=UTC), datetime(2026, 4, 5, 1, tzinfo=UTC),
    datetime(2026, 11, 25, 16, 40, tzinfo=UTC), datetime(2026, 10, 4, 2, tzinfo=UTC),
)  # fmt: skip


def cut(zone: str, words: str, now: datetime) -> time_buckets.ChartRange:
    with timezone.override(ZoneInfo(zone)):
        return time_buckets.parse(QueryDict(words), now)


def hours_of(span: time_buckets.ChartRange) -> list[float]:
    return [(last - first) / 4 for first, last in pairwise(span.edges)]


def test_a_day_on_which_clocks_go_back_has_twenty_five_hours():
    span = cut(BERLIN, "finished=30d", AUTUMN)
    assert span.grain == "day"
    assert hours_of(span)[-2:] == [24, 14.25]  # Saturday; Sunday until 13:15, one hour twice
    later = cut(BERLIN, "finished=30d", AUTUMN + timedelta(days=1))
    assert hours_of(later)[-2] == 25


def test_a_day_on_which_clocks_go_forward_has_twenty_three_hours():
    assert hours_of(cut(BERLIN, "finished=30d", SPRING + timedelta(days=1)))[-2] == 23


def test_an_hour_that_happens_twice_is_two_bars_with_the_names_of_both_zones():
    span = cut(BERLIN, "finished=24h", AUTUMN)
    assert set(hours_of(span)[:-1]) == {1}
    twice = [title for title in span.titles if "02:00" in title.split(" to ")[0]]
    assert twice == ["Sun Oct 25 02:00 CEST to 02:00 CET", "Sun Oct 25 02:00 to 03:00 CET"]


def test_hours_of_a_half_hour_zone_begin_at_its_own_full_hours():
    span = cut("Asia/Kolkata", "finished=24h", AUTUMN)
    assert {edge % 4 for edge in span.edges[:-1]} == {2}
    assert {label[-2:] for label in span.labels()} == {"00"}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("words", ["finished=6h", "finished=24h", "finished=7d", "finished=30d"])
def test_buckets_touch_and_cover_the_range_in_every_zone(zone, words):
    for now in MOMENTS:
        span = cut(zone, words, now)
        assert list(span.edges) == sorted(set(span.edges))
        assert span.since <= now - time_buckets.PRESETS[span.preset][1]
        assert span.until - timedelta(minutes=15) <= now < span.until
        assert len(span.edges) <= 40
        assert len(span.labels()) == len(span.titles) == len(span.edges) - 1


@pytest.mark.parametrize("zone", ZONES)
def test_offsets_lead_from_every_quarter_to_its_local_hour(zone):
    for now in MOMENTS:
        span = cut(zone, "finished=30d", now)
        offsets = span.offsets()
        for quarter, (_, weekday, hour) in span.hours():
            ahead = [own for first, own in offsets if first <= quarter][-1]
            local = start_of(quarter + ahead)
            assert (local.weekday(), local.hour) == (weekday, hour)


def test_a_span_of_ones_own_is_widened_to_quarter_hours():
    words = "finished_from=2026-11-22T09:37Z&finished_to=2026-11-22T12:01Z"
    span = cut("UTC", words, datetime(2026, 11, 25, tzinfo=UTC))
    assert span.pairs() == [
        ("finished_from", "2026-11-22T09:30Z"), ("finished_to", "2026-11-22T12:15Z"),
    ]  # fmt: skip
    assert span.ignored == ()


def test_a_time_without_an_offset_is_one_of_the_readers_zone():
    words = "finished_from=2026-11-22T10:00"
    span = cut(BERLIN, words, datetime(2026, 11, 25, tzinfo=UTC))
    assert span.pairs() == [("finished_from", "2026-11-22T09:00Z")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("finished=9w", "no time range"),
        ("finished_from=yesterday", "not a time"),
        ("finished_from=2026-11-24T10:00Z&finished_to=2026-11-23T10:00Z", "ends before"),
        ("finished_from=2030-01-01T00:00Z", "future"),
        ("finished_from=0001-01-01T00:00Z", "not a time"),
        ("finished_from=9999-12-31T23:59-14:00", "not a time"),
        ("finished_from=2001-01-01T00:00Z", "cut to its last 400 days"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_page_has_a_range(words, said):
    span = cut("UTC", words, datetime(2026, 11, 25, 16, tzinfo=UTC))
    assert said in span.ignored[0]
    assert 1 < len(span.edges) < 100
