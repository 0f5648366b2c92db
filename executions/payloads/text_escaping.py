"""Provider text is text: what cannot be seen in it is shown by its code."""

from __future__ import annotations

from executions.payloads.terminal_text import without_codes


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
    code = ord(character)
    if code in (9, 10, 13):
        return True
    is_direction = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or code in (0x200E, 0x200F)
    is_control = code < 32 or 127 <= code < 160 or 0xD800 <= code <= 0xDFFF
    is_nothing = code in (0x200B, 0x2060, 0xFEFF)  # no width; joiners stay, scripts need them
    return not (is_direction or is_control or is_nothing)
