"""The Django form of one compiled form: fields for what is visible now, checks, body."""

from __future__ import annotations

from typing import Any

from django import forms
from jsonschema.exceptions import ValidationError

from executions.forms import answer_body, value_rules
from executions.forms.compiled_nodes import Group, Leaf, Repeat
from executions.forms.django_fields import AnswerField, RowsField, foreign
from executions.forms.form_instance import Drawing
from executions.forms.instance_nodes import Drawn
from executions.forms.json_path import MISSING, Path, dig, key_text, put
from executions.forms.options import is_equal
from executions.forms.validation import TooMuch
from executions.forms.validation_error_placement import Placed, placed


class AnswerForm(forms.Form):
    """Bound or not, it shows `form_instance`; made by `CompiledForm.bind`."""

    def __init__(
        self,
        drawing: Drawing,
        *,
        is_bound: bool,
        prefix: str,
        quick: str,
        redrawing: frozenset[int],
        refuses_empty: bool = True,
        asked: Any = None,
    ) -> None:
        self.drawing = drawing
        self.quick = quick
        self.redrawing = redrawing
        """Numbers of the fields whose change makes a condition worth another look."""
        self.refuses_empty = refuses_empty
        """Whether "" counts as nothing where a text is needed."""
        self.asked = asked
        """What the provider asked with, where the values drawn are those of a finished answer."""
        self.refused: list[str] = []
        """What the schema refuses and no field here can change, by path. The provider decides."""
        self.by_name: dict[str, Drawn] = {}
        super().__init__(prefix=prefix or None)
        self.label_suffix = ""
        self.add_items(drawing.items, is_idle=False, in_row=False)
        if is_bound:
            self.is_bound = True
            held = {self.add_prefix(name): each.initial for name, each in self.fields.items()}
            self.data = held

    def add_items(self, items: list[Drawn], *, is_idle: bool, in_row: bool) -> None:
        for drawn in items:
            self.by_name[drawn.name] = drawn
            drawn.form = self
            if drawn.is_visible and isinstance(drawn.node, Leaf) and drawn.is_field:
                self.fields[drawn.name] = AnswerField(
                    drawn, is_idle=is_idle, in_row=in_row, refuses_empty=self.refuses_empty
                )
            elif drawn.is_visible and isinstance(drawn.node, Repeat):
                self.fields[drawn.name] = RowsField(drawn)
            self.add_items(drawn.items, is_idle=is_idle, in_row=in_row)
            for row in drawn.rows:
                self.add_items(row.items, is_idle=is_idle or row.is_idle, in_row=True)

    def clean(self) -> dict[str, Any]:
        """The rules of the whole schema, once every field is read. Complaints go to their fields;
        one about fields together stands on top; what no field here can change stops nobody."""
        if self.asked is not None:
            self.check_options()
        places = dict(answer_body.places(self.drawing.items, self.value_of))
        for each in placed(self.errors_of_body(), places):
            drawn = each.drawn
            if drawn is None:
                if any(self.has_error(field.name) for field in each.inside):
                    continue  # it may be a consequence
                if each.inside:
                    self.add_error(None, self.on_top(each, places))
                elif each.complaint.code != value_rules.REQUIRED:  # those are known as lacking
                    self.refused.append(key_text(each.path) or "the whole answer")
            elif not self.has_error(drawn.name) and not self.is_exempt(drawn, each.complaint):
                self.add_error(drawn.name, self.words(drawn, each.complaint))
        return self.cleaned_data

    def check_options(self) -> None:
        """Finds what the provider neither offers nor gave itself: nobody can choose that."""
        complaint = value_rules.Complaint(value_rules.ENUM, "Choose one of the options.")
        for name in self.fields:
            drawn = self.by_name[name]
            is_choice = isinstance(drawn.node, Leaf) and foreign(drawn)
            if is_choice and not self.came_like_this(drawn):
                self.add_error(name, self.words(drawn, complaint))

    def errors_of_body(self) -> list[ValidationError]:
        try:
            body = self.body() if self.asked is None else self.drawing.start
            return self.drawing.schemas.validation.errors(body)
        except TooMuch:
            return []  # said on the page, see `CompiledForm.unchecked`

    def is_exempt(self, drawn: Drawn, complaint: value_rules.Complaint) -> bool:
        """What the form allows beyond the schema, and what nobody here can mend."""
        if complaint.code == value_rules.REQUIRED:
            return drawn.node.is_free or drawn.is_unclear  # type: ignore[union-attr]
        if complaint.code == value_rules.TYPE and drawn.is_untouched:
            return self.came_like_this(drawn)
        if drawn.is_required:
            return False
        value = self.value_of(drawn) if isinstance(drawn.node, Leaf) else None
        if isinstance(drawn.node, Repeat):
            value = answer_body.rows_of(drawn, self.value_of)
            return drawn.is_untouched and value in (MISSING, None, [])
        return value in ("", None)

    def came_like_this(self, drawn: Drawn) -> bool:
        """Whether the provider itself gave the value that was left alone."""
        return self.asked is None or is_equal(dig(self.asked, drawn.path), drawn.start)

    def on_top(self, each: Placed, places: dict[Path, Drawn]) -> str:
        node = places[each.path].node if each.path in places else None
        title = node.words.title if isinstance(node, Group) else ""
        return f"{title}: {each.complaint.text}" if title else each.complaint.text

    def words(self, drawn: Drawn, complaint: value_rules.Complaint) -> str:
        if isinstance(drawn.node, Leaf):
            return value_rules.message(drawn.node, complaint, self.value_of(drawn))
        return value_rules.message(drawn.repeat, complaint, "")

    def value_of(self, drawn: Drawn) -> Any:
        """The cleaned value; what cannot be sent from here stays as it was."""
        if drawn.name in self.fields:
            return self.cleaned_data.get(drawn.name, MISSING)
        return drawn.start

    def body(self) -> Any:
        """The body of a valid form. `copyValueTo` fills what has no field of its own here."""
        body = answer_body.assembled(self.drawing.items, self.drawing.start, self.value_of)
        drawn_paths = {drawn.path for drawn in self.by_name.values()}
        for drawn in self.drawing.leaves():
            for path in drawn.leaf.copies_to:
                value = self.value_of(drawn)
                if path not in drawn_paths and value is not MISSING:
                    put([body], (0, *path), value)
        return body

    # ------------------------------------------------------------------------------- for templates

    @property
    def quick_name(self) -> str:
        """The input of the field that quick buttons answer."""
        return self.add_prefix(self.quick) if self.quick else ""

    @property
    def quick_title(self) -> str:
        drawn = self.by_name.get(self.quick)
        return drawn.leaf.words.title if drawn else ""

    @property
    def has_elsewhere(self) -> bool:
        """Whether it shows something that can only be handed in at the provider."""
        return any(drawn.control == "elsewhere" for drawn in self.drawing.leaves())

    def title_of(self, name: str) -> str:
        """The title of a field, or its path where it has none."""
        return self.by_name[name].words.title or key_text(self.by_name[name].path)

    @property
    def error_links(self) -> list[tuple[str, str, str]]:
        """For a summary on top: id of the input, title, complaint."""
        links = []
        for name, errors in self.errors.items():
            if name in self.fields:
                anchor = f"field_{self.add_prefix(name)}"
                links.append((anchor, self.title_of(name), str(errors[0])))
        return links

    @property
    def keeps(self) -> list[tuple[str, str]]:
        """Hidden inputs for fields a condition hides: what was typed comes back with them."""
        kept = []
        for drawn in self.drawing.every():
            is_leaf = isinstance(drawn.node, Leaf) and drawn.is_field
            if drawn.is_visible or not (is_leaf or isinstance(drawn.node, Repeat)):
                continue
            if isinstance(drawn.node, Repeat):
                kept.append((drawn.name, ",".join(row.token for row in drawn.rows)))
            elif not drawn.is_untouched and drawn.control != "file":
                texts = drawn.typed if isinstance(drawn.typed, list) else [drawn.typed]
                kept += [(drawn.name, text) for text in ["", *texts]]
        return [(self.add_prefix(name), text) for name, text in kept]

    @property
    def warnings(self) -> dict[str, str]:
        """Doubts that do not stop anyone, by field name."""
        doubts = {name: self.by_name[name].warning for name in self.fields}
        return {name: doubt for name, doubt in doubts.items() if doubt}

    def find(self, path: Path) -> str:
        """The name of the visible field at a path, "" where there is none."""
        return next((name for name in self.fields if self.by_name[name].path == path), "")
