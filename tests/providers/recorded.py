"""What stands beside the adapters: recorded exchanges, `suite.json`, and pointers into them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "adapters" / "fixtures"


@cache
def _text(key: str, name: str) -> str:
    return (FIXTURES / key / f"{name}.json").read_text("utf-8")


def exchange(key: str, name: str) -> dict[str, Any]:
    """A fixture, a fresh copy each time."""
    content: dict[str, Any] = json.loads(_text(key, name))
    return content


def declaration(key: str) -> dict[str, Any]:
    return exchange(key, "suite") if (FIXTURES / key / "suite.json").exists() else {}


def put(value: Any, steps: list[str], word: Any) -> None:
    """Set what a JSON pointer leads to; `*` is every item of a list or an object."""
    first, *rest = steps
    for key in _keys(value, first):
        if rest:
            put(value[key], rest, word)
        else:
            value[key] = word


def _keys(value: Any, step: str) -> list[Any]:
    if step == "*":
        return list(value) if isinstance(value, dict) else list(range(len(value)))
    return [int(step) if isinstance(value, list) else step]
