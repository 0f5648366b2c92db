"""Django fields and widgets for drawn nodes. Nothing of the provider's becomes an attribute,
except values and placeholders. No input limits a length: a browser cuts what is pasted, without a
word."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from executions.forms import value_rules
from executions.forms.dates import wall_of
from executions.forms.instance_nodes import Drawn
from executions.forms.json_path import MISSING
from executions.forms.value_codec import (
    CHOICE_CONTROLS,
    DATE_CONTROLS,
    FOREIGN,
    LIST_CONTROLS,
    Unreadable,
    words_for,
)

_INPUT_TYPES = {
    "text": "text", "email": "email", "url": "url", "tel": "tel", "color": "color",
    "date": "date", "datetime": "datetime-local", "time": "time", "number": "text",
}  # fmt: skip


class AnswerField(forms.Field):
    """Cleans to the JSON value to send, or MISSING for "leave it out"."""

    def __init__(
        self, drawn: Drawn, *, is_idle: bool, in_row: bool, refuses_empty: bool
    ) -> None:  # fmt: skip
        self.drawn = drawn
        self.is_idle = is_idle
        self.refuses_empty = refuses_empty
        super().__init__(
            required=drawn.is_required and not in_row and demands_natively(drawn),
            label=drawn.leaf.words.title,
            initial=drawn.typed,
            widget=widget_for(drawn),
        )

    def clean(self, value: Any) -> Any:
        """Raises ValidationError."""
        drawn, leaf = self.drawn, self.drawn.leaf
        if self.is_idle:
            return MISSING
        try:
            answer = drawn.value()
        except Unreadable as error:
            self.refuse(value_rules.Complaint(error.code, str(error)), drawn.typed)
        may_be_empty = not self.refuses_empty and leaf.shape.kind == "string" and not leaf.options
        is_absent = value_rules.is_absent(
            answer, is_nullable=leaf.shape.is_nullable, may_be_empty=may_be_empty
        )
        if is_absent and drawn.is_required:
            self.refuse(
                value_rules.Complaint(value_rules.REQUIRED, value_rules.REQUIRED_WORDS),
                answer,
            )
        complaint = None if is_absent else value_rules.day_complaint(leaf, answer)
        if complaint:
            self.refuse(complaint, answer)
        return answer

    def refuse(self, complaint: value_rules.Complaint, value: Any) -> Any:
        raise ValidationError(value_rules.message(self.drawn.leaf, complaint, value))


class RowsField(forms.Field):
    """The order of a list's rows, in a hidden input; complaints about the list hang here."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        tokens = ",".join(row.token for row in drawn.rows)
        super().__init__(
            required=False, label=drawn.repeat.words.title, initial=tokens,
            widget=forms.HiddenInput,
        )  # fmt: skip

    def clean(self, value: Any) -> Any:
        return value


def demands_natively(drawn: Drawn) -> bool:
    """Whether the browser may insist: not on boxes, where it would insist on a tick."""
    if drawn.control in ("checkbox", "file", "elsewhere", *LIST_CONTROLS):
        return False
    return not drawn.leaf.shape.is_nullable and not (
        drawn.control == "password" and drawn.start not in (MISSING, None, "")
    )


def widget_for(drawn: Drawn) -> forms.Widget:
    leaf, control = drawn.leaf, drawn.control
    attributes: dict[str, Any] = {"autocomplete": "off"}
    if leaf.words.placeholder:
        attributes["placeholder"] = leaf.words.placeholder
    if control in CHOICE_CONTROLS or control in LIST_CONTROLS:
        return _choice_widget(drawn)
    if control == "checkbox":
        return forms.CheckboxInput(attrs={"value": "1"}, check_test=lambda value: value == "1")
    if control in ("textarea", "json"):
        rows = 8 if control == "json" else 4
        return forms.Textarea({**attributes, "rows": rows})
    if control == "password":
        attributes["autocomplete"] = "new-password"
        if drawn.start not in (MISSING, None, ""):
            attributes["placeholder"] = "Unchanged"
        # What a person has just typed comes back when the form is drawn again; a stored secret
        # never does, `shown` leaves it out.
        return forms.PasswordInput(attributes, render_value=True)
    if control in ("file", "elsewhere"):
        return UploadInput({"accept": ",".join(leaf.accepts)} if leaf.accepts else {})
    attributes.update(_native(drawn))
    widget = MomentInput(attributes) if control == "datetime" else forms.TextInput(attributes)
    widget.input_type = _INPUT_TYPES[control]
    return widget


def _native(drawn: Drawn) -> dict[str, Any]:
    leaf, control = drawn.leaf, drawn.control
    if control == "number":
        return {"inputmode": "numeric" if leaf.shape.kind == "integer" else "decimal"}
    if control == "date":
        bounds = {"min": leaf.earliest, "max": leaf.latest}
        return {name: day for name, day in bounds.items() if day}
    if control in DATE_CONTROLS:
        return {"step": "1"} if str(drawn.typed).count(":") > 1 else {}
    return {}


def _choice_widget(drawn: Drawn) -> forms.Widget:
    leaf, control = drawn.leaf, drawn.control
    choices = grouped(drawn)
    if control == "radios":
        has_null = any(option.value is None for option in leaf.options)
        if leaf.shape.is_nullable and not has_null:
            choices = [*choices, ("", "No value")]
        elif not drawn.is_required and not has_null:
            choices = [*choices, ("", "No selection")]
        return forms.RadioSelect(choices=choices)
    if control == "checkboxes":
        return forms.CheckboxSelectMultiple(choices=choices)
    if control == "multiselect":
        return forms.SelectMultiple(attrs={"size": 10}, choices=choices)
    return forms.Select(choices=[("", "No selection"), *choices])


def grouped(drawn: Drawn) -> list[Any]:
    """Options as Django wants them: index and label, in groups where the form names groups."""
    choices: list[Any] = []
    groups: dict[str, list[tuple[str, str]]] = {}
    for index, option in enumerate(drawn.leaf.options):
        pair = (str(index), option.label)
        if not option.group:
            choices.append(pair)
        elif option.group in groups:
            groups[option.group].append(pair)
        else:
            groups[option.group] = [pair]
            choices.append((option.group, groups[option.group]))
    return choices + foreign(drawn)


def foreign(drawn: Drawn) -> list[tuple[str, str]]:
    """The present value as an option of its own where the list does not have it."""
    if drawn.initial == FOREIGN:
        return [(FOREIGN, f"{words_for(drawn.leaf, drawn.start)} (not in the list)")]
    if not isinstance(drawn.initial, list):
        return []
    return [
        (mark, f"{words_for(drawn.leaf, [drawn.start[int(mark[1:])]])} (not in the list)")
        for mark in drawn.initial
        if mark.startswith(FOREIGN)
    ]


class MomentInput(forms.TextInput):
    """Holds the wall clock; which one of two is meant is chosen beside it."""

    def format_value(self, value: Any) -> str | None:
        return wall_of(value) if isinstance(value, str) else None


class UploadInput(forms.FileInput):
    """A file input whose value has already become a data URL."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data
