"""Any address of a list: a range of time and of duration that can be asked for, and sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import QueryDict
from hypothesis import example, given
from hypothesis import strategies as st

from executions.search.time_range import (
    MAX_SECONDS,
    PRESETS,
    chip_text,
    read_duration,
    read_range,
    spell,
    stamp,
    typed,
)
from tests import hostile

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
VALUES = (
    st.datetimes(timezones=st.none() | st.just(UTC)).map(lambda moment: moment.isoformat())
    | st.sampled_from([*PRESETS, "custom", "0001-01-01T00:00", "9999-12-31T23:59-14:00"])
    | hostile.TEXTS
)
DURATIONS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "-", "+", "0"]),
    st.integers() | st.sampled_from(["²", "٣", "1_0", "1e5", "9" * 5000, "1.5"]),
    st.sampled_from(["", "s", "m", "H", " d", "w", "ms"]),
)


@hostile.examples(250)
@given(st.sampled_from(["started", "finished"]), VALUES, VALUES, VALUES)
def test_any_range_of_an_address_can_be_asked_for(
    key: str, preset: str, since: str, until: str
) -> None:
    before = "" if key == "started" else "finished_"
    names = {key: preset, f"{before}from": since, f"{before}to": until}
    asked = QueryDict(urlencode(names, errors="replace"))
    found, remarks = read_range(asked, key, NOW)
    assert all(isinstance(remark, str) and remark.endswith(".") for remark in remarks)
    for end in (found.since, found.until):
        if end is not None:
            assert end.utcoffset() is not None
            assert chip_text(end)
            assert typed(end)
            assert stamp(end).endswith("Z")
    assert not (found.since and found.until) or found.since < found.until


@hostile.examples(500)
@given(DURATIONS | hostile.TEXTS)
@example("²")
@example("9" * 5000)
def test_any_duration_is_seconds_or_none(text: str) -> None:
    seconds = read_duration(text)
    if seconds is not None:
        assert 0 <= seconds <= MAX_SECONDS
        assert read_duration(spell(seconds)) == seconds
