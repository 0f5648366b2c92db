"""What a terminal would show of a text: no codes, and of a line written over its last state."""

from __future__ import annotations

import re

CODE = re.compile(
    r"\x1b(?:\[([0-?]*)[ -/]*([@-~])?"  # its second group is "m" where it sets a colour
    r"|[\]PX^_](?:[^\x07\x1b\n]*(?:\x07|\x1b\\))?|[ -/]+[0-~]|[78=>cDEHMNOZ\\])?"
)


def without_codes(text: str) -> str:
    """Without what colours a terminal or moves its cursor (ECMA-48)."""
    return CODE.sub("", text) if "\x1b" in text else text


def last_state(text: str) -> str:
    """Each line as it stands at its end: a progress bar goes back with `\\r` or `\\b` and writes
    over what stood there. Codes of colours stay."""
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(map(_overwritten, text.replace("\r\n", "\n").split("\n")))


def _overwritten(line: str) -> str:
    states = line.split("\r")
    shown = next((each for each in reversed(states) if without_codes(each).strip(" \b")), "")
    kept: list[str] = []
    for letter in shown.rstrip("\b"):
        if letter != "\b":
            kept.append(letter)
        elif kept:
            kept.pop()
    return "".join(kept)
