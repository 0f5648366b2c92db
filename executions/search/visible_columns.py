"""The columns of the live table that people may show or hide, as an address names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COLUMNS = (  # key, words, whether it is there until somebody switches it
    ("what", "Where it is", True),
    ("account", "Account", True),
    ("started", "Started", True),
    ("finished", "Finished", False),
    ("took", "Took", True),
    ("id", "Id", False),
)
NONE = "none"  # in an address: no column but status and run, which are always there


@dataclass(frozen=True)
class Column:
    """One that people may show or hide."""

    key: str
    words: str
    is_shown: bool


def columns(switched: Iterable[str]) -> list[Column]:
    """`switched`: keys of those that are not as they come, as preferences and views keep them."""
    keys = set(switched)
    return [Column(key, words, is_there != (key in keys)) for key, words, is_there in COLUMNS]


def switched(shown: Iterable[str]) -> list[str]:
    """The other way round, for keys of the columns that somebody wants to see."""
    keys = set(shown)
    return [key for key, _, is_there in COLUMNS if is_there != (key in keys)]


def read(text: str) -> tuple[list[str], list[str]]:
    """The keys that an address shows (`what,took`), in the table's order, and the words of it that
    name no column."""
    asked = [word for word in text.split(",") if word and word != NONE]
    known = [key for key, _, _ in COLUMNS]
    return [key for key in known if key in asked], [word for word in asked if word not in known]


def spelled(shown: Iterable[str]) -> str:
    """As an address has it."""
    return ",".join(shown) or NONE
