"""Provider text is text: what cannot be seen in it is shown by its code."""

from __future__ import annotations

import unicodedata

from executions.payloads.terminal_text import without_codes

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # which have no width either, but scripts and emoji need them
# Signs around numbers, which count as format and are seen.
_SIGNS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
_STAY = frozenset("\t\n\r" + _JOINERS + _SIGNS)


def plain(text: str, limit: int = 0) -> str:
    """Provider text with nothing invisible in it: control and direction characters are shown by
    their code, those of a terminal are gone, tabs and line ends stay."""
    text = without_codes(text)
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_visible(c) else f"⟨U+{ord(c):04X}⟩" for c in text)


def _is_visible(character: str) -> bool:
    """Not what controls, turns text around, has no width or is half a character."""
    is_sure = character.isprintable() or character in _STAY
    return is_sure or unicodedata.category(character) not in _HIDDEN
