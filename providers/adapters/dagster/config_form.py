"""The run config of a job as fields of a form, by the schema that Dagster has of it, and back.

A field stands for a leaf of the schema, its key is the path to it: `ops__fetch__config__count`.
What is no plain value is entered as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from providers.contract import Field
from providers.http import parse_json

MOST = 60  # leaves of a form: of more, the whole config is entered as JSON
DEEPEST = 12
WHOLE = "arguments"
PARTITION = "partition"
MOST_CHOICES = 200
AS_JSON = ("execution", "loggers")  # the same for every job, and rarely touched
KINDS: Mapping[str, Literal["text", "integer", "boolean"]] = {
    "String": "text",
    "Int": "integer",
    "Bool": "boolean",
}

Path = tuple[str, ...]


@dataclass(frozen=True)
class Leaf:
    """A place in the run config, and the field that asks for it."""

    path: Path
    field: Field


def leaves(schema: Mapping[str, Any]) -> tuple[Leaf, ...]:
    """None of a schema that is too large for a form."""
    types = {each["key"]: each for each in schema["allConfigTypes"]}
    root = types[schema["rootConfigType"]["key"]]
    found = tuple(_below(root, types, (), is_needed=True))
    rest = [leaf for leaf in found if leaf.path[0] not in AS_JSON]
    return found if rest and len(found) <= MOST else ()


def _below(
    kind: Mapping[str, Any], types: Mapping[str, Any], path: Path, *, is_needed: bool
) -> Iterator[Leaf]:
    for about in sorted(kind["fields"], key=lambda each: not path and each["name"] in AS_JSON):
        place = (*path, about["name"])
        is_required = is_needed and about["isRequired"]
        inner = types.get(about["configTypeKey"], {})
        is_open = inner.get("fields") and not inner["isSelector"] and len(place) < DEEPEST
        if is_open and about["name"] not in AS_JSON:
            yield from _below(inner, types, place, is_needed=is_required)
        elif not _is_idle(about, inner):
            yield Leaf(place, _field(about, inner, types, place, is_required=is_required))


def _is_idle(about: Mapping[str, Any], kind: Mapping[str, Any]) -> bool:
    """The config of what takes none: anything, and nothing needed."""
    is_free = kind.get("givenName") == "Any" or kind.get("fields") == []
    return is_free and not about["isRequired"] and about["defaultValueAsJson"] in (None, "{}")


def _field(
    about: Mapping[str, Any],
    kind: Mapping[str, Any],
    types: Mapping[str, Any],
    path: Path,
    *,
    is_required: bool,
) -> Field:
    if "ofType" in kind:  # it may be null
        kind, is_required = types.get(kind["ofType"]["key"], {}), False
    if "scalarTypeKey" in kind:  # a plain value, or the name of a variable that holds it
        kind = types.get(kind["scalarTypeKey"], {})
    default = None if path[-1] in AS_JSON else _default(about)
    words = tuple(each["value"] for each in kind.get("values") or ())
    plain: Any = KINDS.get(kind.get("givenName", ""), "json")
    return Field(
        key=key_of(path),
        label=label_of(path),
        help=about["description"] or "",
        kind="choice" if words else plain,
        required=is_required and default is None,
        default="" if default is None else default,
        choices=tuple((word, word) for word in words),
    )


def _default(about: Mapping[str, Any]) -> Any:
    text = about["defaultValueAsJson"]
    return None if text is None else parse_json(text.encode())


def key_of(path: Path) -> str:
    return "__".join(path)


def label_of(path: Path) -> str:
    """ "fetch: count" for ops.fetch.config.count."""
    inner = path[1:] if len(path) > 1 else path
    words = [word for word in inner if word not in ("config", "ops")] or list(inner)
    return words[0] if len(words) == 1 else f"{words[0]}: {'.'.join(words[1:])}"


def partition_field(keys: list[str]) -> Field:
    is_choice = len(keys) <= MOST_CHOICES
    return Field(
        key=PARTITION,
        label="Partition",
        kind="choice" if is_choice else "text",
        choices=tuple((key, key) for key in keys) if is_choice else (),
    )


def whole_field() -> Field:
    help_text = "A JSON object, which the job gets as its run config."
    return Field(key=WHOLE, label="Run config", kind="json", required=False, help=help_text)


def write_config(found: tuple[Leaf, ...], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The run config that a filled form means. A field left empty stands for the job's default."""
    config: dict[str, Any] = {}
    for leaf in found:
        value = arguments.get(leaf.field.key)
        if value is None or (value == "" and leaf.field.default == ""):
            continue
        place = config
        for name in leaf.path[:-1]:
            place = place.setdefault(name, {})
        place[leaf.path[-1]] = value
    return config


def flat(config: Any, path: Path = ()) -> Iterator[tuple[str, Any]]:
    """Every value of a run config by the key that its field would have."""
    if path:
        yield key_of(path), config
    if isinstance(config, Mapping) and len(path) < DEEPEST:
        for name, inner in config.items():
            yield from flat(inner, (*path, str(name)))
