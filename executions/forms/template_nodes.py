"""What the templates draw: each node with its template, texts and finished control."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.safestring import SafeString

from executions.forms.controls import MANY_OPTIONS
from executions.forms.dates import moments_to_choose, zone_of
from executions.forms.files import file_words, limits_words
from executions.forms.instance_nodes import MAX_ROWS, Drawn, Row
from executions.forms.messages import rich
from executions.forms.nodes import Group, Repeat, Text, Wording
from executions.forms.value_codec import LIST_CONTROLS, words_for

if TYPE_CHECKING:
    from executions.forms.django_form import AnswerForm

_FOLDER = "executions/forms/"
_BOXES = ("radios", "checkboxes")


@dataclass
class ShownRow:
    """One row of a list with its buttons; a button is "" where it would do nothing."""

    title: str
    nodes: list[Shown]
    remove: str = ""
    up: str = ""
    down: str = ""


@dataclass
class Shown:
    """One node for the template that `template` names."""

    template: str
    id: str = ""
    title: str = ""
    hides_title: bool = False
    help: SafeString | str = ""
    before: str = ""
    after: str = ""
    is_required: bool = False
    control: Any = ""
    choices: list[Any] = field(default_factory=list)
    moments: list[tuple[str, str, bool]] = field(default_factory=list)
    """For a time that exists twice: what to post, its words, and whether it is chosen."""
    name: str = ""
    input_id: str = ""
    described_by: str = ""
    errors: list[str] = field(default_factory=list)
    warning: str = ""
    remark: str = ""
    redraws: bool = False
    filters: bool = False
    """A list so long that a person wants to search in it."""
    text: str = ""
    nodes: list[Shown] = field(default_factory=list)
    rows: list[ShownRow] = field(default_factory=list)
    add: str = ""
    add_value: str = ""
    remove: str = ""
    limit: str = ""


def show(form: AnswerForm, items: list[Drawn]) -> list[Shown]:
    """The visible nodes, groups with what is in them; empty groups are left out."""
    nodes = []
    for drawn in items:
        if not drawn.is_visible:
            continue
        if isinstance(drawn.node, Text):
            nodes.append(Shown(f"{_FOLDER}_text.html", help=rich(drawn.node.help)))
        elif isinstance(drawn.node, Group):
            inner = show(form, drawn.items)
            if inner:
                nodes.append(_base(form, drawn, drawn.node.words, "group", nodes=inner))
        elif isinstance(drawn.node, Repeat):
            nodes.append(_list(form, drawn))
        else:
            nodes.append(_field(form, drawn))
    return nodes


def _base(form: AnswerForm, drawn: Drawn, words: Wording, template: str, **more: Any) -> Shown:
    name = form.add_prefix(drawn.name)
    return Shown(
        f"{_FOLDER}_{template}.html",
        id=f"field_{name}",
        title=words.title,
        hides_title=words.hides_title,
        help=rich(words.help) if words.help else "",
        before=words.before,
        after=words.after,
        name=name,
        **more,
    )


def _field(form: AnswerForm, drawn: Drawn) -> Shown:
    leaf = drawn.leaf
    if drawn.name not in form.fields:
        shown = _base(form, drawn, leaf.words, "readonly")
        shown.text = words_for(leaf, drawn.start)
        if drawn.control in ("file", "elsewhere"):
            shown.text = file_words(drawn.start)
            shown.remark = "Files of this kind are handed in at the provider."
        return shown
    if drawn.control == "checkbox":
        shown = _base(form, drawn, leaf.words, "checkbox")
    else:
        shown = _base(form, drawn, leaf.words, "choices" if drawn.control in _BOXES else "field")
    like = drawn.start if isinstance(drawn.start, str) else ""
    shown.after = shown.after or zone_of(drawn.control, like)
    if drawn.control == "datetime" and isinstance(drawn.typed, str):
        both = moments_to_choose(drawn.typed, like)
        shown.moments = [(text, words, text == drawn.typed) for text, words in both]
    shown.is_required = drawn.is_required and drawn.control not in ("checkbox", *LIST_CONTROLS)
    is_list = drawn.control in ("select", "multiselect")
    shown.filters = is_list and len(leaf.options) > MANY_OPTIONS
    shown.redraws = leaf.number in form.redrawing
    shown.errors = [str(error) for error in form.errors.get(drawn.name, [])]
    shown.warning = form.warnings.get(drawn.name, "")
    shown.remark = _remark(drawn)
    _add_control(form, drawn, shown)
    return shown


def _remark(drawn: Drawn) -> str:
    if drawn.control == "file":
        now = file_words(drawn.typed or drawn.start)
        return f"{limits_words(drawn.leaf.shape.rules, drawn.leaf.accepts)} {now}".strip()
    if drawn.control == "json":
        return "Enter JSON."
    return "This may not apply: its condition cannot be evaluated here." if drawn.is_unclear else ""


def _add_control(form: AnswerForm, drawn: Drawn, shown: Shown) -> None:
    """The control with the ids of all texts that describe it."""
    parts = {
        "help": shown.help, "units": shown.before or shown.after, "remark": shown.remark,
        "warning": shown.warning, "error": shown.errors,
    }  # fmt: skip
    there = [part for part, is_there in parts.items() if is_there]
    shown.described_by = " ".join(f"{shown.id}_{part}" for part in there)
    bound = form[drawn.name]
    shown.input_id = bound.id_for_label
    if drawn.control in _BOXES:
        shown.choices = list(bound.subwidgets)
        return
    attributes: dict[str, str | bool] = (
        {"aria-describedby": shown.described_by} if shown.described_by else {}
    )
    if shown.hides_title:
        attributes["aria-label"] = shown.title
    shown.control = bound.as_widget(attrs=attributes)


def _list(form: AnswerForm, drawn: Drawn) -> Shown:
    node = drawn.repeat
    shown = _base(form, drawn, node.words, "list")
    shown.errors = [str(error) for error in form.errors.get(drawn.name, [])]
    shown.control = form[drawn.name].as_widget()
    shown.remove, shown.add = node.remove, node.add
    most = MAX_ROWS if node.most is None else min(node.most, MAX_ROWS)
    if node.is_readonly:
        shown.add = shown.remove = ""
    elif len(drawn.rows) >= most:
        shown.add, shown.limit = "", f"At most {most}."
    elif node.least and len(drawn.rows) <= node.least:
        shown.limit = f"At least {node.least}."
    shown.add_value = drawn.name
    shown.rows = [_row(form, drawn, row, i) for i, row in enumerate(drawn.rows)]
    return shown


def _row(form: AnswerForm, drawn: Drawn, row: Row, position: int) -> ShownRow:
    node = drawn.repeat
    shown = ShownRow(f"{node.words.title} {position + 1}", show(form, row.items))
    if node.is_readonly:
        return shown
    value = f"{drawn.name}:{row.token}"
    if node.remove and len(drawn.rows) > node.least:
        shown.remove = value
    shown.up = f"{value}:up" if position else ""
    shown.down = f"{value}:down" if position + 1 < len(drawn.rows) else ""
    return shown
