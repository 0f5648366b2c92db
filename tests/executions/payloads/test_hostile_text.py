"""Any text of a provider on a page: nothing in it turns a line around or cannot be seen."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executions.payloads.terminal_text import last_state, without_codes
from executions.payloads.text_escaping import plain
from tests import hostile

PIECES = st.sampled_from(
    ["\x1b", "\x1b[", "\x1b]", "\x1b]8;;", "\x1bP", "\x1b\\", "\x07", "[31m", "0m", "\x1b[2K", "(B",
     "\r", "\n", "\r\n", "\b", "\t", "\0", "\u202e", "\u2066", "\u061c", "\u200b", "\ud800", "\x9b",
     "\ufeff", "a", "é", "👩\u200d💻", "50%", " ", "\u2028", "\x7f", "\u00ad", "\U000e0041"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join) | hostile.TEXTS
DIRECTIONS = {*"\u061c\u200e\u200f", *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
"""Unicode's Bidi_Control."""
JOINERS = "\u200c\u200d"
SIGNS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
SEEN = {*"\t\r\n", *JOINERS, *SIGNS}  # signs of numbers count as format, and are drawn
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


@hostile.examples(750)
@given(TEXTS, st.integers(0, 20))
@example("\u061c", 0)
@example("pay\u00adpal\U000e0041\u2064", 0)
@pytest.mark.fault("B6")
def test_nothing_in_a_plain_text_acts_or_turns_it_around(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert not DIRECTIONS & set(shown)
    assert {char for char in shown if unicodedata.category(char) in HIDDEN} <= SEEN
    assert plain(shown) == shown
    assert limit or shown == plain(without_codes(text))
    shown.encode()
    assert not limit or len(shown) <= limit * len("⟨U+10FFFF⟩")


@hostile.examples(500)
@given(TEXTS)
def test_no_code_of_a_terminal_is_left_and_no_letter_is_lost(text: str) -> None:
    bare = without_codes(text)
    assert "\x1b" not in bare
    assert "\x1b" in text or bare == text


@hostile.examples(500)
@given(TEXTS)
def test_each_line_is_shown_as_it_stands_at_its_end(text: str) -> None:
    shown = last_state(text)
    assert not {"\r", "\b"} & set(shown)
    assert shown.count("\n") == text.count("\n")
    assert last_state(shown) == shown
    assert len(shown) <= len(text)
    assert last_state(f"{text}\nx\b\b").endswith("\nx")  # which moves the cursor alone


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[0", "a\b", "a\r", "\x1b[", "\x1b(", " \b\r"])
@pytest.mark.fault("B11")
def test_a_long_text_is_shown_in_the_time_of_another(piece: str) -> None:
    begun = time.process_time()
    plain(without_codes(last_state(piece * 200_000)))
    assert time.process_time() - begun < 20
