"""What the form to start a run begins with where a person wants that: the input of another run, or
what they typed at their last start, as far as the form asks for it. Secrets and what cannot be kept
are not stored: people type them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executions.models import Execution, ExecutionDetail
from providers import exact_json
from providers.contract import Field
from providers.forms import MAX_JSON, MAX_TEXT
from providers.redaction import MASK
from providers.secret_names import is_hidden


@dataclass(frozen=True)
class Filled:
    values: dict[str, Any]
    """By `Field.key`."""
    left_out: tuple[str, ...] = ()
    """What has to be typed again, by the names that the person knows."""
    problem: str = ""


def filled(run: Execution, fields: Sequence[Field]) -> Filled:
    """One query."""
    given = ExecutionDetail.objects.filter(pk=run.pk).values_list("input", flat=True).first()
    if isinstance(given, dict) and given.get("_truncated") is True:
        return Filled({}, problem="The input of that run is too large to be stored in full.")
    return fit(run.account.adapter_class.arguments_of(given), fields)


def fit(arguments: Mapping[str, Any], fields: Sequence[Field]) -> Filled:
    """What of these arguments, by `Field.key`, the form takes."""
    values: dict[str, Any] = {}
    left_out: list[str] = []
    for field in fields:
        if arguments.get(field.key) in (None, "", {}):
            continue
        value = arguments[field.key]
        if field.kind == "json":
            value = _without_secrets(value, left_out)
        if _is_taken(field, value):
            values[field.key] = value
        else:
            left_out.append(field.label)
    return Filled(values, tuple(dict.fromkeys(left_out)))


def _is_taken(field: Field, value: Any) -> bool:
    if field.secret or field.kind == "file" or is_hidden(field.key, value) or _is_masked(value):
        return False
    if field.kind == "json":
        return len(exact_json.write(value)) <= MAX_JSON
    if field.kind == "choice":
        return str(value) in [key for key, _ in field.choices]
    if field.kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str | int | float) and len(str(value)) <= MAX_TEXT


def _without_secrets(value: Any, left_out: list[str]) -> Any:
    """An object without the entries that were masked, whose names go into `left_out`. A list with a
    masked item is left out whole: with an item less it would be another list."""
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, each in value.items():
        if key == exact_json.TWICE:
            continue
        each = _without_secrets(each, left_out)
        if is_hidden(key, each) or _is_masked(each):
            left_out.append(key)
        else:
            kept[key] = each
    return kept


def _is_masked(value: Any) -> bool:
    if isinstance(value, str):
        return MASK in value or exact_json.NOTE in value
    if isinstance(value, list):
        return any(_is_masked(each) for each in value)
    return isinstance(value, dict) and any(
        is_hidden(key, each) or _is_masked(each) for key, each in value.items()
    )
