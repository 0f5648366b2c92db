"""Accounts in the admin: exactly the provider's fields, write-only secrets, tests, switching."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from executions.models import AuditEntry, PollRun
from providers import connection_test
from providers.models import Health, ProviderAccount
from providers.save_account import AccountDraft, set_up

pytestmark = pytest.mark.django_db

LIST = "/admin/providers/provideraccount/"
ADD = f"{LIST}add/?provider=smartflows"
SECRET = "a-very-secret-key"


def person(name: str, role: str, *, is_staff: bool = True) -> User:
    user = User.objects.create_user(name, password="made-up-password", is_staff=is_staff)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def admin(client: Client) -> Client:
    cache.clear()
    client.force_login(person("ana", "admin"))
    return client


@pytest.fixture
def account(server: Any) -> ProviderAccount:
    row = ProviderAccount(name="Documents")
    draft = AccountDraft(
        provider="smartflows",
        settings={"base_url": server.url},
        credentials={"api_key": SECRET},
    )
    set_up(row, draft, by="ana")
    return row


def typed(url: str, key: str = "", **rest: str) -> dict[str, str]:
    return {
        "name": "Documents", "enabled": "on", "group": "", "poll_every": "",
        "setting_base_url": url, "credential_api_key": key, **rest,
    }  # fmt: skip


def change(account: ProviderAccount) -> str:
    return f"{LIST}{account.pk}/change/"


def test_the_provider_is_chosen_first(admin: Client) -> None:
    page = admin.get(f"{LIST}add/").content.decode()
    assert 'href="?provider=smartflows"' in page
    assert 'href="?provider=flow8"' in page
    assert "Smart Flows" in page


def test_the_form_asks_for_exactly_the_providers_fields(admin: Client) -> None:
    page = admin.get(f"{LIST}add/?provider=eightx8")
    form = page.context["adminform"].form
    asked = {name for name in form.fields if name.startswith(("setting_", "credential_"))}
    assert asked == {"setting_base_url", "setting_account_id", "credential_api_key"}
    helps = [str(form.fields[name].help_text) for name in asked]
    assert all(escape(text) in page.content.decode() for text in helps)
    assert any(helps)


def test_an_account_is_added_sealed_and_audited(admin: Client) -> None:
    answer = admin.post(ADD, typed("https://docs.example.com/", SECRET))
    assert answer.status_code == 302
    account = ProviderAccount.objects.get()
    assert account.credentials() == {"api_key": SECRET}
    assert account.settings == {"base_url": "https://docs.example.com"}
    assert account.credential_notes["api_key"]["by"] == "ana"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.account_name) == ("ana", "account.added", "Documents")


def test_what_is_wrong_is_told_at_its_field(admin: Client) -> None:
    page = admin.post(ADD, typed("ftp://docs.example.com", ""))
    errors = page.context["adminform"].form.errors
    assert errors["setting_base_url"] == ["The address must begin with https:// (or http://)."]
    assert "credential_api_key" in errors
    assert not ProviderAccount.objects.exists()


def test_a_secret_goes_in_and_never_comes_out(admin: Client, account: ProviderAccount) -> None:
    admin.post(change(account), typed(account.settings["base_url"], "another-secret-key"))
    account.refresh_from_db()
    assert account.credentials() == {"api_key": "another-secret-key"}
    for path in (
        change(account),
        LIST,
        f"{LIST}{account.pk}/history/",
        f"{LIST}{account.pk}/polls/",
    ):
        page = admin.get(path).content.decode()
        assert "secret-key" not in page
        assert account.sealed_credentials not in page
    page = admin.get(change(account)).content.decode()
    note = account.credential_notes["api_key"]
    assert f"Set {timezone.now():%b %d %Y} by ana, fingerprint {note['fingerprint']}." in page
    assert "secret-key" not in repr(list(LogEntry.objects.values()))
    assert "secret-key" not in repr(list(AuditEntry.objects.values()))


def test_an_empty_secret_field_keeps_the_stored_secret(
    admin: Client, account: ProviderAccount
) -> None:
    admin.post(change(account), typed(account.settings["base_url"], name="Papers"))
    account.refresh_from_db()
    assert account.name == "Papers"
    assert account.credentials() == {"api_key": SECRET}


def test_a_new_address_asks_for_the_secret_again(admin: Client, account: ProviderAccount) -> None:
    page = admin.post(change(account), typed("https://attacker.example.net"))
    assert "stored credentials are forgotten" in page.content.decode()
    account.refresh_from_db()
    assert account.credentials() == {"api_key": SECRET}


def test_a_test_uses_what_is_typed_and_saves_nothing(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana of Documents"}})
    data = typed(server.url, "typed-secret-key", name="Renamed", _test="1")
    page = admin.post(change(account), data, headers={"HX-Request": "true"}).content.decode()
    assert "Connected." in page
    assert "Signed in as Ana of Documents" in page
    assert "cancel a run" in page
    assert "<form" not in page
    assert server.requests[-1].headers["x-api-key"] == "typed-secret-key"
    account.refresh_from_db()
    assert (account.name, account.credentials()) == ("Documents", {"api_key": SECRET})


def test_the_address_that_the_script_tests_at_never_saves(admin: Client, server: Any) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana"}})
    url = admin.get(ADD).context["trial_url"]
    assert escape(f'hx-post="{url}"').replace("&quot;", '"') in admin.get(ADD).content.decode()
    page = admin.post(url, typed(server.url, SECRET), headers={"HX-Request": "true"})
    assert "Connected." in page.content.decode()
    assert not ProviderAccount.objects.exists()


def test_a_test_without_a_typed_secret_uses_the_stored_one(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana"}})
    admin.post(change(account), typed(server.url, _test="1"), headers={"HX-Request": "true"})
    assert server.requests[-1].headers["x-api-key"] == SECRET


def test_a_test_never_sends_the_stored_secret_to_a_new_address(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    page = admin.post(change(account), typed(elsewhere, _test="1"), headers={"HX-Request": "true"})
    assert "Not connected." in page.content.decode()
    assert "Type it again" in page.content.decode()
    assert server.requests == []


def test_without_javascript_the_test_keeps_the_typed_values(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"status": 401, "body": {"message": "No such key"}})
    page = admin.post(change(account), typed(server.url, name="Renamed", _test="1"))
    text = page.content.decode()
    assert "Not connected." in text
    assert "No such key" in text
    assert 'value="Renamed"' in text
    assert SECRET not in text
    assert ProviderAccount.objects.get().name == "Documents"


def test_a_failed_test_does_not_repeat_what_a_stranger_answered(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"status": 500, "body": {"message": "SSH-2.0-OpenSSH"}})
    page = admin.post(change(account), typed(server.url, _test="1"), headers={"HX-Request": "true"})
    assert "answered 500" in page.content.decode()
    assert "OpenSSH" not in page.content.decode()


def test_tests_are_rationed_per_person(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana"}})
    for _ in range(connection_test.TRIES_PER_MINUTE + 1):
        page = admin.post(
            change(account), typed(server.url, _test="1"), headers={"HX-Request": "true"}
        )
    assert "Only 5 tests a minute" in page.content.decode()
    assert server.count("GET", "/api/v1/users/me") == connection_test.TRIES_PER_MINUTE


def test_poll_now_makes_the_account_due(admin: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(
        health=Health.AUTH, next_poll_at=timezone.now() + timedelta(hours=1)
    )
    assert admin.get(f"{LIST}{account.pk}/poll/")["Location"] == change(account)
    page = admin.post(f"{LIST}{account.pk}/poll/", headers={"HX-Request": "true"})
    assert "will be polled within" in page.content.decode()
    account.refresh_from_db()
    assert account.next_poll_at <= timezone.now()
    assert AuditEntry.objects.filter(action="account.poll_asked").count() == 1


def test_an_account_of_the_same_address_and_key_is_warned_of(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    new = f"{LIST}add/?provider=smartflows"
    warning = "Documents has the same address and credentials"
    tested = typed(server.url, SECRET, name="Papers", _test="1")
    assert warning in admin.post(new, tested).content.decode()
    other = typed(server.url, "another-secret-key", name="Papers", _test="1")
    assert warning not in admin.post(new, other).content.decode()
    same = typed(server.url, _test="1")
    assert warning not in admin.post(change(account), same).content.decode()
    page = admin.post(new, typed(server.url, SECRET, name="Papers"), follow=True)
    assert warning in page.content.decode()
    page = admin.post(new, typed(server.url, "another-key", name="Others"), follow=True)
    assert "same address and credentials" not in page.content.decode()


def test_accounts_are_switched_off_and_on_from_the_list(
    admin: Client, account: ProviderAccount
) -> None:
    chosen = {"_selected_action": [account.pk]}
    admin.post(LIST, {"action": "disable", **chosen})
    account.refresh_from_db()
    assert (account.enabled, account.health) == (False, Health.PAUSED)
    admin.post(LIST, {"action": "enable", **chosen})
    account.refresh_from_db()
    assert (account.enabled, account.health) == (True, Health.NEW)


def test_the_page_says_why_an_account_fails_and_what_to_do(
    admin: Client, account: ProviderAccount
) -> None:
    ProviderAccount.objects.update(health=Health.AUTH, last_error="The key <b>expired</b>.")
    PollRun.objects.create(
        started_at=timezone.now(), id=1, account=account, poll_seq=1, outcome="auth",
        error="The key <b>expired</b>.", requests=17,
    )  # fmt: skip
    page = admin.get(change(account)).content.decode()
    assert "<h2>Smart Flows: credentials refused</h2>" in page
    assert "The key &lt;b&gt;expired&lt;/b&gt;." in page
    assert "Enter new credentials and save" in page
    assert "<td>17</td>" in page
    assert "<td>17</td>" in admin.get(f"{LIST}{account.pk}/polls/").content.decode()


def test_pages_hold_no_inline_script_or_style(admin: Client, account: ProviderAccount) -> None:
    for path in (f"{LIST}add/", ADD, change(account), LIST, f"{LIST}{account.pk}/polls/"):
        page = admin.get(path).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert "onclick=" not in page
        assert "<script>" not in page


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_come_here(client: Client, account: ProviderAccount, role: str) -> None:
    client.force_login(person("vik", role))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(change(account)).status_code == 403
    assert client.post(change(account), typed("https://a.example.com", "x")).status_code == 403
    assert client.post(f"{LIST}{account.pk}/poll/").status_code == 403
    assert client.get(f"{LIST}{account.pk}/polls/").status_code == 403


def test_an_admin_who_is_not_staff_does_not_come_here(
    client: Client, account: ProviderAccount
) -> None:
    client.force_login(person("eve", "admin", is_staff=False))
    assert client.get(change(account)).status_code == 302


def test_an_account_whose_provider_is_gone_says_so(admin: Client, account: ProviderAccount) -> None:
    ProviderAccount.objects.update(provider="vanished")
    page = admin.get(change(account), follow=True)
    assert "no provider &#x27;vanished&#x27; any more" in page.content.decode()


@pytest.mark.parametrize("path", ["quarantine", "auditentry", "command", "apitoken"])
def test_what_is_stored_can_be_looked_at_but_not_edited(admin: Client, path: str) -> None:
    assert admin.get(f"/admin/executions/{path}/").status_code == 200
    assert admin.get(f"/admin/executions/{path}/add/").status_code == 403


def test_the_admin_stands_below_the_top_bar_of_the_product(admin: Client) -> None:
    product = re.findall(r'data-go="(\w)"', admin.get("/accounts/").content.decode())
    admin.cookies["theme"] = "dark"
    for path in ("/admin/", LIST, ADD):
        page = admin.get(path).content.decode()
        assert re.findall(r'data-go="(\w)"', page) == product
        assert "theme-dark" in page
        assert "Django" not in page


def test_the_choice_of_a_provider_says_what_each_can_do(admin: Client) -> None:
    page = admin.get(f"{LIST}add/").content.decode()
    assert "It cannot" in page
    for _, _, (can, cannot), _ in admin.get(f"{LIST}add/").context["choices"]:
        assert all(escape(words) in page for words in (*can, *cannot))


def test_a_new_key_is_tested_before_it_replaces_the_old_one(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    key_page = f"{LIST}{account.pk}/key/"
    assert f'href="{key_page}"' in admin.get(change(account)).content.decode()
    server.on("GET", "/api/v1/users/me", {"status": 401, "body": {"message": "No such key"}})
    page = admin.post(key_page, {"credential_api_key": "wrong-secret-key"}).content.decode()
    assert "The old key was kept." in page
    assert "secret-key" not in page
    account.refresh_from_db()
    assert account.credentials() == {"api_key": SECRET}
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana"}})
    answer = admin.post(key_page, {"credential_api_key": "newer-secret-key"}, follow=True)
    assert "Replaced the key of Documents." in answer.content.decode()
    account.refresh_from_db()
    assert account.credentials() == {"api_key": "newer-secret-key"}
    assert server.requests[-1].headers["x-api-key"] == "newer-secret-key"
    assert "secret-key" not in repr(list(AuditEntry.objects.values()))
    assert "Type the new key." in admin.post(key_page, {}).content.decode()


def test_a_key_older_than_the_setting_is_named_where_the_account_is(
    admin: Client, account: ProviderAccount, settings: Any
) -> None:
    settings.ANNUNCIATOR_KEY_DAYS = 30
    assert "days old" not in admin.get(change(account)).content.decode()
    set_on = (timezone.now() - timedelta(days=31)).date().isoformat()
    account.credential_notes["api_key"]["set_on"] = set_on
    account.save(update_fields=["credential_notes"])
    assert "The key is 31 days old." in admin.get(change(account)).content.decode()
    assert "31 days ago: replace it" in admin.get(LIST).content.decode()


def test_a_clone_has_the_settings_and_not_the_secrets(
    admin: Client, account: ProviderAccount
) -> None:
    copy = f"{LIST}add/?provider=smartflows&copy={account.pk}"
    assert escape(copy) in admin.get(change(account)).content.decode()
    page = admin.get(copy).content.decode()
    assert account.settings["base_url"] in page
    assert "Copy of Documents" in page
    assert SECRET not in page


def test_all_accounts_are_tested_each_with_a_result(
    admin: Client, account: ProviderAccount, server: Any
) -> None:
    server.on("GET", "/api/v1/users/me", {"body": {"displayName": "Ana of Documents"}})
    assert f"{LIST}{account.pk}/test/" in admin.get(f"{LIST}tests/").content.decode()
    one = f"{LIST}{account.pk}/test/"
    page = admin.post(one, headers={"HX-Request": "true"}).content.decode()
    assert "Connected. Signed in as Ana of Documents" in page
    again = admin.post(one, follow=True).content.decode()
    assert "It was tested a moment ago." in again
    assert server.count("GET", "/api/v1/users/me") == 1
