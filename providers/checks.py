"""Wrong settings, found before anything runs: Django system checks, each with an id and a hint."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from providers import adapters
from providers.adapter import Adapter
from providers.address_policy import Policy
from providers.models import ProviderAccount
from providers.sealing import SealError

NEW_KEY = (
    "Make one with: python -c 'from cryptography.fernet import Fernet; "
    "print(Fernet.generate_key().decode())'"
)


@register(Tags.security)
def credential_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    keys = settings.CREDENTIAL_KEYS
    if not keys:
        return [Error("CREDENTIAL_KEYS is empty.", hint=NEW_KEY, id="providers.E001")]
    problems: list[CheckMessage] = []
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            problems.append(
                Error(
                    f"Key {number} of CREDENTIAL_KEYS is no Fernet key.",
                    hint=NEW_KEY,
                    id="providers.E002",
                )
            )
    if settings.SECRET_KEY in keys:
        problems.append(
            Error(
                "SECRET_KEY is also one of CREDENTIAL_KEYS.",
                hint="Give each its own value: whoever learns one must not hold the other.",
                id="providers.E003",
            )
        )
    return problems


@register(Tags.security)
def allowed_networks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for text in settings.ANNUNCIATOR_ALLOWED_NETWORKS:
        try:
            Policy.from_cidrs([text])
        except ValueError:
            problems.append(
                Error(
                    f"ANNUNCIATOR_ALLOWED_NETWORKS holds {text!r}, which is no network.",
                    hint="Write networks like 10.20.0.0/16, separated by commas.",
                    id="providers.E004",
                )
            )
    return problems


@register()
def adapter_modules(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every provider module loads and defines one complete adapter."""
    problems: list[CheckMessage] = []
    for module in pkgutil.iter_modules(adapters.__path__):
        if module.name.startswith("_"):
            continue
        why = _why_unfit(module.name)
        if why:
            problems.append(
                Error(
                    f"The provider {module.name} cannot be used: {why}",
                    hint="providers/README.md says what a provider's module defines.",
                    id="providers.E005",
                )
            )
    return problems


@register(Tags.database)
def stored_credentials(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Every stored credential opens with CREDENTIAL_KEYS."""
    if "default" not in (databases or ()):
        return []
    if ProviderAccount._meta.db_table not in connections["default"].introspection.table_names():
        return []
    problems: list[CheckMessage] = []
    for account in ProviderAccount.objects.exclude(sealed_credentials=""):
        try:
            account.credentials()
        except (SealError, ValueError) as error:
            problems.append(
                Error(
                    f"The credentials of the account {account.name} do not open: {error}",
                    hint="Put the old key back behind the new one, or type the credentials again.",
                    id="providers.E006",
                )
            )
    return problems


def _why_unfit(name: str) -> str:
    """ "" if the module is as `registry` wants it."""
    try:
        module = importlib.import_module(f"{adapters.__name__}.{name}")
    except (ImportError, SyntaxError, TypeError, ValueError, NameError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    own = [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and issubclass(item, Adapter)
        and item.__module__ == module.__name__
    ]
    if len(own) != 1:
        return f"it must define exactly one Adapter, has {len(own)}."
    missing = sorted(own[0].__abstractmethods__)
    missing += [word for word in ("name", "docs", "settings") if not hasattr(own[0], word)]
    return f"it does not define {', '.join(missing)}." if missing else ""
