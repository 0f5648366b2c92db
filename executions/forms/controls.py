"""Which control draws a field: the form's `type` where it fits the schema, else the schema."""

from __future__ import annotations

from typing import Any

from executions.forms.compiled_nodes import Kind, Option, Shape
from executions.forms.json_path import MISSING

MANY_OPTIONS = 15  # above this a list is easier to use than boxes
FEW_OPTIONS = 4  # up to this, options are shown as radio buttons
LONG_TEXT = 200  # a `maxLength` above this gives a text area

# Form types of Angular Schema Form and of add-ons seen in the wild, as controls of ours.
FORM_TYPES = {
    "text": "text", "string": "text", "search": "text", "textarea": "textarea",
    "wysiwyg": "textarea", "tinymce": "textarea", "password": "password",
    "number": "number", "integer": "number", "range": "number", "checkbox": "checkbox",
    "switch": "checkbox", "checkboxes": "checkboxes", "multiselect": "multiselect",
    "select": "select", "uiselect": "select", "strapselect": "select", "dropdown": "select",
    "radios": "radios", "radios-inline": "radios", "radiobuttons": "radios",
    "date": "date", "datepicker": "date", "datetimepicker": "datetime",
    "datetime": "datetime", "datetime-local": "datetime", "time": "time", "email": "email",
    "url": "url", "tel": "tel", "color": "color", "colorpicker": "color",
    "file": "file", "nwpfileupload": "file", "fileupload": "file",
}  # fmt: skip
FORMATS = {
    "date": "date", "date-time": "datetime", "time": "time", "email": "email", "uri": "url",
    "url": "url", "color": "color", "password": "password", "textarea": "textarea",
    "html": "textarea", "markdown": "textarea",
}  # fmt: skip

_TEXTS = {
    "text", "textarea", "password", "date", "datetime", "time", "email", "url", "tel", "color",
}  # fmt: skip
_FITTING: dict[Kind, set[str]] = {
    "string": _TEXTS,
    "number": {"number"},
    "integer": {"number"},
    "boolean": {"checkbox"},
}
_KIND_OF_CONTROL: dict[str, Kind] = {
    "number": "number", "checkbox": "boolean", "checkboxes": "array", "multiselect": "array",
}  # fmt: skip


def kind_without_schema(form_type: str, options: tuple[Option, ...]) -> Kind:
    """The kind of a field that only the form knows."""
    if form_type == "integer":
        return "integer"
    if form_type == "array":
        return "array"
    kind = _KIND_OF_CONTROL.get(FORM_TYPES.get(form_type, "text"), "string")
    return "any" if options and kind == "string" else kind


def choose_control(
    shape: Shape, form_type: str, options: tuple[Option, ...], *, is_undecided: bool
) -> tuple[str, str]:
    """The control, and a note where the form's type could not be followed.

    `is_undecided`: a demanded yes-or-no without a value, where an empty box would decide for the
    person.
    """
    wanted = FORM_TYPES.get(form_type, "")
    note = ""
    if form_type and not wanted:
        note = f"its type {form_type!r} is not known, so its schema decides what is shown"
    if wanted == "file" or shape.rules.get("format") == "data-url":
        is_inline = shape.rules.get("format") == "data-url" and shape.kind == "string"
        return "file" if is_inline else "elsewhere", ""
    if options:
        return _choice(shape, wanted, len(options)), note
    if shape.kind == "boolean":
        if wanted == "checkbox" or not (is_undecided or shape.is_nullable):
            return "checkbox", note
        return "radios", note
    if wanted and wanted not in _FITTING.get(shape.kind, set()):
        types = shape.rules.get("type")
        takes_text = isinstance(types, list) and "string" in types
        if shape.kind == "any" and wanted in _TEXTS and takes_text:
            return wanted, note
        note = f"its type {form_type!r} does not fit the schema"
        wanted = ""
    return wanted or _by_schema(shape), note


def _choice(shape: Shape, wanted: str, number: int) -> str:
    if shape.kind == "array":
        is_list = wanted in ("multiselect", "select") or number > MANY_OPTIONS
        return "multiselect" if is_list and wanted != "checkboxes" else "checkboxes"
    if wanted in ("radios", "select"):
        return wanted
    return "radios" if 2 <= number <= FEW_OPTIONS else "select"


def _by_schema(shape: Shape) -> str:
    if shape.kind in ("number", "integer"):
        return "number"
    if shape.kind != "string":
        return "json"
    most: Any = shape.rules.get("maxLength", 0)
    by_format = FORMATS.get(str(shape.rules.get("format", MISSING)), "")
    is_long = type(most) is int and most > LONG_TEXT
    return by_format or ("textarea" if is_long else "text")
