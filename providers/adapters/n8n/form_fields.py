"""The fields of n8n's forms: as a JSON schema for a question, as fields of a start, and as what a
browser would send. A field is sent by its number, whatever its name (seen).

What is an expression is worked out inside n8n alone: its result stands nowhere in the API.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import unquote

from providers import exact_json
from providers.contract import Field

SHOWN_ONLY = ("html",)
LISTS = ("checkbox",)
CHOICES = ("dropdown", "radio")
FORMATS = {"date": "date", "email": "email", "password": "password", "textarea": "textarea"}
Fields = Sequence[Mapping[str, Any]]


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("=")


def text_of(value: Any, otherwise: str = "") -> str:
    """A text of a node, where it is one and no expression."""
    return value if isinstance(value, str) and value and not is_expression(value) else otherwise


def fields_of(parameters: Mapping[str, Any]) -> Fields | None:
    """None where they cannot be known here."""
    if parameters.get("defineForm") == "json":
        listed = written_fields(parameters.get("jsonOutput"))
        if listed is None:
            return None
    else:
        listed = (parameters.get("formFields") or {}).get("values")
    fields = [field for field in listed or () if isinstance(field, dict)]
    return None if any(map(is_unclear, fields)) else fields


def written_fields(written: Any) -> Any:
    """Those of a form that its author wrote as JSON."""
    if not isinstance(written, str):
        return written
    try:
        return json.loads(written)
    except ValueError:  # an expression, or no JSON
        return None


def is_unclear(field: Mapping[str, Any]) -> bool:
    """Whether its choices or its hidden value are not known here."""
    return is_expression(field.get("fieldValue")) or any(map(is_expression, options_of(field)))


def options_of(field: Mapping[str, Any]) -> list[Any]:
    about = field.get("fieldOptions") or {}
    return [each.get("option") for each in about.get("values") or ()]


def kind_of(field: Mapping[str, Any]) -> str:
    return str(field.get("fieldType") or "text")


def is_list(field: Mapping[str, Any]) -> bool:
    return kind_of(field) in LISTS or bool(field.get("multiselect"))


def asked(fields: Fields) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Those that a person fills in, by their numbers."""
    for number, field in enumerate(fields):
        if kind_of(field) not in (*SHOWN_ONLY, "hiddenField"):
            yield number, field


def label_of(number: int, field: Mapping[str, Any]) -> str:
    name = text_of(field.get("fieldLabel")) or text_of(field.get("fieldName"))
    return name or f"Field {number + 1}"


# ------------------------------------------------------------------------------------ of questions


def schema_of(fields: Fields) -> dict[str, Any]:
    properties = {f"field-{number}": property_of(number, field) for number, field in asked(fields)}
    required = [f"field-{number}" for number, field in asked(fields) if field.get("requiredField")]
    return {"type": "object", "properties": properties, "required": required}


def property_of(number: int, field: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": label_of(number, field)}
    if text := text_of(field.get("placeholder")):
        schema["description"] = text
    kind, options = kind_of(field), options_of(field)
    if is_list(field):
        items = {"type": "string", "enum": options}
        return schema | {"type": "array", "items": items, "uniqueItems": True} | limits_of(field)
    if kind in CHOICES:
        return schema | {"type": "string", "enum": options}
    if kind == "number":
        return schema | {"type": "number"}
    if kind == "file":
        types = text_of(field.get("acceptFileTypes"))
        media = {"contentMediaType": types} if types else {}
        return schema | {"type": "string", "format": "data-url"} | media
    return schema | {"type": "string"} | ({"format": FORMATS[kind]} if kind in FORMATS else {})


def limits_of(field: Mapping[str, Any]) -> dict[str, int]:
    """How many of its boxes are to be ticked."""
    least = 1 if field.get("requiredField") else 0
    if field.get("limitSelection") == "exact":
        count = int(field.get("numberOfSelections") or 1)
        return {"minItems": count, "maxItems": count}
    if field.get("limitSelection") == "range":
        most = int(field.get("maxSelections") or 1)
        return {"minItems": max(least, int(field.get("minSelections") or 0)), "maxItems": most}
    return {"minItems": least} if least else {}


def model_of(fields: Fields) -> dict[str, Any]:
    """What the form has filled in."""
    model = {}
    for number, field in asked(fields):
        value = field.get("defaultValue")
        if value not in (None, "") and not is_expression(value) and not is_list(field):
            model[f"field-{number}"] = value
    return model


# --------------------------------------------------------------------------------------- of starts


def start_fields(fields: Fields) -> Iterator[Field]:
    for number, field in asked(fields):
        kind = kind_of(field)
        is_one = kind in CHOICES and not is_list(field)
        options = [str(option) for option in options_of(field)] if is_one else []
        shown: Literal["choice", "email", "json", "text"] = (
            "choice" if options
            else "json" if is_list(field) or kind == "number"
            else "email" if kind == "email"
            else "text"
        )  # fmt: skip
        yield Field(
            key=f"field_{number}",
            label=label_of(number, field),
            help=help_of(field),
            kind=shown,
            required=bool(field.get("requiredField")),
            secret=kind == "password",
            choices=tuple((option, option) for option in options),
        )


def help_of(field: Mapping[str, Any]) -> str:
    if is_list(field):
        return f"A list of any of these: {json.dumps(options_of(field), ensure_ascii=False)}"
    if kind_of(field) == "date":
        return "As 2026-11-30."
    return "A number." if kind_of(field) == "number" else text_of(field.get("placeholder"))


def can_start(fields: Fields | None) -> bool:
    """Whether all of it can be entered at a start, which takes no files."""
    return fields is not None and not any(
        kind_of(field) == "file" and field.get("requiredField") for field in fields
    )


# ------------------------------------------------------------------------------------ what is sent


def parts_of(
    fields: Fields, values: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, tuple[str, bytes, str]]]:
    """Texts and files of a multipart body, as n8n's own page sends them. `values` by "field-0". An
    empty one is left out: of a number n8n would make 0."""
    texts: dict[str, str] = {}
    files: dict[str, tuple[str, bytes, str]] = {}
    for number, field in enumerate(fields):
        key, kind = f"field-{number}", kind_of(field)
        value = field.get("fieldValue") if kind == "hiddenField" else values.get(key)
        if value in (None, "", []) or kind in SHOWN_ONLY:
            continue
        if kind == "file":
            files[key] = file_of(str(value))
        elif kind == "radio" or is_list(field):
            chosen = value if isinstance(value, list | tuple) else [value]
            texts[key] = exact_json.write(list(chosen)).decode()
        else:
            texts[key] = value if isinstance(value, str) else exact_json.write(value).decode()
    return texts, files


def file_of(url: str) -> tuple[str, bytes, str]:
    """Name, content and type of a data URL."""
    head, _, content = url.removeprefix("data:").partition(",")
    kind, *parameters = head.split(";")
    named = [each.removeprefix("name=") for each in parameters if each.startswith("name=")]
    name = unquote(named[0]) if named else "file"
    return name, base64.b64decode(content), kind or "application/octet-stream"
