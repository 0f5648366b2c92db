"""Providers by module name: `providers/adapters/<key>.py` holds one Adapter subclass. A package of
its own names its module under the entry point group `annunciator.adapters`, by the provider's key.

There is no list to edit; a module whose name starts with `_` is not a provider.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from providers import adapters
from providers.adapter import Adapter

GROUP = "annunciator.adapters"

log = logging.getLogger(__name__)


@cache
def all_adapters() -> dict[str, type[Adapter]]:
    """Adapter classes by key, in alphabetical order. One of an outside package that cannot be used
    is left out and logged; the system checks say why."""
    found = {key: adapter_in(module) for key, module in own_modules().items()}
    for key, module in outside_modules().items():
        try:
            found[key] = adapter_in(module)
        except Exception as error:  # noqa: BLE001 - a package of somebody else must not stop us
            log.error("provider %s of %s is left out: %s", key, module, type(error).__name__)
    return dict(sorted(found.items()))


def own_modules() -> dict[str, str]:
    """The providers that come with Annunciator: their modules by key."""
    names = (module.name for module in pkgutil.iter_modules(adapters.__path__))
    return {name: f"{adapters.__name__}.{name}" for name in names if not name.startswith("_")}


def outside_modules() -> dict[str, str]:
    """Those of installed packages; none of them takes the key of one of ours."""
    points = entry_points(group=GROUP)
    return {point.name: point.module for point in points if point.name not in own_modules()}


def adapter_class(key: str) -> type[Adapter]:
    """Raises KeyError for an unknown key."""
    return all_adapters()[key]


def is_known(key: str) -> bool:
    return key in all_adapters()


def adapter_in(name: str) -> type[Adapter]:
    """The one Adapter that the module defines. Raises ImportError for none or several, and whatever
    its import raises."""
    module = importlib.import_module(name)
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
