"""Times as their reader likes them: "4 min ago", or the clock.

Pages are rendered with the clock, and rows are kept that way. The finished page is worded for its
reader on its way out, so that nothing kept goes stale; pointed at, every time tells its day and its
clock, with the zone that was in force at that moment.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from executions.display.formatting import whole

_TIME = re.compile(r'(<time\b([^>]*?\bdatetime="([^"]+)"[^>]*))>([^<]*)</time>')
_WORD = re.compile(r'\bdata-word="(\w+)"')
_STEPS = ((86400, "d"), (3600, "h"), (60, "min"))


def ago(at: datetime, now: datetime, word: str = "") -> str:
    """`4 min ago`, `in 2 h`, `just now`; after the words `since` and `until`, whose places they
    take, `for 4 min` and `for 2 h more`. The same words as `ago` in times.js."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    step, unit = next((each for each in _STEPS if size >= each[0]), (0, ""))
    length = f"{int(size // step)} {unit}" if step else "less than 1 min"
    if word == "since" and seconds >= 0:
        return f"for {length}"
    if word == "until" and seconds < 0:
        return f"for {length} more"
    phrase = f"in {length}" if seconds < 0 else f"{length} ago" if step else "just now"
    return f"until {phrase}" if word == "until" else phrase


def for_reader(html: str, now: datetime, *, is_relative: bool) -> str:
    """A page or fragment with a title on every `<time datetime>`, and its words relative to now for
    who likes that; those with `data-exact` keep their clock. In the reader's zone."""

    def reworded(match: re.Match[str]) -> str:
        start, attributes, written, words = match.groups()
        at = _read(written)
        if at is None or not words.strip():
            return match[0]
        title = "" if " title=" in attributes else f' title="{whole(at)}"'
        if is_relative and "data-exact" not in attributes:
            word = _WORD.search(attributes)
            words = ago(at, now, word[1] if word else "")
        return f"{start}{title}>{words}</time>"

    return _TIME.sub(reworded, html)


def _read(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1 < at.year < 9999:  # at either end of the calendar a zone's clock runs out
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
