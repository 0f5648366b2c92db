"""Complaints of the whole schema, put at the fields that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from executions.forms.compiled_nodes import Group, Leaf
from executions.forms.instance_nodes import Drawn
from executions.forms.json_path import Path, is_below, key_text
from executions.forms.value_rules import (
    ALTERNATIVES,
    REQUIRED,
    REQUIRED_WORDS,
    Complaint,
    complaint_of,
)

MAX_NAMED = 10  # properties named in one sentence


@dataclass(frozen=True)
class Placed:
    """A complaint about what is at `path` in the body. `instance_nodes` is its field; without one
    `inside` are the fields that can mend it."""

    path: Path
    complaint: Complaint
    drawn: Drawn | None = None
    inside: tuple[Drawn, ...] = ()


def placed(errors: list[ValidationError], places: dict[Path, Drawn]) -> Iterator[Placed]:
    """In the order of the schema. One error may be about several fields."""
    for error in errors:
        yield from _placed(error, places)


def _placed(error: ValidationError, places: dict[Path, Drawn]) -> Iterator[Placed]:
    path = tuple(error.absolute_path)
    for name in missing(error):
        yield Placed((*path, name), Complaint(REQUIRED, REQUIRED_WORDS), _field(path, name, places))
    if error.validator in ("required", "dependentRequired"):
        return
    near, rest = _nearest(path, places)
    if "propertyNames" in error.absolute_schema_path:
        yield Placed((*path, str(error.instance)), complaint_of(error), near)
        return
    if error.context and (near is None or rest):
        yield from _alternatives(error, path, places)
        return
    is_file = near is not None and near.control == "file"
    complaint = _of_field(error) if error.context else complaint_of(error, is_file=is_file)
    if rest and isinstance(near, Drawn) and near.control == "json":
        complaint = Complaint(complaint.code, f"{key_text(rest)}: {complaint.text}")
    yield Placed(path, complaint, near, _fields(places, path, places))


def _fields(some: Iterable[Path], path: Path, places: dict[Path, Drawn]) -> tuple[Drawn, ...]:
    """The fields at some paths below `path`."""
    below = (at for at in some if len(at) > len(path) and is_below(at, path))
    return tuple(places[at] for at in below if at in places and places[at].is_field)


def missing(error: ValidationError) -> list[str]:
    """The properties that one complaint finds missing."""
    rule, value = error.validator_value, error.instance
    if error.validator == "required":
        return [name for name in rule if name not in value]
    if error.validator == "dependentRequired":
        names = [name for known, names in rule.items() if known in value for name in names]
        return [name for name in dict.fromkeys(names) if name not in value]
    return []


def _field(path: Path, name: str, places: dict[Path, Drawn]) -> Drawn | None:
    drawn = places.get((*path, name))
    if drawn is not None:
        return drawn if drawn.is_field else None
    near = _nearest(path, places)[0]
    return near if near is not None and near.control == "json" else None


def _nearest(path: Path, places: dict[Path, Drawn]) -> tuple[Drawn | None, Path]:
    """The field that holds what is at `path`, and the way from it."""
    for length in range(len(path), 0, -1):
        drawn = places.get(path[:length])
        if drawn is not None and not isinstance(drawn.node, Group):
            is_holder = isinstance(drawn.node, Leaf) or length == len(path)
            return (drawn, path[length:]) if is_holder and drawn.is_field else (None, ())
    return None, ()


def _alternatives(
    error: ValidationError, path: Path, places: dict[Path, Drawn]
) -> Iterator[Placed]:  # fmt: skip
    """The complaints of the alternative that is meant, or one sentence about all of them."""
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context:
        branches.setdefault(each.relative_schema_path[0], []).append(each)
    meant = [each for each in branches.values() if not any(map(_is_choice, each))]
    if len(meant) == 1:
        for each in meant[0]:
            yield from _placed(each, places)
        return
    near = _nearest(path, places)[0]
    names = [(*each.absolute_path, name) for each in error.context for name in missing(each)]
    text = "This matches none of the provider's alternatives."
    if names and all(map(missing, error.context)):
        titles = dict.fromkeys(_title(name, places) for name in names)
        text = f"Fill in at least one of these: {', '.join(list(titles)[:MAX_NAMED])}."
    concerned = [*names, *(tuple(each.absolute_path) for each in error.context)]
    yield Placed(path, Complaint(ALTERNATIVES, text), near, _fields(concerned, path, places))


def _is_choice(error: ValidationError) -> bool:
    return error.validator in ("const", "enum")


def _title(path: Path, places: dict[Path, Drawn]) -> str:
    return (places[path].words.title if path in places else "") or key_text(path[-1:])


def _of_field(error: ValidationError) -> Complaint:
    """Alternatives of one value: its types, its choices, or the first complaint."""
    context = list(error.context)
    types = [each for each in context if each.validator == "type" and not each.relative_path]
    if len(types) == len(context):
        named = [word for each in types for word in each.validator_value]
        first = types[0]
        first.validator_value = list(dict.fromkeys(named))
        return complaint_of(first)
    meant = [each for each in context if each not in types]
    return complaint_of(meant[0])
