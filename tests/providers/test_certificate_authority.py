"""A certificate authority of one's own: typed into the account, checked, believed by it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from executions.accounts import yaml_apply
from providers import connection_test
from providers.forms import account_form
from providers.models import ProviderAccount
from providers.save_account import AccountDraft, set_up, trial_account
from tests.providers.authority import Authority, secure_server

pytestmark = [pytest.mark.django_db, pytest.mark.fault("N5")]


@pytest.fixture(scope="module")
def own() -> Authority:
    return Authority("Own authority")


def typed(authority: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "Inside", "enabled": "on", "setting_base_url": "https://flows.example.com",
        "credential_api_key": "made-up-key", "certificate_authority": authority, **more,
    }  # fmt: skip


def problems(authority: str) -> list[str]:
    form = account_form("smartflows")(typed(authority))
    return [str(each) for each in form.errors.get("certificate_authority", [])]


def test_what_is_no_certificate_of_an_authority_is_refused(own: Authority, tmp_path: Path) -> None:
    pair = own.issue(tmp_path, "flows.example.com").read_text()
    leaf = pair[pair.index("-----BEGIN CERTIFICATE") :]
    assert problems(own.pem) == []
    assert problems("") == []
    assert "begins with" in problems("trust me")[0]
    assert "begins with" in problems(own.pem.replace("MII", "MIX", 1))[0]
    assert "private key" in problems(pair)[0]
    assert "CN=flows.example.com is not that of an authority" in problems(leaf)[0]
    assert "not that of an authority" in problems(own.pem + leaf)[0]
    assert "expired on" in problems(Authority("Old", days=-1).pem)[0]


def test_what_stands_around_the_certificate_is_not_kept(own: Authority) -> None:
    form = account_form("smartflows")(typed(f"# our own\n{own.pem}\nthe end"))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["certificate_authority"] == own.pem
    load_pem_x509_certificate(form.cleaned_data["certificate_authority"].encode())


def test_a_provider_on_the_premises_is_reached(own: Authority, tmp_path: Path) -> None:
    with secure_server(own.issue(tmp_path, "127.0.0.1")) as server:
        settings = {"base_url": f"https://127.0.0.1:{server.server_port}"}
        draft: dict[str, Any] = {"provider": "smartflows", "settings": settings}
        draft["credentials"] = {"api_key": "made-up-key"}
        trial = connection_test.try_account(trial_account(None, AccountDraft(**draft)))
        assert "not trusted: its issuer is unknown here" in trial.says
        assert server.seen == []
        account = ProviderAccount(name="Inside")
        set_up(account, AccountDraft(**draft, authority=own.pem), by="ana")
        account.refresh_from_db()
        trial = connection_test.try_account(account)
        assert "not trusted" not in trial.says
        assert server.seen


def test_another_authority_forgets_the_credentials(own: Authority) -> None:
    """Whoever may edit an account could else read them, with a server of their own between."""
    account = ProviderAccount(name="Inside")
    draft: dict[str, Any] = {
        "provider": "smartflows",
        "settings": {"base_url": "https://a.example"},
    }
    set_up(account, AccountDraft(**draft, credentials={"api_key": "made-up-key"}), by="ana")
    again = typed(own.pem, credential_api_key="", setting_base_url="https://a.example")
    form = account_form("smartflows", account)(again, instance=account)
    assert "certificate authority changes" in str(form.errors["credential_api_key"])
    account.refresh_from_db()
    revision = account.revision
    changes = set_up(account, AccountDraft(**draft, authority=own.pem), by="ana")
    account.refresh_from_db()
    assert account.credentials() == {}
    assert account.revision == revision + 1
    told = " ".join(map(str, changes))
    assert "settings.certificate_authority: nothing -> sha256 " in told
    assert "credentials.api_key removed" in told
    assert "BEGIN" not in told


def test_a_file_of_accounts_names_it(own: Authority) -> None:
    lines = "".join(f"      {line}\n" for line in own.pem.splitlines())
    text = f"""
accounts:
  - name: Inside
    provider: smartflows
    settings: {{base_url: "https://flows.example.com"}}
    credentials: {{api_key: made-up-key}}
    certificate_authority: |
{lines}"""
    yaml_apply.apply(text, {})
    account = ProviderAccount.objects.get()
    assert account.certificate_authority == own.pem
    assert account.credentials() == {"api_key": "made-up-key"}
