"""How pages print times, durations, sizes and counts."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from django.utils import timezone

from executions.payloads.text_escaping import plain


def too_long(what: str, typed: str, most: int) -> str:
    """Why a text of a person is not taken, with the text itself, so that nothing is lost; "" if it
    has at most so many characters. `what` begins the sentence: "A reason"."""
    if len(typed) <= most:
        return ""
    return f"{what} has at most {most:,} characters, not {len(typed):,}. You typed: {plain(typed)}"


def moment(at: datetime | None) -> str:
    """`Nov 22 12:03:05` in the reader's zone, under a heading with `zone`. Where the clock stood
    otherwise than it does now, the time says so itself: `Jul 22 12:03:05 CEST`."""
    return shown(at, f"{day(at)} %H:%M:%S") if at else ""


def day(at: datetime) -> str:
    """How the day is written, for `strftime`: one of another year names it."""
    local = timezone.localtime(at)
    return "%b %d" if local.year == timezone.localtime().year else "%b %d %Y"


def shown(at: datetime, shape: str) -> str:
    """A time in the reader's zone, with the zone's name if its offset is not that of now."""
    local = timezone.localtime(at)
    is_as_now = local.utcoffset() == timezone.localtime().utcoffset()
    return local.strftime(shape if is_as_now else f"{shape} %Z")


def stamped(at: datetime | None) -> str:
    """`Nov 22 12:03:05 CET`: a time that names its zone, for sentences."""
    return timezone.localtime(at).strftime(f"{day(at)} %H:%M:%S %Z") if at else ""


def whole(at: datetime) -> str:
    """`Nov 22 2026 12:03:05 CET`: all of a time; in the admin, DATETIME_FORMAT."""
    return timezone.localtime(at).strftime("%b %d %Y %H:%M:%S %Z")


def zone(at: datetime | None = None) -> str:
    """The short name of the reader's zone at that time, else now: `UTC`, `CET`, `+0530`."""
    return timezone.localtime(at).strftime("%Z")


def iso(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def clock(at: datetime | None) -> str:
    """`12:03:05` for today, else with the day: `Nov 22 12:03:05`."""
    return _of_today(at, "%H:%M:%S") if at else ""


def today(at: datetime) -> str:
    """`09:12` for today, else with the day: `Nov 22 09:12`."""
    return _of_today(at, "%H:%M")


def _of_today(at: datetime, shape: str) -> str:
    is_today = timezone.localtime(at).date() == timezone.localtime().date()
    return shown(at, shape if is_today else f"{day(at)} {shape}")


def duration(seconds: float) -> str:
    """Never negative; the same words as `duration` in live.js, which counts in whole seconds."""
    total = max(0.0, seconds)
    if total < 10:
        return f"{total:.1f} s"
    whole = int(total)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def rough(seconds: float) -> str:
    """`44 min`, `4 h 17 m`: for what is counted in minutes."""
    return duration(seconds) if seconds >= 3600 else f"{max(0, int(seconds // 60))} min"


def size(number: int | None) -> str:
    if number is None:
        return ""
    if number < 1024:
        return f"{number} B"
    return f"{number / 1024:.0f} KB" if number < 1024**2 else f"{number / 1024**2:.1f} MB"


def count(number: int, cap: int, is_least: bool = False) -> str:
    """`1,000+` above the cap; `12+` where it is only a lower bound."""
    if number > cap:
        return f"{cap:,}+"
    return f"{number:,}+" if is_least and number else f"{number:,}"


def mark(*parts: object) -> str:
    """A short token that changes when one of the parts does."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
