"""The time zones that a person may choose."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone of the IANA database that a person may choose, by name."""
    technical = ("Etc/", "SystemV/", "posix/", "right/")
    names = {name for name in available_timezones() if not name.startswith(technical)}
    return tuple(sorted(names - {"Factory", "localtime", "posixrules"}))


def zone_named(text: str) -> str:
    """The zone that a person meant, whatever its case and spaces; "" if there is none."""
    wanted = "_".join(text.split()).casefold()
    return next((name for name in zone_names() if name.casefold() == wanted), "")
