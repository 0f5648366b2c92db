"""Times as people like them: "4 min ago" for those who chose so.

Pages are rendered with the clock, and rows are kept that way; for a person who likes relative
times the finished page is reworded on its way out, so that nothing kept goes stale.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape

_TIME = re.compile(r'(<time\b[^>]*?\bdatetime="([^"]+)"[^>]*)>([^<]*)</time>')
_STEPS = ((86400, "d"), (3600, "h"), (60, "min"))


def ago(at: datetime, now: datetime) -> str:
    """`4 min ago`, `in 2 h`, `just now`; the same words as `ago` in times.js."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in less than 1 min"
    size, unit = next(step for step in _STEPS if abs(seconds) >= step[0])
    whole = int(abs(seconds) // size)
    return f"{whole} {unit} ago" if seconds > 0 else f"in {whole} {unit}"


def relative(html: str, now: datetime) -> str:
    """A page or fragment with every `<time datetime>` reworded; its clock stays in the title."""

    def reworded(match: re.Match[str]) -> str:
        at = _read(match[2])
        if at is None or not match[3].strip():
            return match[0]
        title = "" if " title=" in match[1] else f' title="{escape(match[3].strip())}"'
        return f"{match[1]}{title}>{ago(at, now)}</time>"

    return _TIME.sub(reworded, html)


def _read(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
