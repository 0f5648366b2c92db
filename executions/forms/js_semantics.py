"""JavaScript's idea of truth, sameness and order, for the conditions of forms."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from executions.forms.json_path import MISSING

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def is_true(value: Any) -> bool:
    if isinstance(value, list | dict):
        return True
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def is_same(one: Any, other: Any) -> bool:
    if _kind(one) != _kind(other):
        return False
    return one is other if _kind(one) == "other" else bool(one == other)


def _is_alike(one: Any, other: Any) -> bool:
    nothing = (None, MISSING)
    if any(one is item for item in nothing) or any(other is item for item in nothing):
        return any(one is item for item in nothing) and any(other is item for item in nothing)
    if _kind(one) == _kind(other) or "other" in (_kind(one), _kind(other)):
        return is_same(one, other)
    return bool(to_number(one) == to_number(other))


def to_number(value: Any) -> int | float:
    if value is None:
        return 0
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0
        if len(text) < 40 and _DECIMAL.fullmatch(text):
            return float(text)
    return math.nan


def _is_less(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    return to_number(one) < to_number(other)


def _is_at_most(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one <= other
    return to_number(one) <= to_number(other)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "===": is_same,
    "!==": lambda one, other: not is_same(one, other),
    "==": _is_alike,
    "!=": lambda one, other: not _is_alike(one, other),
    "<": _is_less,
    ">": lambda one, other: _is_less(other, one),
    "<=": _is_at_most,
    ">=": lambda one, other: _is_at_most(other, one),
}
