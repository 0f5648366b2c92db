"""What of the run page stands in its address: the words of its parts, and links that keep the rest.

A live update and the links of one part carry the words of all parts along, so that nothing a
person has opened, searched or turned to is lost by what another part does.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from providers.contract import MAX_REF

PAGE_WORDS = ("tab", "from")
STEP_WORDS = ("steps", "steps_page", "steps_q", "open", "shut", "step")
LOG_WORDS = ("log_q", "level", "log_step", "log_from", "line")
HISTORY_WORDS = ("moves_before", "commands_before")
WORDS = (*PAGE_WORDS, *STEP_WORDS, *LOG_WORDS, *HISTORY_WORDS)
MOST_VALUES = 100  # of one word
LONGEST = MAX_REF  # characters of one value


def kept(request: HttpRequest, words: tuple[str, ...]) -> dict[str, list[str]]:
    """The values that the address gives these words."""
    found = {
        word: [value[:LONGEST] for value in request.GET.getlist(word)[:MOST_VALUES] if value]
        for word in words
    }
    return {word: values for word, values in found.items() if values}


def query(request: HttpRequest, words: tuple[str, ...], **other: Any) -> str:
    """The query string of these words, some with `other` values; None or an empty list: without."""
    values: dict[str, Any] = {**kept(request, words), **other}
    pairs = {word: value for word, value in values.items() if value not in (None, "", [])}
    return urlencode(pairs, doseq=True)


def link(request: HttpRequest, **other: Any) -> str:
    """The query string of the whole page, some of its words with `other` values."""
    return query(request, WORDS, **other)


def word(request: HttpRequest, name: str) -> str:
    """One value, without what no database takes."""
    return request.GET.get(name, "").replace("\0", "").strip()[:LONGEST]


def number(request: HttpRequest, name: str) -> int | None:
    """A number of the address, None where there is none that makes sense."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
