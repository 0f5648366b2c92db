"""Dates and times between a provider's texts and the browser's inputs, without any zone shift.

The wall clock a person sees is the one in the text. What the provider wrote beside it (zone,
seconds, separator, a midnight after a date) comes back the way it came.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time

from django.utils import timezone

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)((?:[T ]\d\d:\d\d\S*)?)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d)(:\d\d)?(\.\d+)?( ?(?:Z|z|[+-]\d\d:?\d\d))?", re.ASCII
)
_TYPED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)
_TIME = re.compile(r"(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII)
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
    """The text to send, written as `like` (the present value) is. Raises ValueError."""
    if control == "date":
        return _date_from_input(text, like, style)
    if control == "time":
        time.fromisoformat(text)
        match = _TIME.fullmatch(like)
        if not match:
            return text if text.count(":") > 1 else f"{text}:00"
        return _seconds(text, match[2], match[3]) + (match[4] or "")
    if not _TYPED.fullmatch(text):
        raise ValueError("not what an input for date and time posts")
    datetime.fromisoformat(text)
    day, clock = text.replace(" ", "T").split("T", 1)
    match = _MOMENT.fullmatch(like)
    if not match:
        return f"{day}T{_seconds(clock, ':00', '')}{_offset(text)}"
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


def _offset(text: str) -> str:
    moment = timezone.make_aware(datetime.fromisoformat(text))
    written = moment.strftime("%z")  # before clocks were set by the hour: with seconds
    offset = f"{written[:3]}:{written[3:5]}"
    return "Z" if offset == "+00:00" else offset


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
