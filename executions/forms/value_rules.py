"""The rules of a schema against one value, with tv4's codes and the provider's own messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError as FormatError
from django.core.validators import URLValidator, validate_email
from jsonschema.exceptions import ValidationError

from executions.display.html_sanitizing import plain
from executions.forms.compiled_nodes import Leaf, Repeat
from executions.forms.dates import to_input
from executions.forms.json_path import MISSING
from executions.forms.schema_dialects import is_number
from executions.forms.schema_navigator import kind_of
from providers.redaction import MASK

REQUIRED, SHORT, LONG, PATTERN = 302, 200, 201, 202
FACTOR, LOW, LOW_EXCLUSIVE, HIGH, HIGH_EXCLUSIVE = 100, 101, 102, 103, 104
TYPE, ENUM, ALTERNATIVES, FEW, MANY, TWICE = 0, 1, 12, 400, 401, 402


@dataclass(frozen=True)
class Complaint:
    code: int
    text: str


def is_absent(value: Any, *, is_nullable: bool, may_be_empty: bool = False) -> bool:
    """Whether `required` counts a value as missing: a null that is not allowed, and "", which plain
    JSON Schema takes for a text (`may_be_empty`)."""
    is_empty = value == "" and not may_be_empty
    return value is MISSING or is_empty or (value is None and not is_nullable)


def day_complaint(leaf: Leaf, value: Any) -> Complaint | None:
    """The form's own bounds of a date, which no schema knows."""
    if leaf.control != "date" or not isinstance(value, str):
        return None
    day = to_input("date", value, leaf.style)  # whatever the style it is sent in
    if day and leaf.earliest and day < leaf.earliest:
        return Complaint(LOW, f"Enter {leaf.earliest} or later.")
    if day and leaf.latest and day > leaf.latest:
        return Complaint(HIGH, f"Enter {leaf.latest} or earlier.")
    return None


# ---------------------------------------------------------------------- complaints of a schema


def complaint_of(error: ValidationError, *, is_file: bool = False) -> Complaint:
    """A complaint of the schema in our words. `error` may be inside a list of alternatives."""
    value, rule = error.instance, error.validator_value
    word = error.validator if isinstance(error.validator, str) else ""
    if is_file and word == "maxLength":
        return Complaint(LONG, "This file is larger than the provider accepts.")
    if word in _SENTENCES:
        code, sentence = _SENTENCES[word]
        size = len(value) if isinstance(value, str | list | dict) else 0
        return Complaint(code, sentence.format(rule=_written(rule), size=size))
    if word == "type":
        return Complaint(TYPE, f"Enter {_types_words(rule)}, not {_TYPES[kind_of(value)]}.")
    if word in ("anyOf", "oneOf") and not error.context:
        return Complaint(ALTERNATIVES, "This matches several alternatives, not one.")
    return Complaint(0, "The provider's rules do not allow this.")


REQUIRED_WORDS = "This field is required."
_SENTENCES = {
    "required": (REQUIRED, REQUIRED_WORDS),
    "dependentRequired": (REQUIRED, REQUIRED_WORDS),
    "enum": (ENUM, "Choose one of the options."),
    "const": (ENUM, "Choose one of the options."),
    "minLength": (SHORT, "Enter at least {rule} characters, not {size}."),
    "maxLength": (LONG, "Enter at most {rule} characters, not {size}."),
    "pattern": (PATTERN, "This does not have the expected format."),
    "multipleOf": (FACTOR, "Enter a multiple of {rule}."),
    "minimum": (LOW, "Enter at least {rule}."),
    "exclusiveMinimum": (LOW_EXCLUSIVE, "Enter more than {rule}."),
    "maximum": (HIGH, "Enter at most {rule}."),
    "exclusiveMaximum": (HIGH_EXCLUSIVE, "Enter less than {rule}."),
    "minItems": (FEW, "At least {rule} needed, {size} given."),
    "maxItems": (MANY, "At most {rule} allowed, {size} given."),
    "uniqueItems": (TWICE, "The same entry is listed twice."),
    "contains": (FEW, "The provider's rules require another entry."),
    "minProperties": (300, "Fill in at least {rule} of these."),
    "maxProperties": (301, "Fill in at most {rule} of these."),
}
_TYPES = {
    "object": "an object", "array": "a list", "string": "a text", "number": "a number",
    "integer": "a whole number", "boolean": "true or false", "null": "null", "any": "null",
}  # fmt: skip


def _types_words(rule: Any) -> str:
    types = rule if isinstance(rule, list) else [rule]
    return " or ".join(_TYPES.get(str(each), str(each)) for each in types)


def _written(rule: Any) -> str:
    """A bound without rounding and without an exponent, as far as that can be read."""
    if not is_number(rule) or abs(rule) > 10**30:
        return plain(str(rule), 60)
    return f"{Decimal(str(rule)):f}"


def count(rules: dict[str, Any], word: str) -> int | None:
    """A limit that counts something, None where it is none."""
    number = rules.get(word)
    return number if type(number) is int and number >= 0 else None


# ---------------------------------------------------------------------- the provider's own messages

_REFERENCE = re.compile(r"\{\{\s*(value|viewValue|title|schema\.\w+)\s*\}\}")


def message(node: Leaf | Repeat, complaint: Complaint, value: Any) -> str:
    """The provider's message for a complaint, else ours. A secret value is in neither."""
    own = node.words.messages
    if isinstance(own, dict):
        named = {str(key): text for key, text in own.items()}
        own = named.get(str(complaint.code), named.get("default"))
    if not isinstance(own, str) or not own.strip():
        return complaint.text

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "title":
            return node.words.title
        shown = MASK if isinstance(node, Leaf) and node.is_secret and value else value
        found = node.shape.rules.get(name[7:], "") if name.startswith("schema.") else shown
        return "" if found is MISSING or isinstance(found, dict | list) else plain(found)

    return plain(_REFERENCE.sub(fill, own))


# ------------------------------------------------------------------------------- formats, as a hint


def doubt_about_format(rules: dict[str, Any], value: Any) -> str:
    """A warning, never a refusal: the library whose forms these are checks no `format`."""
    name = rules.get("format")
    if not isinstance(value, str) or not value or not isinstance(name, str):
        return ""
    try:
        if name == "email":
            validate_email(value)
        elif name in ("uri", "url"):
            URLValidator()(value)
        elif name == "date":
            date.fromisoformat(value)
        elif name == "date-time":
            datetime.fromisoformat(value)
        elif name == "time":
            time.fromisoformat(value)
    except (FormatError, ValueError):
        return f"This does not look like {_FORMATS[name]}."
    return ""


_FORMATS = {
    "email": "an e-mail address",
    "uri": "an address",
    "url": "an address",
    "date": "a date",
    "date-time": "a date and time",
    "time": "a time",
}
