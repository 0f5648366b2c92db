"""The instance: compiled nodes in their place, with a name, the value before any edit and what has
been typed. Templates draw them; what only templates ask for stands below the line in each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.forms import BoundField
from django.utils.safestring import SafeString

from executions.display.html_sanitizing import rich
from executions.forms.compiled_nodes import Group, Leaf, Node, Repeat, Text, Wording
from executions.forms.controls import MANY_OPTIONS
from executions.forms.dates import moments_to_choose, zone_of
from executions.forms.definition_intake import CannotShow
from executions.forms.files import file_words, limits_words
from executions.forms.json_path import EACH, MISSING, Path
from executions.forms.value_codec import (
    LIST_CONTROLS,
    Typed,
    answered,
    is_blank,
    normal,
    shown,
    words_for,
)
from executions.forms.value_rules import doubt_about_format

if TYPE_CHECKING:
    from executions.forms.django_form import AnswerForm

MAX_ROWS = 200


@dataclass
class Frame:
    """What is being filled: the whole model, or one row. `start` is its value before any edit,
    `skip` the length of the path that leads here."""

    start: Any
    skip: int = 0
    tokens: tuple[str, ...] = ()
    indices: tuple[int, ...] = ()


@dataclass
class Drawn:
    """A node in its place. `start` is the value before any edit, `typed` what the input holds."""

    node: Node
    name: str
    frame: Frame
    is_visible: bool = True
    is_unclear: bool = False
    is_demanded: bool = False
    control: str = ""
    start: Any = MISSING
    typed: Typed = ""
    items: list[Drawn] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    form: AnswerForm = field(init=False, repr=False)
    """The Django form that shows it."""

    @property
    def leaf(self) -> Leaf:
        """The node, where it is a field."""
        if not isinstance(self.node, Leaf):
            raise TypeError("this node is no field")
        return self.node

    @property
    def repeat(self) -> Repeat:
        """The node, where it is a list with rows."""
        if not isinstance(self.node, Repeat):
            raise TypeError("this node is no list")
        return self.node

    @property
    def words(self) -> Wording:
        return self.node.words

    @property
    def is_field(self) -> bool:
        """Whether a person can change it here."""
        is_here = isinstance(self.node, Leaf | Repeat) and not self.node.is_readonly
        return is_here and self.control != "elsewhere"

    @property
    def initial(self) -> Typed:
        """What the input holds before any edit."""
        return normal(self.control, shown(self.leaf, self.control, self.start))

    @property
    def is_untouched(self) -> bool:
        if isinstance(self.node, Leaf):
            return self.typed == self.initial
        if isinstance(self.node, Repeat):
            same = [row.token for row in self.rows] == first_tokens(self.node, self.start)
            return same and all(row.is_untouched for row in self.rows)
        return all(item.is_untouched for item in self.items)

    @property
    def is_required(self) -> bool:
        """Whether it must have a value: always, or by a rule of the schema that holds now."""
        is_demanded = isinstance(self.node, Leaf | Repeat) and self.node.is_required
        return (is_demanded or self.is_demanded) and not self.is_unclear

    @property
    def path(self) -> Path:
        """The path with positions for rows."""
        return concrete(self.node.path, self.frame.indices)

    def value(self) -> Any:
        """The value the typed text stands for. Raises Unreadable."""
        return answered(self.leaf, self.control, self.typed, self.start)

    # ------------------------------------------------------------------------------- for templates

    @property
    def template(self) -> str:
        return f"executions/forms/_{self._look}.html"

    @property
    def _look(self) -> str:
        if not isinstance(self.node, Leaf):
            return "text" if isinstance(self.node, Text) else "list" if self.is_list else "group"
        if self.bound is None:
            return "readonly"
        looks = {"checkbox": "checkbox", "radios": "choices", "checkboxes": "choices"}
        return looks.get(self.control, "field")

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, Repeat)

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to see: a group shows itself by what is in it."""
        is_group = isinstance(self.node, Group)
        return self.is_visible and (not is_group or any(item.is_shown for item in self.items))

    @property
    def bound(self) -> BoundField | None:
        """Its input; None where a person can change nothing."""
        return self.form[self.name] if self.name in self.form.fields else None

    @property
    def html_name(self) -> str:
        return self.form.add_prefix(self.name)

    @property
    def id(self) -> str:
        return f"field_{self.html_name}"

    @cached_property
    def help(self) -> SafeString | str:
        return rich(self.words.help) if self.words.help else ""

    @property
    def after(self) -> str:
        """The words behind the input: those of the form, else the zone that its clock is in."""
        zone = zone_of(self.control, self._like) if self.bound is not None else ""
        return self.words.after or zone

    @property
    def _like(self) -> str:
        return self.start if isinstance(self.start, str) else ""

    @property
    def is_marked_needed(self) -> bool:
        """Not on boxes: there it would say that a tick is needed."""
        return self.is_required and self.control not in ("checkbox", *LIST_CONTROLS)

    @property
    def moments(self) -> list[tuple[str, str, bool]]:
        """For a time that exists twice: what to post, its words, and whether it is chosen."""
        if self.control != "datetime" or not isinstance(self.typed, str):
            return []
        both = moments_to_choose(self.typed, self._like)
        return [(text, words, text == self.typed) for text, words in both]

    @property
    def filters(self) -> bool:
        """A list so long that a person wants to search in it."""
        return self.control in ("select", "multiselect") and len(self.leaf.options) > MANY_OPTIONS

    @property
    def redraws(self) -> bool:
        return isinstance(self.node, Leaf) and self.node.number in self.form.redrawing

    @property
    def errors(self) -> list[str]:
        return [str(error) for error in self.form.errors.get(self.name, ())]

    @property
    def warning(self) -> str:
        """A doubt that stops nobody."""
        if not isinstance(self.node, Leaf):
            return ""
        value = getattr(self.form, "cleaned_data", {}).get(self.name)
        return doubt_about_format(self.node.shape.rules, value)

    @property
    def text(self) -> str:
        """The value of a field that is only shown."""
        is_file = self.control in ("file", "elsewhere")
        return file_words(self.start) if is_file else words_for(self.leaf, self.start)

    @property
    def remark(self) -> str:
        if not isinstance(self.node, Leaf):
            return ""
        if self.bound is None:
            is_file = self.control in ("file", "elsewhere")
            return "Files of this kind are uploaded at the provider." if is_file else ""
        if self.control == "file":
            now = file_words(self.typed or self.start)
            return f"{limits_words(self.node.shape.rules, self.node.accepts)} {now}".strip()
        if self.control == "json":
            return "Enter JSON."
        unclear = "This may not apply: its condition cannot be evaluated here."
        return unclear if self.is_unclear else ""

    @property
    def described_by(self) -> str:
        """The ids of all texts that describe the input."""
        parts = {
            "help": self.help, "units": self.words.before or self.after,
            "remark": self.remark, "warning": self.warning, "error": self.errors,
        }  # fmt: skip
        return " ".join(f"{self.id}_{part}" for part, is_there in parts.items() if is_there)

    @property
    def input(self) -> SafeString | str:
        """The input as HTML."""
        attributes: dict[str, str | bool] = {}
        if not self.is_list and self.described_by:
            attributes["aria-describedby"] = self.described_by
        if not self.is_list and self.words.hides_title:
            attributes["aria-label"] = self.words.title
        return self.bound.as_widget(attrs=attributes) if self.bound is not None else ""

    @property
    def most(self) -> int:
        """The rows that a list can have."""
        return MAX_ROWS if self.repeat.most is None else min(self.repeat.most, MAX_ROWS)

    @property
    def add(self) -> str:
        """The button's text, "" where no row can be added."""
        is_open = not self.repeat.is_readonly and len(self.rows) < self.most
        return self.repeat.add if is_open else ""

    @property
    def limit(self) -> str:
        """Why a row cannot be added or taken away."""
        node, count = self.repeat, len(self.rows)
        if node.is_readonly:
            return ""
        if count >= self.most:
            return f"At most {self.most}."
        return f"At least {node.least}." if node.least and count <= node.least else ""


