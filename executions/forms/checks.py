"""The rules of a schema against one value, with tv4's codes and the provider's own messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

import re2
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from executions.forms.dates import to_input
from executions.forms.keys import MISSING
from executions.forms.tree import Leaf, Wording
from executions.forms.wording import plain

MAX_PATTERN = 1000  # characters

REQUIRED, SHORT, LONG, PATTERN = 302, 200, 201, 202
FACTOR, LOW, LOW_EXCLUSIVE, HIGH, HIGH_EXCLUSIVE = 100, 101, 102, 103, 104
ENUM, FEW, MANY, TWICE = 1, 400, 401, 402


@dataclass(frozen=True)
class Complaint:
    code: int
    text: str


@lru_cache(maxsize=512)
def compiled_pattern(pattern: str) -> Any | None:
    """A provider's JavaScript pattern in linear time; None where RE2 has no such thing."""
    if len(pattern) > MAX_PATTERN or not pattern.isprintable():
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 2**20
    try:
        return re2.compile(pattern, options=options)
    except (re2.error, UnicodeError):
        return None


def complaints(leaf: Leaf, value: Any) -> Iterator[Complaint]:
    """What is wrong with a value that is there."""
    rules = leaf.shape.rules
    if isinstance(value, str):
        yield from _about_text(rules, value)
        if leaf.control == "date":
            yield from _about_range(leaf, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _about_number(rules, value)
    elif isinstance(value, list):
        yield from about_list(rules, value)


def is_absent(value: Any, *, is_nullable: bool) -> bool:
    """Whether `required` counts a value as missing: "" and a null that is not allowed."""
    return value is MISSING or value == "" or (value is None and not is_nullable)


def _about_text(rules: dict[str, Any], value: str) -> Iterator[Complaint]:
    if value.startswith("data:") and rules.get("format") == "data-url":
        if count(rules, "maxLength") is not None and len(value) > rules["maxLength"]:
            yield Complaint(LONG, "This file is larger than the provider takes.")
        return
    least, most = count(rules, "minLength"), count(rules, "maxLength")
    if least is not None and len(value) < least:
        yield Complaint(SHORT, f"Enter at least {least} characters.")
    if most is not None and len(value) > most:
        yield Complaint(LONG, f"Enter at most {most} characters.")
    pattern = rules.get("pattern")
    if isinstance(pattern, str):
        compiled = compiled_pattern(pattern)
        if compiled is not None and compiled.search(value) is None:
            yield Complaint(PATTERN, "This does not have the expected form.")


def _about_range(leaf: Leaf, value: str) -> Iterator[Complaint]:
    day = to_input("date", value, leaf.style)  # whatever the style it is sent in
    if day and leaf.earliest and day < leaf.earliest:
        yield Complaint(LOW, f"Enter {leaf.earliest} or later.")
    if day and leaf.latest and day > leaf.latest:
        yield Complaint(HIGH, f"Enter {leaf.latest} or earlier.")


def limits(rules: dict[str, Any]) -> Iterator[tuple[int, Decimal, str]]:
    """The bounds of a number: code, bound, sentence. Draft 4 says `exclusiveMinimum: true`
    beside `minimum`, later drafts give the bound itself."""
    low, high = _exact(rules.get("minimum")), _exact(rules.get("maximum"))
    above, below = rules.get("exclusiveMinimum"), rules.get("exclusiveMaximum")
    if low is not None:
        yield (LOW_EXCLUSIVE, low, "more than") if above is True else (LOW, low, "at least")
    if (bound := _exact(above)) is not None:
        yield LOW_EXCLUSIVE, bound, "more than"
    if high is not None:
        yield (HIGH_EXCLUSIVE, high, "less than") if below is True else (HIGH, high, "at most")
    if (bound := _exact(below)) is not None:
        yield HIGH_EXCLUSIVE, bound, "less than"


def _about_number(rules: dict[str, Any], value: int | float) -> Iterator[Complaint]:
    number = Decimal(str(value))
    for code, bound, words in limits(rules):
        is_wrong = {
            LOW: number < bound,
            LOW_EXCLUSIVE: number <= bound,
            HIGH: number > bound,
            HIGH_EXCLUSIVE: number >= bound,
        }[code]
        if is_wrong:
            yield Complaint(code, f"Enter {words} {bound:f}.")
    factor = _exact(rules.get("multipleOf", rules.get("divisibleBy")))
    if factor and abs(number.adjusted() - factor.adjusted()) < 25 and number % factor:
        yield Complaint(FACTOR, f"Enter a multiple of {factor:f}.")


def about_list(rules: dict[str, Any], values: list[Any]) -> Iterator[Complaint]:
    least, most = count(rules, "minItems"), count(rules, "maxItems")
    if least is not None and len(values) < least:
        yield Complaint(FEW, f"At least {least} needed, {len(values)} given.")
    if most is not None and len(values) > most:
        yield Complaint(MANY, f"At most {most} allowed, {len(values)} given.")
    different = {json.dumps(value, sort_keys=True) for value in values}
    if rules.get("uniqueItems") is True and len(different) < len(values):
        yield Complaint(TWICE, "The same entry is there twice.")


def count(rules: dict[str, Any], word: str) -> int | None:
    """A limit that counts something, None where it is none."""
    number = rules.get(word)
    return number if type(number) is int and number >= 0 else None


def _exact(number: Any) -> Decimal | None:
    """A bound without rounding; None for booleans and what cannot be printed sensibly."""
    if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > 10**30:
        return None
    return Decimal(str(number))


# ---------------------------------------------------------------------- the provider's own messages

_REFERENCE = re.compile(r"\{\{\s*(value|viewValue|title|schema\.\w+)\s*\}\}")


def message(words: Wording, complaint: Complaint, value: Any, rules: dict[str, Any]) -> str:
    """The provider's message for a complaint, else ours."""
    own = words.messages
    if isinstance(own, dict):
        named = {str(key): text for key, text in own.items()}
        own = named.get(str(complaint.code), named.get("default"))
    if not isinstance(own, str) or not own.strip():
        return complaint.text

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "title":
            return words.title
        found = rules.get(name[7:], "") if name.startswith("schema.") else value
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
    except (ValidationError, ValueError):
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
