"""Any bytes as JSON, any value as bytes: a value, or a ValueError; never what Postgres refuses."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers import exact_json
from providers.contract import BadResponse
from providers.http.replies import Reply
from tests import hostile

PARTS = st.sampled_from(
    [
        "[", "]", "{", "}", ",", ":", '"', "\\", '"a"', '"a":', '{"a":', "[[[[[[[[", "]]]]]]]]",
        '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', "\0", "\ufeff", " ", "\n", "null", "true",
        "NaN", "-Infinity", "1.10", "-0", "-0.0", "1e400", "1e-400", "9" * 30, "9" * 1001, "0x1",
        "1." + "0" * 1001, "1E+5", '{"a":1,"a":2}', "“", "\ud800", "'", "/*", "[" * 61, "]" * 61,
        '"\\uDBFF"',
    ]
)  # fmt: skip
LIKELY = st.lists(PARTS, max_size=12).map("".join)
DIGITS = st.text("0123456789", min_size=1, max_size=25)
WHOLE = DIGITS.map(lambda digits: digits.lstrip("0") or "0")
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    WHOLE,
    st.just("") | DIGITS.map(lambda digits: f".{digits}"),
    st.just("") | st.builds("{}{}".format, st.sampled_from(["e", "E+", "e-"]), st.integers(0, 400)),
)
KEYS = hostile.TEXTS | st.sampled_from(["a", "b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile.TEXTS
    | st.sampled_from([2**64, -(10**400), 10**2000, Decimal("1.10"), Decimal("NaN"), object(),
                       datetime(2026, 11, 22, tzinfo=UTC), exact_json.Exact("1.10")]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    | st.tuples(inner) | st.dictionaries(st.integers(), inner, max_size=1)
    | st.dictionaries(KEYS, inner, max_size=2).map(lambda pairs: exact_json.Doubled(pairs, ("a",))),
    max_leaves=8,
)  # fmt: skip


def is_storable(value: Any) -> bool:
    """Whether Postgres takes every text, and JSON every number, of a value."""
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(is_storable, value))
    if isinstance(value, str):
        return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    return not isinstance(value, float) or math.isfinite(value)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


def check_reading(read: Callable[[bytes | str], Any], content: bytes | str) -> None:
    try:
        value = read(content)
    except ValueError:
        return
    assert is_storable(value)
    assert is_storable(exact_json.read_stored(exact_json.write(value)))
    assert depth_of(value) <= exact_json.MAX_DEPTH


@hostile.examples(750)
@given(LIKELY | hostile.TEXTS)
@example("[" * 100_000)
@example('{"a":' * 100_000)
@pytest.mark.fault("B3")
def test_any_text_is_a_value_or_no_json(text: str) -> None:
    check_reading(exact_json.read, text)
    check_reading(exact_json.read_strictly, text)


@hostile.examples(750)
@given(st.binary(max_size=60) | LIKELY.map(lambda text: text.encode("utf-8", "surrogatepass")))
@pytest.mark.fault("B7")
def test_any_bytes_are_a_value_or_no_json(content: bytes) -> None:
    check_reading(exact_json.read, content)
    check_reading(exact_json.read_strictly, content)


@hostile.examples(750)
@given(LIKELY)
def test_what_is_read_strictly_is_read_alike_by_the_reader_that_takes_more(text: str) -> None:
    try:
        value = exact_json.read_strictly(text)
    except ValueError:
        return
    assert exact_json.write(value) == exact_json.write(exact_json.read(text))


@hostile.examples(750)
@given(st.lists(NUMBERS, min_size=1, max_size=4))
@pytest.mark.fault("B5")
def test_a_number_is_written_with_the_digits_that_came_or_is_noted(texts: list[str]) -> None:
    value = exact_json.read("[" + ",".join(texts) + "]")
    for text, number in zip(texts, value, strict=True):
        if isinstance(number, str):
            assert number.startswith(exact_json.NOTE)
            assert math.isinf(float(text)) or float(text) == 0
        else:
            assert exact_json.written(number) == ("0" if text == "-0" else text)
            assert math.isfinite(number)
            assert number or not set("123456789") & set(text.lower().partition("e")[0])
    again = exact_json.read_stored(exact_json.write(value))
    assert exact_json.write(again) == exact_json.write(value)


@hostile.examples(750)
@given(VALUES, st.booleans(), st.booleans(), st.booleans())
@pytest.mark.fault("B6")
def test_any_value_is_written_as_json_that_postgres_takes(
    value: Any, notes: bool, indent: bool, sort: bool
) -> None:
    text = exact_json.write(value, notes=notes, indent=indent, sort=sort)
    assert indent or b"\n" not in text
    assert is_storable(json.loads(text, parse_constant=pytest.fail))


@hostile.examples(250)
@given(VALUES)
def test_a_value_that_is_cleaned_is_written_as_it_was(value: Any) -> None:
    assert exact_json.write(exact_json.cleaned(value)) == exact_json.write(value)


@pytest.mark.parametrize("head", ["[" * 61, "[" + "," * 150_000])
@pytest.mark.fault("B11")
def test_a_text_of_quotes_that_never_ends_is_read_in_the_time_of_another(head: str) -> None:
    content = (head + '"' + '\\"' * 2_000_000).encode()
    begun = time.process_time()
    with pytest.raises(ValueError, match=r"\w"):
        exact_json.read(content)
    with pytest.raises(BadResponse, match="sent"):
        Reply(200, {}, content, "GET /").json()
    assert time.process_time() - begun < 20