@dataclass
class Row:
    """One row of the list `of`."""

    token: str
    frame: Frame
    items: list[Drawn]
    of: Drawn = field(repr=False)

    @property
    def is_untouched(self) -> bool:
        return all(item.is_untouched for item in self.items)

    @property
    def is_idle(self) -> bool:
        """Nobody asked for this row and nobody filled it: it is not sent and not checked."""
        if self.token[0] == "n":
            return not _is_all_boxes(self.items) and all(_is_empty(item) for item in self.items)
        return self.token[0] == "b" and self.is_untouched

    # ------------------------------------------------------------------------------- for templates

    @property
    def title(self) -> str:
        return f"{self.of.words.title} {self.frame.indices[-1] + 1}"

    @property
    def remove(self) -> str:
        """What the button posts; "" where it would do nothing, like `up` and `down`."""
        node = self.of.repeat
        return self._posts if node.remove and len(self.of.rows) > node.least else ""

    @property
    def up(self) -> str:
        return f"{self._posts}:up" if self._posts and self.frame.indices[-1] else ""

    @property
    def down(self) -> str:
        is_last = self.frame.indices[-1] + 1 == len(self.of.rows)
        return f"{self._posts}:down" if self._posts and not is_last else ""

    @property
    def _posts(self) -> str:
        return "" if self.of.repeat.is_readonly else f"{self.of.name}:{self.token}"


def concrete(path: Path, indices: tuple[int, ...]) -> Path:
    """A path whose "every item" became positions."""
    left = iter(indices)
    return tuple(next(left, EACH) if part == EACH else part for part in path)


def first_tokens(node: Repeat, start: Any) -> list[str]:
    """The rows before any edit: those of the list, and blank ones up to the least number."""
    tokens = [str(i) for i in range(len(start))] if isinstance(start, list) else []
    if len(tokens) > MAX_ROWS:
        raise CannotShow(f"one of its lists has more than {MAX_ROWS} rows")
    if node.is_readonly:
        return tokens
    wanted = max(node.least, 0 if node.starts_empty or tokens else 1)
    return tokens + [f"b{i}" for i in range(min(wanted, MAX_ROWS) - len(tokens))]


def _is_all_boxes(items: list[Drawn]) -> bool:
    """Whether an added row holds nothing but boxes: left without a tick it says false."""
    return bool(items) and all(item.control == "checkbox" for item in items)


def _is_empty(drawn: Drawn) -> bool:
    if isinstance(drawn.node, Leaf):
        return is_blank(drawn.typed)
    if isinstance(drawn.node, Repeat):
        return all(_is_empty(item) for row in drawn.rows for item in row.items)
    return all(_is_empty(item) for item in drawn.items)
