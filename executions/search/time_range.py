"""Ranges of time and of duration, as the address of a list says them and as people read them.

Addresses hold UTC, so that a pasted link means the same everywhere; what a person types without a
zone is in the zone they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.http import QueryDict
from django.utils import timezone

from executions.display.local_time_input import read_moment

TODAY = "today"
PRESETS: Mapping[str, tuple[str, timedelta]] = {
    TODAY: ("day so far", timedelta(0)),  # since midnight in the reader's zone
    "15m": ("last 15 minutes", timedelta(minutes=15)),
    "1h": ("last hour", timedelta(hours=1)),
    "6h": ("last 6 hours", timedelta(hours=6)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
RANGED: Mapping[str, tuple[str, str]] = {  # preset, and the names of the two ends
    "started": ("from", "to"),
    "finished": ("finished_from", "finished_to"),
}
UNITS: Mapping[str, int] = {"d": 86400, "h": 3600, "m": 60, "s": 1}
MAX_SECONDS = 10 * 365 * 86400


@dataclass(frozen=True)
class Range:
    """A stretch of time, by a preset or by its ends. The end is not part of it."""

    preset: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_set(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def is_custom(self) -> bool:
        return not self.preset and self.is_set

    @classmethod
    def last(cls, preset: str, now: datetime) -> Range:
        if preset == TODAY:
            local = timezone.localtime(now)
            return cls(preset, local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
        return cls(preset, now - PRESETS[preset][1])


ANY_TIME = Range()


def read_range(
    query: QueryDict, key: str, now: datetime, presets: Iterable[str] = PRESETS
) -> tuple[Range, list[str]]:
    """The range that `key` (of RANGED) or its two ends ask for, and what of them could not be used,
    as sentences. A preset goes before ends."""
    preset = query.get(key, "")
    if preset in presets:
        return Range.last(preset, now), []
    remarks = []
    if preset and preset != "custom":
        remarks.append(f"There is no time range “{preset[:40]}” here.")
    ends: list[datetime | None] = []
    for name in RANGED[key]:
        value = query.get(name, "")
        moment, remark = read_moment(value) if value else (None, "")
        ends.append(moment)
        remarks += [remark] if remark else []
    since, until = ends
    if since and until and since >= until:
        remarks.append("The time range ends before it starts, so its end was left out.")
        until = None
    return Range("", since, until), remarks


def stamp(moment: datetime | None) -> str:
    """As addresses write it: `2026-11-22T09:30Z`, seconds only where there are any."""
    if moment is None:
        return ""
    spec = "minutes" if not moment.second else "seconds"
    at = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return f"{at.isoformat(timespec=spec)}Z"


def typed(moment: datetime | None) -> str:
    """As a field for date and time takes it, in the reader's zone."""
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M") if moment else ""


def chip_text(moment: datetime) -> str:
    """As a chip says it: in the reader's zone, with its name."""
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M %Z")


def read_duration(value: str) -> int | None:
    """Seconds of `90`, `90s`, `15m`, `2h`, `1d`; None for anything else."""
    number, unit = value.strip().lower(), "s"
    if number and number[-1] in UNITS:
        number, unit = number[:-1].strip(), number[-1]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    seconds = int(number) * UNITS[unit]
    return seconds if seconds <= MAX_SECONDS else None


def spell(seconds: int) -> str:
    """The shortest way to write it: `90s`, `15m`, `2h`."""
    for unit, size in UNITS.items():
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return "0s"
