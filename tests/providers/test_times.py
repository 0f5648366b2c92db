"""Odd times: read where they say a moment, left out with a note where they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.contract import Snapshot, Status, Workflow
from providers.times import noted, noticing, read_time

AT = datetime(2026, 11, 22, 8, 0, 1, tzinfo=UTC)


@pytest.mark.fault("D5")
@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-11-22T08:00:01Z", AT),
        ("2026-11-22T09:00:01+01:00", AT),
        (" 2026-11-22 08:00:01Z ", AT),
        ("2026-11-22T08:00:01.123456789Z", AT.replace(microsecond=123456)),
        ("2026-W47-7T08:00:01Z", AT),
        ("2026-12-31T23:59:60Z", datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)),
        ("2026-12-31T23:59:60.5+00:00", datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)),
        (AT.timestamp(), AT),
        (int(AT.timestamp()), AT),
        (int(AT.timestamp()) * 1_000, AT),
        (int(AT.timestamp()) * 1_000_000, AT),
        (str(int(AT.timestamp()) * 1_000), AT),
        (None, None),
        ("", None),
    ],
)
def test_a_time_is_read_in_every_spelling_that_says_a_moment(told: Any, read: datetime) -> None:
    with noticing() as odd:
        assert read_time(told) == read
    assert not odd


@pytest.mark.fault("D5")
@pytest.mark.parametrize(
    "told",
    [
        "2026-11-22T24:00:00Z", "2026-11-22T08:61:00Z", "0000-01-01T00:00:00Z", "12026-01-01",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday", "8", 5, -1, True,
        float("nan"), float("inf"), 10**400, ["2026"], {"at": 1}, "２０２６-11-22T08:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_left_out_with_a_note_of_it(told: Any) -> None:
    with noticing() as odd:
        assert read_time(told) is None
    run = Snapshot(
        ref="a",
        workflow=Workflow(ref="w", name="W"),
        status=Status.RUNNING,
        native_status="running",
        raw={"begun": told},
    )
    raw = noted(run, odd).raw
    assert raw["begun"] is told
    assert raw["[not kept]"] == [f"[not kept: {str(told)[:60]} as a time]"]


@pytest.mark.fault("D4")
def test_a_time_without_a_zone_is_none_where_nobody_says_which_zone_it_is_of() -> None:
    assert read_time("2026-11-22T08:00:01") == AT
    assert read_time("2026-11-22T08:00:01", naive=None) is None
