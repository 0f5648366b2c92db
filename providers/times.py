"""A provider's times: what is one, and what is noted where none can be read.

A time that cannot be read is left out, and the run keeps a note of it beside the provider's own
words (`noted`): an odd time is no reason to lose a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from providers import exact_json
from providers.contract import Snapshot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = (1, 1_000, 1_000_000)  # of a second: s, ms and us since the epoch
EPOCHS = range(978_307_200, 4_102_444_800)  # 2001 to 2100, where the units do not overlap
YEARS = range(1900, 9999)  # at both ends of the calendar a zone's clock runs out
MOST = 20  # notes of one run
_LEAP_SECOND = re.compile(r"^(\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d:?)60(?:[.,]\d+)?(?=$|[Z+-])")
_DIGITS = re.compile(r"\d{10,16}")

_odd: ContextVar[dict[str, None] | None] = ContextVar("odd times", default=None)


def read_time(value: Any, *, naive: tzinfo | None = UTC) -> datetime | None:
    """ISO 8601 or a number since the epoch, in s, ms or us. Without a zone it is of the zone
    `naive`, None where nothing says which: then it is no time. A leap second is the last
    microsecond before it. None for what is no time; what is left out is noted."""
    if value is None or value == "":
        return None
    moment = _read(value, naive)
    odd = _odd.get()
    if moment is None and odd is not None and len(odd) < MOST:
        odd.setdefault(str(value)[:60])
    return moment


def _read(value: Any, naive: tzinfo | None) -> datetime | None:
    if isinstance(value, bool) or (isinstance(value, Decimal) and not value.is_finite()):
        return None
    if isinstance(value, int | float | Decimal):
        is_near = -EPOCHS.stop < value < EPOCHS.stop * UNITS[-1]
        return _since_epoch(float(value)) if is_near else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _DIGITS.fullmatch(text) and text.isascii():
        return _since_epoch(float(text))
    try:
        moment = datetime.fromisoformat(_LEAP_SECOND.sub(r"\g<1>59.999999", text))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=naive)
    return moment if moment.tzinfo and moment.year in YEARS else None


def _since_epoch(number: float) -> datetime | None:
    for unit in UNITS:
        if int(number / unit) in EPOCHS:
            return EPOCH + timedelta(seconds=number / unit)
    return None


@contextmanager
def noticing() -> Iterator[dict[str, None]]:
    """The texts of the times that are left out meanwhile."""
    odd: dict[str, None] = {}
    token = _odd.set(odd)
    try:
        yield odd
    finally:
        _odd.reset(token)


def noted(thing: Any, odd: Mapping[str, None]) -> Any:
    """A snapshot with a note of the times that were left out, beside the provider's own words."""
    if not odd or not isinstance(thing, Snapshot):
        return thing
    raw = thing.raw if isinstance(thing.raw, Mapping) else {"raw": thing.raw}
    notes = [exact_json.note(f"{text} as a time") for text in odd]
    return replace(thing, raw={**raw, exact_json.TWICE: notes})
