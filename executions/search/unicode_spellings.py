"""One text in the ways that Unicode can write it, so that a search finds `Köln` however it was
typed and however a provider wrote it.

Used wherever something typed is looked for. Text of ASCII alone has one spelling and costs nothing.
"""

from __future__ import annotations

import unicodedata
from functools import reduce
from operator import or_

from django.db.models import Q


def both(text: str) -> tuple[str, str]:
    """With composed letters and with decomposed ones; mostly the same."""
    return unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)


def spellings(text: str) -> list[str]:
    """The different ones."""
    return list(dict.fromkeys(both(text)))


def holds(text: str, *fields: str, how: str = "icontains") -> Q:
    """Rows with the text in one of these fields."""
    asked = [Q(**{f"{field}__{how}": each}) for field in fields for each in spellings(text)]
    return reduce(or_, asked)


def folded(text: str) -> str:
    """For comparing in Python: neither case nor composition counts."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
