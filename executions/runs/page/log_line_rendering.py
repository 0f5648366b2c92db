"""A line of a log as pages show it: colours of a terminal, marked finds, a bound on its length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from executions.models import ERROR_LEVELS, LogEntry
from executions.payloads.terminal_text import CODE, last_state
from executions.payloads.text_escaping import plain

MAX_LINE = 4000  # characters of one line on the page
CUT_LINE = 200  # of each, after a page has printed `MAX_TEXT` altogether
MAX_TEXT = 1_000_000
LEVEL_LAMPS = {**dict.fromkeys(ERROR_LEVELS, "failed"), "warning": "warning", "warn": "warning"}
COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
MOST_PARTS = 200  # of one line; a line of escapes alone is not worth more


def parts_of(text: str, wanted: str = "") -> list[tuple[str, str]]:
    """(names of its style, text): split where the colour changes and where `wanted` stands."""
    found: list[tuple[str, str]] = []
    look: dict[str, str] = {}
    at = 0
    for code in CODE.finditer(text):
        _add(found, text[at : code.start()], look, wanted)
        if code.group(2) == "m":
            look = _turned(look, code.group(1) or "0")
        at = code.end()
        if len(found) > MOST_PARTS:
            _add(found, text[at:], look, "")
            return found
    _add(found, text[at:], look, wanted)
    return found


def _add(found: list[tuple[str, str]], text: str, look: dict[str, str], wanted: str) -> None:
    names = " ".join(look.values())
    if not text:
        return
    if not wanted:
        found.append((names, plain(text)))
        return
    pieces = re.split(f"({re.escape(wanted)})", text, flags=re.IGNORECASE)
    for place, piece in enumerate(pieces):
        if piece and len(found) <= 2 * MOST_PARTS:
            found.append((f"{names} hit".strip() if place % 2 else names, plain(piece)))


def _turned(look: dict[str, str], codes: str) -> dict[str, str]:
    """The style after one colour code; what is not drawn (256 colours, grounds) is passed over."""
    turned = dict(look)
    numbers = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)[:8]]
    for number in numbers:
        if number == 0:
            turned.clear()
        elif number == 1:
            turned["weight"] = "ansi-bold"
        elif number == 2:
            turned["weight"] = "ansi-faint"
        elif number == 22:
            turned.pop("weight", None)
        elif number in (38, 48):
            break  # the numbers that follow name a colour of a palette
        elif number == 39:
            turned.pop("colour", None)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            turned["colour"] = f"ansi-{COLOURS[number % 10]}"
    return turned


def day_of(at: datetime | None) -> str:
    """`Sun Nov 01 2026 EDT`: another one begins with each day, and where the clock is changed."""
    return timezone.localtime(at).strftime("%a %b %d %Y %Z") if at else ""


def lines_of(
    entries: Iterable[LogEntry],
    *,
    chosen: int | None = None,
    wanted: str = "",
    hits: frozenset[int] | None = None,
    names: Mapping[str, str] | None = None,
    day: str = "",
) -> list[dict[str, Any]]:
    """Ready to print. `hits`: which of them were found, where others stand around them; `names`:
    of steps by their ref; `day`: of the line before, as the first of a day names it."""
    shown: list[dict[str, Any]] = []
    room = MAX_TEXT
    before = None
    for entry in entries:
        at = timezone.localtime(entry.at) if entry.at else None
        today = day_of(entry.at) or day
        most = MAX_LINE if room > 0 else CUT_LINE
        whole = last_state(entry.text)
        text = whole[:most]
        room -= len(text)
        shown.append(
            {
                "number": entry.seq,
                "day": today if today != day else "",
                "time": at.strftime("%H:%M:%S.%f")[:-3] if at else "",
                "level": entry.level,
                "lamp": LEVEL_LAMPS.get(entry.level.lower(), ""),
                "parts": parts_of(text, wanted if hits is None or entry.seq in hits else ""),
                "more": len(whole) - len(text),
                "is_chosen": entry.seq == chosen,
                "is_around": hits is not None and entry.seq not in hits,
                "is_apart": hits is not None and before is not None and entry.seq > before + 1,
                "step": (names or {}).get(entry.step_ref, ""),
                "step_ref": entry.step_ref,
            }
        )
        before, day = entry.seq, today
    return shown
