"""Values against a schema, by the library `jsonschema`, within limits.

The schema is a stranger's: references stay inside it, patterns run in RE2, and a value that would
take too many steps is given up (`TooMuch`), since schemas of a few lines can unfold without end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from executions.forms.schema_dialects import Translation, compiled_pattern, is_number

MAX_STEPS = 100_000  # keywords looked at for one value
MAX_ERRORS = 200

_steps: ContextVar[int] = ContextVar("steps")

T = TypeVar("T")
Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


class TooMuch(Exception):
    """The value was not checked to its end. What was not found is no proof."""


class Validation:
    """One schema, ready to look at values. `unchecked` names the rules it cannot follow."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.translation = Translation(root)
        self.unchecked = self.translation.unchecked
        self.validator = _Validator(self.translation.schema, registry=Registry())
        self.parts: dict[int, tuple[Any, Any]] = {}

    def errors(self, value: Any) -> list[ValidationError]:
        """What is wrong with a whole value. Raises TooMuch."""
        return _within_limits(lambda: list(islice(self.validator.iter_errors(value), MAX_ERRORS)))

    def fits(self, value: Any, schema: Any) -> bool:
        """Whether a value is as a part of the schema says. Raises TooMuch."""
        known = self.parts.get(id(schema))
        if known is None:
            part = self.validator.evolve(schema=self.translation.part(schema))
            known = self.parts[id(schema)] = (schema, part)
        return _within_limits(lambda: bool(known[1].is_valid(value)))


@contextmanager
def one_limit() -> Iterator[None]:
    """Everything looked at inside shares the steps of one value."""
    token = _steps.set(MAX_STEPS)
    try:
        yield
    finally:
        _steps.reset(token)


def _within_limits(look: Callable[[], T]) -> T:
    try:
        with nullcontext() if _steps.get(None) is not None else one_limit():
            return look()
    except RecursionError as error:
        raise TooMuch from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of the library's part in Rust, for the same
            raise TooMuch from error
        raise


def _counted(keyword: Keyword) -> Keyword:
    def count(validator: Any, rule: Any, value: Any, schema: Any) -> Any:
        weight = 1 + (len(rule) // 50 if isinstance(rule, list | dict) else 0)
        left = _steps.get() - weight
        if left < 0:
            raise TooMuch
        _steps.set(left)
        return keyword(validator, rule, value, schema)

    return count


# --------------------------------------------------------------------- keywords of our own


def _pattern(validator: Any, rule: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _is_found(rule, value):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, rule: dict[str, Any], value: Any, schema: Any
) -> Iterator[ValidationError]:
    for pattern, below in rule.items() if isinstance(value, dict) else ():
        for name, item in value.items():
            if _is_found(pattern, name):
                yield from validator.descend(item, below, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, rule: Any, value: Any, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    patterns = schema.get("patternProperties", {})
    for name in value if isinstance(value, dict) else ():
        is_known = name in schema.get("properties", {})
        if not is_known and not any(_is_found(pattern, name) for pattern in patterns):
            yield from validator.descend(value[name], rule, path=name)


def _is_found(pattern: str, text: str) -> bool:
    compiled = compiled_pattern(pattern)
    return compiled is None or compiled.search(text) is not None


def _multiple_of(
    validator: Any, rule: int | float, value: Any, schema: Any
) -> Iterator[ValidationError]:
    """In decimals, as people write numbers: 19.99 is a multiple of 0.01."""
    if not is_number(value):
        return
    number, factor = Decimal(str(value)), Decimal(str(rule))
    if abs(number.adjusted() - factor.adjusted()) < 25 and number % factor:
        yield ValidationError("is no multiple")


def _unique_items(
    validator: Any, rule: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:  # fmt: skip
    if not isinstance(value, list):
        return
    if len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
        yield ValidationError("is there twice")


def _any_of(
    validator: Any, rule: list[Any], value: Any, schema: Any
) -> Iterator[ValidationError]:  # fmt: skip
    """Without the value and the schemas in the message, which may be large."""
    context: list[ValidationError] = []
    for index, branch in enumerate(rule):
        errors = list(validator.descend(value, branch, schema_path=index))
        if not errors:
            return
        context += errors
    yield ValidationError("fits none of the alternatives", context=context)


def _one_of(
    validator: Any, rule: list[Any], value: Any, schema: Any
) -> Iterator[ValidationError]:  # fmt: skip
    fitting = [branch for branch in rule if validator.evolve(schema=branch).is_valid(value)]
    if not fitting:
        yield from _any_of(validator, rule, value, schema)
    elif len(fitting) > 1:
        yield ValidationError("fits several of the alternatives")


_OWN: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
_Validator = extend(
    Draft202012Validator,
    {
        word: _counted(keyword)
        for word, keyword in {**Draft202012Validator.VALIDATORS, **_OWN}.items()
    },
)
