"""Ids of rows as addresses and forms give them: text that anybody may have typed."""

from __future__ import annotations

LONGEST = 18  # digits that every id column takes


def row_id(text: str) -> int | None:
    """None for what cannot be the id of a row."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST else None


def row_ids(texts: list[str]) -> list[int]:
    """Those of them that can be."""
    return [pk for text in texts if (pk := row_id(text)) is not None]
