"""SQL beside the module that runs it: `statements(__file__)` in `store.py` reads `store.sql`, once.

A file has sections. Each begins with `-- name: word`; other lines that begin with `--` are comments
and are not sent. `{word}` stands for a fragment: one that the caller or the module gives, else a
list of `STATUSES`, else the section of that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path

from providers.contract import Phase, Status

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_FRAGMENT = re.compile(r"\{(\w+)\}")


def listed(values: Iterable[Enum]) -> str:
    """`IN {fragment}`: members of an enumeration as a list in SQL."""
    return f"({', '.join(repr(each.value) for each in values)})"


STATUSES: Mapping[str, str] = {
    "final": listed(status for status in Status if status.is_final),
    "open_and_known": listed(
        status for status in Status if status.phase not in (Phase.ENDED, Phase.UNCLEAR)
    ),
    "problem": listed(status for status in Status if status.is_problem),
    "resolvable": listed(status for status in Status if status.is_resolvable),
}
"""`status IN {final}`: no statement lists them itself."""


def statements(module_file: str, **own: str) -> Callable[..., str]:
    """A function that returns a section by name, its fragments filled in: those of the call, else
    `own`. KeyError for a section or a fragment that is not there. Fragments are our own words,
    never what a person typed."""
    text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    sections = {
        name: _COMMENT.sub("", part).strip()
        for name, part in zip(parts[::2], parts[1::2], strict=True)
    }

    @lru_cache(maxsize=128)
    def statement(name: str, **fragments: object) -> str:
        def filled(found: re.Match[str]) -> str:
            word = found[1]
            if word in fragments:
                return str(fragments[word])
            return own.get(word) or STATUSES.get(word) or statement(word, **fragments)

        return _FRAGMENT.sub(filled, sections[name])

    return statement
