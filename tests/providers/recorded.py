"""What stands beside the adapters: recorded exchanges, `suite.json`, and pointers into them.

Beside the providers of `providers/adapters/` the suite plays Oddly, whose API is as no other is,
and those of installed packages, whose fixtures stand in `fixtures/` beside their module.
"""

from __future__ import annotations

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from providers.adapter import Adapter
from providers.registry import adapter_class, all_adapters, outside_modules
from tests.providers.oddly import Oddly

INVENTED: dict[str, type[Adapter]] = {"oddly": Oddly}
KEYS = [*all_adapters(), *INVENTED]
FIXTURES = Path(__file__).parent / "adapters" / "fixtures"


def class_of(key: str) -> type[Adapter]:
    return INVENTED.get(key) or adapter_class(key)


@cache
def folder_of(key: str) -> Path:
    if module := outside_modules().get(key):
        return Path(str(importlib.import_module(module).__file__)).parent / "fixtures"
    return FIXTURES / key


@cache
def _text(key: str, name: str) -> str:
    return (folder_of(key) / f"{name}.json").read_text("utf-8")


def exchange(key: str, name: str) -> dict[str, Any]:
    """A fixture, a fresh copy each time."""
    content: dict[str, Any] = json.loads(_text(key, name))
    return content


def declaration(key: str) -> dict[str, Any]:
    return exchange(key, "suite") if (folder_of(key) / "suite.json").exists() else {}


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


def leads_to(value: Any, steps: list[str]) -> Any:
    """What a JSON pointer leads to."""
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def holds(value: Any, wanted: Any) -> bool:
    """Whether a JSON value has all that is wanted: objects may have more, lists may not."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(name in value and holds(value[name], each) for name, each in wanted.items())
    return bool(value == wanted and isinstance(value, bool) == isinstance(wanted, bool))
