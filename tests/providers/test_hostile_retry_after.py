"""Any header that asks us to wait: never for ever, never less than nothing."""

from __future__ import annotations

import email.utils

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.http import parse_retry_after
from providers.http.limits import DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER
from tests import hostile

WORDS = st.sampled_from(
    [
        "Sun,", "22", "Nov", "2026", "08:00:00", "GMT", "+0100", "-9999", "+99999999", "99:99:99",
        "0", "1e9", "-1", "inf", "nan", ",", ":", "-", "+", "(", ")", ";", "\0", "٣", "9" * 5000,
        "0000", "10000", "Sun", "Feb", "31", "24:60:61", "PST", "22-Nov-26", "08.00.00", ".", "/",
    ]
)  # fmt: skip
DATES = st.integers(-(10**11), 10**11).map(
    lambda seconds: email.utils.formatdate(min(max(seconds, -6 * 10**10), 2 * 10**11), usegmt=True)
)
HEADERS = st.lists(WORDS, max_size=8).map(" ".join) | DATES | hostile.TEXTS | st.integers().map(str)


@hostile.examples(1000)
@given(st.none() | HEADERS, st.none() | HEADERS)
@example("9" * 5000, None)
@pytest.mark.fault("H7")
def test_any_header_is_a_wait_within_bounds(value: str | None, date: str | None) -> None:
    assert 0 <= parse_retry_after(value, date) <= MAX_RETRY_AFTER


@hostile.examples(250)
@given(st.integers(0, 10**9), st.integers(0, 10_000))
def test_a_date_is_counted_from_the_date_of_the_answer(now: int, wait: int) -> None:
    sent, until = (email.utils.formatdate(at, usegmt=True) for at in (now, now + wait))
    assert parse_retry_after(until, sent) == min(wait, MAX_RETRY_AFTER)
    assert parse_retry_after(str(wait), sent) == min(wait, MAX_RETRY_AFTER)


@hostile.examples(150)
@given(st.sampled_from(["-", "+", "x", "1.", "٣", "0x", " 1 "]), st.integers(0, 10**9))
def test_what_is_neither_seconds_nor_a_date_is_the_usual_wait(before: str, number: int) -> None:
    assert parse_retry_after(f"{before}{number}") == DEFAULT_RETRY_AFTER
