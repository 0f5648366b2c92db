"""Text of providers and people: sanitized HTML for help and runbooks, plain text for the rest."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.payloads import text_escaping

MAX_TITLE = 500  # characters
MAX_HELP = 20_000  # characters

_TAGS = {
    "b", "i", "em", "strong", "p", "br", "ul", "ol", "li", "code", "pre", "a", "h3", "h4", "h5",
    "table", "thead", "tbody", "tr", "th", "td", "blockquote", "hr",
}  # fmt: skip


def plain(value: Any, limit: int = MAX_TITLE) -> str:
    """What a provider gives where a text is due: `text_escaping.plain` of it, "" for nothing."""
    return text_escaping.plain("" if value is None else str(value), limit)


def words_only(value: str) -> str:
    """Without any markup: for places that take no HTML, such as an option of a list."""
    if "<" not in value and "&" not in value:
        return value
    text = re.sub(r"(?i)<br\s*/?>", " ", value)
    bare = nh3.clean(text, tags=set(), attributes={"*": set()})
    return " ".join(unescape(bare).split())


def rich(value: str, limit: int = MAX_HELP, *, is_ours: bool = False) -> SafeString:
    """Help texts of providers may hold HTML; this leaves some harmless tags.

    The only place where text of a provider, of a runbook or of our own help becomes markup. It is
    safe because nh3 writes the result anew from an allow-list: no attribute but `href` with three
    schemes, `rel` and `target`.
    """
    cleaned = nh3.clean(
        plain(value, limit),
        tags=_TAGS | {"h2"} if is_ours else _TAGS,
        attributes={"*": set(), "a": {"href"}},  # "*" empties the default of title and lang
        url_schemes={"http", "https", "mailto"},
        link_rel=None if is_ours else "noopener noreferrer nofollow",
        set_tag_attribute_values=(
            {} if is_ours else {"a": {"target": "_blank"}}  # the form stays where it is
        ),
    )
    return format_html("{}", SafeString(cleaned))


def humanised(name: str) -> str:
    """A property's name as a title: `dueDate`, `due_date` and `due-date` become "Due date"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.sub(r"[_\-.]+", " ", spaced).split()
    if not words:
        return plain(name)
    lowered = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    text = " ".join(lowered)
    return plain(text[:1].upper() + text[1:])


def humanised_path(path: tuple[str | int, ...]) -> str:
    """The title of a property that has none."""
    names = [part for part in path if isinstance(part, str)]
    return humanised(names[-1]) if names else "Value"
