"""Any text of a provider in an input for date or time, and any text that is posted from it."""

from __future__ import annotations

from datetime import date, datetime, time

from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from executions.forms.dates import (
    chosen_moment,
    from_input,
    moments_to_choose,
    to_input,
    wall_of,
    zone_of,
)
from tests import hostile

CONTROLS = st.sampled_from(["date", "time", "datetime"])
STYLES = st.sampled_from(["", "dd.mm.yyyy", "yyyy/mm/dd", "mm-dd-yyyy", "dd mm", "\\d.mm.yyyy"])
PIECES = st.sampled_from(
    ["2026-11-22", "2026-02-30", "0001-01-01", "9999-12-31", "0000-00-00", "T", " ", "09:30", "1",
     "25:00", ":59", ":60", ".123", ".123456789", "Z", "z", "+01:00", "-2359", "+99:99", "٣", "\0",
     "22.11.2026", "2026-10-25T02:30", "2026-03-29T02:30", "+02:00", "2026-W47-7", "09"]
)  # fmt: skip
WHOLE = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["2026-11-22", "2026-02-30", "0001-01-01", "2026-10-25", "22.11.2026", ""]),
    st.sampled_from(["", "T", " "]),
    st.sampled_from(["", "09:30", "02:30", "25:00", "09:30:59", "09:30:00"]),
    st.sampled_from(["", ".1", ".123", ".123456789"]),
    st.sampled_from(["", "Z", "+01:00", "-2359"]),
)
TEXTS = WHOLE | st.lists(PIECES, max_size=5).map("".join) | hostile.TEXTS
READ = {"date": date, "time": time, "datetime": datetime}


@hostile.examples(500)
@given(CONTROLS, TEXTS, STYLES)
def test_an_input_shows_a_time_that_it_can_hold_or_nothing(
    control: str, value: str, style: str
) -> None:
    shown = to_input(control, value, style)
    if shown is not None:
        READ[control].fromisoformat(shown)
        assert shown.isascii()
    assert isinstance(zone_of(control, value), str)


@hostile.examples(500)
@given(CONTROLS, TEXTS, STYLES)
@example("time", "09:30.1", "")
def test_what_nobody_changed_goes_back_as_it_came(control: str, value: str, style: str) -> None:
    """But for spellings of one and the same time: a fraction of a second that no input shows."""
    shown = to_input(control, value, style)
    if shown is None:
        return
    sent = from_input(control, shown, value, style)
    assert to_input(control, sent, style) == shown
    assert len(sent) == len(value)


@hostile.examples(750)
@given(CONTROLS, TEXTS, TEXTS, STYLES)
@example("datetime", "0001-01-01T00:00", "", "")
@example("datetime", "9999-12-31T23:59", "", "")
def test_what_is_posted_is_a_text_to_send_or_refused(
    control: str, text: str, like: str, style: str
) -> None:
    with timezone.override("Europe/Berlin"):
        try:
            sent = from_input(control, text, like, style)
        except ValueError:
            sent = ""
        choices = moments_to_choose(text, like)
    assert isinstance(sent, str)
    assert len(choices) in (0, 2)
    assert isinstance(wall_of(text), str)
    assert chosen_moment([text, like]) in (text, like)
