"""Dates and times between a provider's texts and the browser's inputs, without any zone shift.

The wall clock a person sees is the one in the text. What the provider wrote beside it (zone,
seconds, separator, a midnight after a date) comes back the way it came.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time

from django.utils import timezone

from executions.display.local_time_input import moment_of, moments_of, named, offset

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)((?:[T ]\d\d:\d\d\S*)?)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d)(?:(:\d\d)(\.\d+)?)?( ?(?:Z|z|[+-]\d\d:?\d\d))?", re.ASCII
)
_TYPED = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)([+-]\d\d:\d\d)?", re.ASCII
)
_TIME = re.compile(r"(\d\d:\d\d)(?:(:\d\d)(\.\d+)?)?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII)
_TOKENS = {"yyyy": r"(?P<y>\d{4})", "mm": r"(?P<m>\d\d)", "dd": r"(?P<d>\d\d)"}


def to_input(control: str, value: str, style: str) -> str | None:
    """What a native input of this control shows for a stored text, None if it cannot."""
    try:
        if control == "date":
            return _date_to_input(value, style)
        if control == "time":
            match = _TIME.fullmatch(value)
            return _clock(match[1], match[2]) if match else None
        match = _MOMENT.fullmatch(value)
        if not match:
            return None
        date.fromisoformat(match[1])
        return f"{match[1]}T{_clock(match[3], match[4])}"
    except ValueError:
        return None


def from_input(control: str, text: str, like: str, style: str) -> str:
    """The text to send, written as `like` (the present value) is. Raises ValueError, for a time
    that does not exist in the site's zone, or twice, UnclearTime."""
    if control == "date":
        return _date_from_input(text, like, style)
    if control == "time":
        time.fromisoformat(text)
        match = _TIME.fullmatch(like)
        if not match:
            return text if text.count(":") > 1 else f"{text}:00"
        return _seconds(text, match[2], match[3]) + (match[4] or "")
    typed, match = _TYPED.fullmatch(text), _MOMENT.fullmatch(like)
    if not typed or (match and typed[2]):
        raise ValueError("not what an input for date and time posts")
    wall = datetime.fromisoformat(typed[1])
    day, clock = typed[1].replace(" ", "T").split("T", 1)
    if not match:
        return f"{day}T{_seconds(clock, ':00', '')}{_offset(wall, typed[2] or '')}"
    return f"{day}{match[2]}{_seconds(clock, match[4], match[5])}{match[6] or ''}"


def zone_of(control: str, like: str) -> str:
    """The zone to print beside an input: what the typed clock means."""
    if control != "datetime":
        return ""
    match = _MOMENT.fullmatch(like)
    if match and not match[6]:
        return "no time zone"
    zone = match[6].strip() if match else ""
    if not match:
        return timezone.get_current_timezone_name()
    return "UTC" if zone.upper() in ("Z", "+00:00", "+0000") else f"UTC{zone}"


def _clock(minutes: str, seconds: str | None) -> str:
    time.fromisoformat(minutes + (seconds or ""))
    return minutes if seconds in (None, ":00") else f"{minutes}{seconds}"


def _seconds(clock: str, seconds: str | None, fraction: str | None) -> str:
    """The clock with seconds where the old text had them, and as many digits behind."""
    if clock.count(":") == 1 and seconds:
        clock += ":00"
    if fraction and clock.count(":") > 1 and "." not in clock:
        clock += "." + "0" * (len(fraction) - 1)
    return clock


def wall_of(text: str) -> str:
    """What an input for date and time can hold of a typed text: all but the chosen offset."""
    typed = _TYPED.fullmatch(text)
    return typed[1] if typed else text


def chosen_moment(texts: list[str]) -> str:
    """What was posted under one name: a wall clock, and the moment that was chosen for one that
    exists twice. A choice for another clock than the one that stands there now is none."""
    wall, chosen = texts[0], texts[-1]
    try:
        is_same = datetime.fromisoformat(wall) == datetime.fromisoformat(wall_of(chosen))
    except ValueError:
        is_same = False
    return chosen if is_same else wall


def moments_to_choose(text: str, like: str) -> list[tuple[str, str]]:
    """For a wall clock that exists twice: the text to post for each moment, and its words."""
    try:
        wall = datetime.fromisoformat(wall_of(text))
    except ValueError:
        return []
    found = moments_of(wall) if not wall.tzinfo and not _MOMENT.fullmatch(like) else ()
    each = [(wall_of(text) + offset(moment), named(moment)) for moment in found]
    return each if len(each) > 1 else []


def _offset(wall: datetime, chosen: str) -> str:
    """Raises UnclearTime, and ValueError for an offset that is none of this moment."""
    if chosen:
        known = [offset(moment) for moment in moments_of(wall)]
        if len(known) < 2 or chosen not in known:
            raise ValueError("not an offset of this time")
        return chosen
    written = offset(moment_of(wall))
    return "Z" if written == "+00:00" else written


def _pattern(style: str) -> re.Pattern[str] | None:
    """A form's `format` such as dd.mm.yyyy; None where it is not one of those."""
    lowered = style.lower()
    if not re.fullmatch(r"(yyyy|mm|dd)([ ./-])(yyyy|mm|dd)\2(yyyy|mm|dd)", lowered):
        return None
    if any(lowered.count(token) != 1 for token in _TOKENS):
        return None
    separator = re.escape(re.sub("[ymd]", "", lowered)[0])
    return re.compile(separator.join(_TOKENS[part] for part in re.split("[ ./-]", lowered)))


def _date_to_input(value: str, style: str) -> str | None:
    match = _DATE.fullmatch(value)
    if match:
        return date.fromisoformat(match[1]).isoformat()
    pattern = _pattern(style)
    styled = pattern.fullmatch(value) if pattern else None
    if styled is None:
        return None
    return date.fromisoformat(f"{styled['y']}-{styled['m']}-{styled['d']}").isoformat()


def _date_from_input(text: str, like: str, style: str) -> str:
    day = date.fromisoformat(text)
    match = _DATE.fullmatch(like)
    if match:
        return day.isoformat() + match[2]
    if _pattern(style) is None:
        return day.isoformat()
    styled = style.lower().replace("yyyy", f"{day.year:04}")
    return styled.replace("mm", f"{day.month:02}").replace("dd", f"{day.day:02}")
