"""Wrong settings, found before anything runs: Django system checks, each with an id and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from providers import registry
from providers.address_policy import Policy
from providers.models import ProviderAccount
from providers.sealing import SealError

GUIDE = "providers/README.md says what a provider's module defines."
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
    """Every provider module loads and defines one complete adapter. One of an outside package that
    does not is only a warning: the others work."""
    problems: list[CheckMessage] = []
    for key, module in registry.own_modules().items():
        if why := _why_unfit(module):
            problems.append(
                Error(f"The provider {key} cannot be used: {why}", hint=GUIDE, id="providers.E005")
            )
    for key, module in registry.outside_modules().items():
        if why := _why_unfit(module):
            problems.append(
                Warning(
                    f"The provider {key} of the package {module} is left out: {why}",
                    hint=f"{GUIDE} Install another version of the package, or remove it.",
                    id="providers.W001",
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
        adapter = registry.adapter_in(name)
    except Exception as error:  # noqa: BLE001 - a module may raise anything while it is imported
        return f"{type(error).__name__}: {error}"
    missing = sorted(adapter.__abstractmethods__)
    missing += [word for word in ("name", "docs", "settings") if not hasattr(adapter, word)]
    return f"it does not define {', '.join(missing)}." if missing else ""
