"""Wrong settings are found by `manage.py check`, with an id and a hint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks

from providers import adapters, checks
from providers.models import ProviderAccount
from providers.save_account import AccountDraft, set_up


def ids(found: list[Any]) -> list[str]:
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_nothing_is_wrong_with_good_settings() -> None:
    assert ids(run_checks()) == []


def test_credential_keys_are_present_valid_and_not_djangos_key(settings: Any) -> None:
    settings.CREDENTIAL_KEYS = []
    assert ids(checks.credential_keys(None)) == ["providers.E001"]
    settings.CREDENTIAL_KEYS = ["short", Fernet.generate_key().decode()]
    assert ids(checks.credential_keys(None)) == ["providers.E002"]
    settings.SECRET_KEY = settings.CREDENTIAL_KEYS[1]
    assert ids(checks.credential_keys(None)) == ["providers.E002", "providers.E003"]


def test_a_complaint_never_shows_the_key(settings: Any) -> None:
    settings.CREDENTIAL_KEYS = ["not-a-fernet-key"]
    assert "not-a-fernet-key" not in str(checks.credential_keys(None))


def test_every_allowed_network_is_one(settings: Any) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["10.0.0.0/8", "10.0.0.1/8", "everything"]
    assert ids(checks.allowed_networks(None)) == ["providers.E004", "providers.E004"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def", "SyntaxError"),
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
        ("", "exactly one Adapter, has 0"),
        ("from providers.adapter import Adapter\nclass A(Adapter):\n    name = docs = ''", "check"),
    ],
)
def test_a_provider_module_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    name = f"acme{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setattr(adapters, "__path__", [str(tmp_path)])
    (message,) = checks.adapter_modules(None)
    assert message.id == "providers.E005"
    assert name in message.msg
    assert why in message.msg


@pytest.mark.django_db
def test_credentials_that_no_longer_open_are_named(settings: Any) -> None:
    account = ProviderAccount(name="Documents")
    draft = AccountDraft(provider="smartflows", settings={}, credentials={"api_key": "secret"})
    set_up(account, draft, by="ana")
    assert checks.stored_credentials(None, databases=["default"]) == []
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    (message,) = checks.stored_credentials(None, databases=["default"])
    assert message.id == "providers.E006"
    assert "Documents" in message.msg
