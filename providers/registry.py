"""Providers by module name: `providers/adapters/<key>.py` holds one Adapter subclass.

There is no list to edit; a module whose name starts with `_` is not a provider.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from providers import adapters
from providers.adapter import Adapter


@cache
def all_adapters() -> dict[str, type[Adapter]]:
    """Adapter classes by key, in alphabetical order."""
    keys = sorted(module.name for module in pkgutil.iter_modules(adapters.__path__))
    return {key: _adapter_in(key) for key in keys if not key.startswith("_")}


def adapter_class(key: str) -> type[Adapter]:
    """Raises KeyError for an unknown key."""
    return all_adapters()[key]


def is_known(key: str) -> bool:
    return key in all_adapters()


def _adapter_in(key: str) -> type[Adapter]:
    module = importlib.import_module(f"{adapters.__name__}.{key}")
    found = [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and issubclass(item, Adapter)
        and item.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ImportError(f"{module.__name__} must define exactly one Adapter, has {len(found)}")
    return found[0]
