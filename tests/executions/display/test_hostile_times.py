"""Any text that a person, an address or a page has for a time: a moment, or a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from executions.display.local_time_input import UnclearTime, moment_of, moments_of, read_moment
from executions.display.relative_times import for_reader
from executions.search.time_range import stamp
from tests import hostile

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata",
     "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
)  # fmt: skip
PIECES = st.sampled_from(
    ["2026", "-", "11", "22", "T", " ", "09", ":", "30", "Z", "+", "99", "W", "0000", "9999", "24",
     ".", ",", "123456789", "٣", "\0", "0001-01-01", "9999-12-31", "23:59:59", "+14:00", "-23:59"]
)  # fmt: skip
TEXTS = (
    st.lists(PIECES, max_size=9).map("".join)
    | st.datetimes(timezones=st.none() | ZONES.map(ZoneInfo)).map(lambda moment: moment.isoformat())
    | hostile.TEXTS
)


@hostile.examples(750)
@given(TEXTS, ZONES)
@example("0001-01-01T00:00", "Pacific/Kiritimati")
@example("9999-12-31T23:59", "Etc/GMT+12")
@pytest.mark.fault("D5")
def test_what_a_person_types_is_a_moment_or_a_sentence(text: str, zone: str) -> None:
    with timezone.override(zone):
        moment, remark = read_moment(text)
    assert (moment is None) <= bool(remark)
    if moment is not None:
        assert moment.utcoffset() == timedelta(0)
        assert 1970 < moment.year < 9001


@hostile.examples(250)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), ZONES)  # noqa: DTZ001
@example(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")  # noqa: DTZ001 - put forward then
def test_a_wall_clock_is_one_moment_or_two_or_a_sentence_why_not(wall: Any, zone: str) -> None:
    with timezone.override(zone):
        found = moments_of(wall)
        assert len(found) <= 2
        for moment in found:
            assert timezone.localtime(moment.astimezone(UTC)).replace(tzinfo=None) == wall
        if len(found) == 1:
            assert (moment_of(wall),) == found
        else:
            with pytest.raises(UnclearTime, match=r"\.$"):
                moment_of(wall)


@hostile.examples(150)
@given(st.integers(0, 2 * 10**11), ZONES)
def test_a_moment_of_an_address_is_read_back_in_every_zone(seconds: int, zone: str) -> None:
    at = datetime(1972, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    with timezone.override(zone):
        assert read_moment(stamp(at)) == (at, "")


@hostile.examples(250)
@given(TEXTS, ZONES, st.sampled_from(["since", "until", "x"]))
@example("0001-01-01T00:00Z", "Etc/GMT+12", "since")
def test_a_page_with_any_time_in_it_is_worded_for_its_reader(
    text: str, zone: str, word: str
) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    page = f'<p><time data-word="{word}" datetime="{text}">then</time></p>'
    with timezone.override(zone):
        worded = for_reader(page, now, is_relative=True)
    assert worded.startswith("<p><time")
    assert worded.endswith("</time></p>")
