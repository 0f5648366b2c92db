"""How templates print moments, durations, lamps, icons and provider text; loaded into every one.

Views hand objects over. The one row that is kept as markup, `runs.list.row`, prints strings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from executions.display import formatting, people
from executions.display.statuses import StatusView
from executions.payloads.text_escaping import plain

register = template.Library()

SHAPES: Mapping[str, Callable[[datetime], str]] = {
    "sentence": formatting.stamped,  # Nov 22 12:03:05 CET
    "column": formatting.moment,  # Nov 22 12:03:05, below a heading with the zone
    "today": formatting.today,  # 12:03, with the day if it is another one
    "exact": formatting.moment,  # as "column", also for who likes "4 min ago": histories
    "clock": formatting.clock,  # 12:03:05, as exact
}
EXACT = ("exact", "clock")

register.filter("iso", formatting.iso)
register.filter("stamped", formatting.stamped)
register.filter("monogram", people.monogram)


@register.filter
def after_label(complaint: object) -> str:
    """What is wrong with a field, so that it goes on from the name of the field: `Arguments` and
    "This is not valid JSON." are one sentence."""
    said = str(complaint)
    for begin in ("This field ", "This "):
        if said.startswith(begin):
            return f" {said.removeprefix(begin)}"
    return f": {said}"


@register.simple_tag
def moment(at: datetime | None, shape: str = "sentence", word: str = "") -> str:
    """A time in the reader's zone, "4 min ago" for who likes that (`relative_times`). `word` stands
    before it: since, until or at, which are worded as well. Nothing for None."""
    if at is None:
        return ""
    text = f"{word} {SHAPES[shape](at)}".strip()
    if shape in EXACT:
        markup = '<time class="num" datetime="{0}" data-exact>{2}</time>'
    elif word:
        markup = '<time class="num" datetime="{0}" data-word="{1}">{2}</time>'
    else:
        markup = '<time class="num" datetime="{0}">{2}</time>'
    return format_html(markup, formatting.iso(at), word, text)


@register.simple_tag
def age(at: datetime | None) -> str:
    """How long ago it was, which goes on counting on an open page: `2 m 05 s`. Nothing for None."""
    if at is None:
        return ""
    markup = '<time class="num" datetime="{}" title="{}"><span data-since="{}">{}</span></time>'
    iso, shown = formatting.iso(at), formatting.duration((timezone.now() - at).total_seconds())
    return format_html(markup, iso, formatting.whole(at), iso, shown)


@register.simple_tag
def duration(took: timedelta | float | None) -> str:
    """`2 m 05 s`, of a timedelta or of seconds. Nothing for None."""
    if took is None:
        return ""
    return formatting.duration(took.total_seconds() if isinstance(took, timedelta) else took)


@register.simple_tag
def icon(name: str, colour: str = "") -> str:
    """A picture beside words that say the same: hidden from those who listen to the page. It has
    the colour of the words, else that of a lamp."""
    look = f"{name} lamp-{colour}" if colour else name
    return format_html('<i class="icon icon-{}" aria-hidden="true"></i>', look)


@register.simple_tag
def lamp_of(colour: str, icon_name: str, words: object) -> str:
    markup = '<span class="lamp lamp-{}">{}{}</span>'
    return format_html(markup, colour, icon(icon_name), words)


@register.simple_tag
def lamp(status: StatusView, is_past: bool = False) -> str:
    """A status in its words and colour; `is_past` for one that is no longer seen."""
    if not is_past or status.past == status.word:
        return lamp_of(status.lamp, status.icon, status.word)
    return lamp_of(f"{status.lamp} lamp-old", status.icon, status.past)


@register.simple_tag
def lamp_link(status: StatusView, is_past: bool = False) -> str:
    """A `lamp` that leads to what its status means."""
    markup = '<a class="lamp-help" href="{}#{}" aria-label="{}: what it means" title="{}">{}</a>'
    word = status.past if is_past else status.word
    where, shown = reverse("executions:statuses"), lamp(status, is_past)
    return format_html(markup, where, status.status, word, status.meaning, shown)


@register.simple_tag
def provider_text(written: object, limit: int = 0) -> str:
    """What a provider wrote, as text in which nothing is invisible; cut at `limit` characters."""
    return plain(str(written or ""), limit)
