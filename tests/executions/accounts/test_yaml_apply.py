"""Accounts as code: `manage.py accounts apply | list | check`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError

from executions.models import AuditEntry
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db

GOOD = """\
accounts:
  - name: Documents
    provider: smartflows
    settings:
      base_url: https://docs.example.com/
    credentials:
      api_key: env:DOCS_KEY
  - name: Engine
    provider: prefect
    settings: {base_url: "http://127.0.0.1:4200/api"}
    enabled: false
"""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_KEY", "docs-secret")


@pytest.fixture
def apply(tmp_path: Path) -> Any:
    def run(text: str) -> str:
        path = tmp_path / "accounts.yaml"
        path.write_text(text, "utf-8")
        return said("apply", str(path))

    return run


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("accounts", *arguments, stdout=out)
    return out.getvalue()


def test_a_file_makes_the_accounts_it_names_and_prints_what_changed(apply: Any) -> None:
    text = apply(GOOD)
    docs, engine = ProviderAccount.objects.order_by("name")
    assert docs.credentials() == {"api_key": "docs-secret"}
    assert docs.settings == {"base_url": "https://docs.example.com"}
    assert engine.enabled is False
    assert "added Documents" in text
    assert "Accounts in the file: 2, changed: 2." in text
    assert "docs-secret" not in text


def test_applying_the_same_file_again_changes_nothing(apply: Any) -> None:
    apply(GOOD)
    before = list(ProviderAccount.objects.values())
    entries = AuditEntry.objects.count()
    assert "Accounts in the file: 2, changed: 0." in apply(GOOD)
    assert list(ProviderAccount.objects.values()) == before
    assert AuditEntry.objects.count() == entries


def test_an_account_that_is_there_twice_is_warned_of(apply: Any) -> None:
    again = GOOD.replace("- name: Documents", "- name: Papers")
    assert "twice" not in apply(GOOD)
    text = apply(again)
    assert "Papers: Documents has the same address and credentials" in text
    assert "Engine:" not in text
    assert "every run is there twice" in apply(
        GOOD + again.split("\n", 1)[1].split("  - name: E")[0]
    )


def test_an_account_needs_a_name_that_can_be_seen(apply: Any) -> None:
    with pytest.raises(CommandError, match="Give it a name that can be seen"):
        apply(GOOD.replace("name: Documents", 'name: "\\u200b\\u3164"'))
    assert not ProviderAccount.objects.exists()


def test_what_a_file_does_not_name_stays(apply: Any) -> None:
    apply(GOOD)
    apply("accounts: [{name: Documents, enabled: false}]")
    docs = ProviderAccount.objects.get(name="Documents")
    assert docs.enabled is False
    assert docs.credentials() == {"api_key": "docs-secret"}
    assert docs.settings == {"base_url": "https://docs.example.com"}


def test_a_new_address_without_credentials_is_refused_with_its_line(apply: Any) -> None:
    apply(GOOD)
    moved = GOOD.replace("docs.example.com", "else.example.com").replace(
        "    credentials:\n      api_key: env:DOCS_KEY\n", ""
    )
    with pytest.raises(
        CommandError, match=r"line 2: accounts\[1\] \(Documents\)\.credentials\.api"
    ):
        apply(moved)
    assert ProviderAccount.objects.get(name="Documents").credentials()


def test_a_credential_that_the_file_drops_is_removed(apply: Any) -> None:
    text = (
        "accounts: [{name: E, provider: prefect, settings: {base_url: 'http://127.0.0.1/api'}%s}]"
    )
    apply(text % ", credentials: {api_key: abcdef}")
    apply(text % ", credentials: {}")
    assert ProviderAccount.objects.get(name="E").credentials() == {}


def test_accounts_are_audited_without_their_secrets(apply: Any) -> None:
    apply(GOOD)
    entry = AuditEntry.objects.get(account_name="Documents")
    assert (entry.actor, entry.action) == ("accounts file", "account.added")
    assert "credentials.api_key set" in entry.detail["changes"]
    assert "docs-secret" not in json.dumps(list(AuditEntry.objects.values("detail", "target")))


FIRST, SECOND = "accounts[1] (Documents)", "accounts[2] (Engine)"
OFF = "    enabled: false"
MISTAKES = [
    ("base_url: https://docs", "base_url: ftp://docs", 5, f"{FIRST}.settings.base_url"),
    ("base_url: https", "api_key: x\n      base_url: https", 5, f"{FIRST}.settings.api_key"),
    ("env:DOCS_KEY", "env:NOT_SET", 7, f"{FIRST}.credentials.api_key"),
    ("env:DOCS_KEY", "12345", 7, f"{FIRST}.credentials.api_key"),
    ("env:DOCS_KEY", "2026-13-45", 7, f"{FIRST}.credentials.api_key"),
    ("api_key: env", "apikey: env", 7, f"{FIRST}.credentials.apikey"),
    ("provider: smartflows", "provider: smartflow", 3, f"{FIRST}.provider"),
    ("- name: Documents", "- name: [Documents]", 2, "accounts[1].name"),
    ("name: Engine", "name: Documents", 8, "accounts[2].name"),
    (OFF, "    enabeld: false", 11, "accounts[2].enabeld"),
    (OFF, "    enabled: maybe", 11, f"{SECOND}.enabled"),
    (OFF, "    group: nobody", 11, f"{SECOND}.group"),
    (OFF, "    poll_every: fast", 11, f"{SECOND}.poll_every"),
    (OFF, f"{OFF}\n    enabled: true", 12, "accounts[2].enabled"),
    (OFF, "   enabled: false", 11, "this is not valid YAML"),
    (OFF, "    enabled: !!python/object:os.system x", 11, "this is not valid YAML"),
    ("accounts:", "acounts:", 1, "acounts"),
]


@pytest.mark.parametrize(("old", "new", "line", "place"), MISTAKES)
def test_a_bad_file_names_line_and_field_and_applies_nothing(
    apply: Any, old: str, new: str, line: int, place: str
) -> None:
    assert old in GOOD
    with pytest.raises(CommandError) as error:
        apply(GOOD.replace(old, new))
    assert f"line {line}: {place}: " in str(error.value)
    assert "docs-secret" not in str(error.value)
    assert ProviderAccount.objects.count() == 0


@pytest.mark.parametrize("text", ["", "[]", "accounts: 7", "a: &x [*x]", "\x00", "[" * 20000])
def test_what_is_no_accounts_file_is_refused_in_words(apply: Any, text: str) -> None:
    with pytest.raises(CommandError, match=r"line \d+: "):
        apply(text)


def test_every_problem_is_told_at_once(apply: Any) -> None:
    with pytest.raises(CommandError) as error:
        apply(GOOD.replace("https://docs", "ftp://docs").replace('"http://127', '"gopher://127'))
    assert "line 5: " in str(error.value)
    assert "line 10: " in str(error.value)


def test_an_account_is_given_to_an_existing_group(apply: Any) -> None:
    group = Group.objects.create(name="finance")
    apply(GOOD + "    group: finance\n")
    assert ProviderAccount.objects.get(name="Engine").group == group


def test_the_list_is_json_without_secrets(apply: Any) -> None:
    apply(GOOD)
    rows = json.loads(said("list", "--json"))
    assert [row["name"] for row in rows] == ["Documents", "Engine"]
    assert set(rows[0]["credentials"]["api_key"]) == {"set_on", "by", "fingerprint"}
    assert "docs-secret" not in json.dumps(rows)


def test_a_check_says_who_one_is_and_what_the_account_can_do(apply: Any, server: Any) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana"}})
    apply(GOOD.replace("https://docs.example.com/", server.url))
    text = said("check", "Documents")
    assert "connected. Signed in as Ana." in text
    assert "It can: answer questions" in text


def test_a_check_that_fails_ends_with_a_sentence(apply: Any, server: Any) -> None:
    server.on("GET", "/api/v1/users/me", {"status": 401, "body": {"message": "Key expired"}})
    apply(GOOD.replace("https://docs.example.com/", server.url))
    with pytest.raises(
        CommandError, match=r"Documents: not connected\. .*Key expired.*credentials"
    ):
        said("check", "Documents")
    with pytest.raises(CommandError, match="no account named Nothing"):
        said("check", "Nothing")
