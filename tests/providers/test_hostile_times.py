"""Any value as a provider's time: a moment of a sensible year, or none, with a note."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.times import YEARS, noticing, read_time
from tests import hostile

CLOCKS = st.from_regex(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ]?[0-9]{0,2}:?[0-9]{0,2}:?(60|[0-9]{0,2})([.,][0-9]{0,12})?"
    r"(Z|[+-][0-9]{2}:?[0-9]{0,2}(:[0-9]{2}([.][0-9]{6})?)?)?",
    fullmatch=True,
)
ZONED = st.sampled_from(
    [UTC, timezone(-timedelta(hours=23, minutes=59, seconds=59)), ZoneInfo("Europe/Berlin"),
     ZoneInfo("Pacific/Apia"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")]
)  # fmt: skip
MOMENTS = st.datetimes(timezones=st.none() | ZONED).map(lambda moment: moment.isoformat())
NUMBERS = st.integers() | st.floats() | st.decimals() | st.integers(10**9, 10**16)
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=23))])


@hostile.examples(750)
@given(CLOCKS | MOMENTS | NUMBERS | NUMBERS.map(str) | hostile.TEXTS, ZONES)
@example(Decimal("NaN"), UTC)
@example(Decimal("sNaN"), UTC)
@pytest.mark.fault("D5")
def test_any_value_is_a_moment_or_is_noted(value: Any, naive: Any) -> None:
    with noticing() as odd:
        moment = read_time(value, naive=naive)
    if moment is None:
        assert list(odd) == ([str(value)[:60]] if value != "" else [])
    else:
        assert not odd
        assert moment.tzinfo is not None
        assert moment.year in YEARS
        assert moment.astimezone(UTC).utcoffset() == timedelta(0)


@hostile.examples(250)
@given(st.datetimes(datetime(1901, 1, 1), datetime(9998, 1, 1), timezones=ZONED))  # noqa: DTZ001
def test_a_moment_that_is_written_is_the_one_that_is_read(moment: Any) -> None:
    at = moment.astimezone(UTC)
    assert read_time(moment.isoformat()) == at
    assert read_time(moment.isoformat(" ")) == at
