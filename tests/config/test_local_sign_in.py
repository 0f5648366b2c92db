"""Names and passwords: their hashes, their switch, and the way in when it is off."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as at_start
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from config.sign_in.providers_file import Access, OpenIDProvider
from executions.models import AuditEntry
from tests.pages import Page

pytestmark = pytest.mark.django_db
HASHERS = at_start.PASSWORD_HASHERS


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create_user("ana", password="the-right-password")


@pytest.fixture
def no_local(settings: Any) -> None:
    settings.LOCAL_SIGN_IN = False
    settings.OPENID_PROVIDERS = (
        OpenIDProvider(
            id="company", name="Company account", issuer="https://sso.example.com",
            client_id="a", client_secret="b", contact="the platform team",
            groups={"ops": Access(frozenset({"viewer"}))},
        ),
    )  # fmt: skip


def attempt(client: Client, **more: str) -> Any:
    return client.post("/sign-in/", {"username": "ana", "password": "the-right-password", **more})


def test_an_old_hash_becomes_argon2_when_its_person_signs_in(settings: Any, ana: User) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    User.objects.filter(pk=ana.pk).update(
        password="pbkdf2_sha256$1$salt$" + _pbkdf2("the-right-password", "salt")
    )
    client = Client()
    assert attempt(client).status_code == 302
    ana.refresh_from_db()
    assert ana.password.startswith("argon2$argon2id$")
    assert client.get("/").status_code == 200
    assert attempt(Client()).status_code == 302


def _pbkdf2(password: str, salt: str) -> str:
    from base64 import b64encode
    from hashlib import pbkdf2_hmac

    return b64encode(pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1)).decode()


def test_a_wrong_password_is_told_in_the_words_of_the_form(ana: User, client: Client) -> None:
    page = Page(client.post("/sign-in/", {"username": "ana", "password": "a-wrong-password"}))
    assert page.has("[role=alert]", "Wrong user name or password.")
    assert page.has("label", "User name")


@pytest.mark.usefixtures("no_local")
def test_without_local_sign_in_no_password_is_taken(ana: User, client: Client) -> None:
    page = Page(client.get("/sign-in/"))
    assert page.all("input[type=password]") == []
    assert "Sign in with Company account" in page.one("main").text
    answer = attempt(client)
    assert answer.status_code == 403
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("no_local")
@pytest.mark.parametrize("is_off", [True, False])
def test_a_link_from_the_machine_itself_works_once_and_is_in_the_audit_log(
    ana: User, capsys: Any, settings: Any, is_off: bool
) -> None:
    settings.LOCAL_SIGN_IN = not is_off
    call_command("emergency_sign_in", "ana")
    path = urlsplit(capsys.readouterr().out.split()[0]).path
    client = Client()
    assert "Sign in as ana" in client.get(path).content.decode()
    assert client.get("/").status_code == 302
    assert client.post(path)["Location"] == "/"
    assert client.get("/").status_code == 200
    second = Client().post(path)
    assert (second.status_code, "was used" in second.content.decode()) == (403, True)
    entries = list(AuditEntry.objects.order_by("pk").values_list("actor", "action"))
    assert entries == [("command line", "sign-in link made"), ("ana", "signed in")]
    assert AuditEntry.objects.latest("pk").detail == {"by": "emergency link"}


def test_a_link_is_not_for_nobody_nor_for_the_disabled(ana: User, capsys: Any) -> None:
    with pytest.raises(CommandError, match="There is no user eve"):
        call_command("emergency_sign_in", "eve")
    call_command("emergency_sign_in", "ana")
    path = urlsplit(capsys.readouterr().out.split()[0]).path
    User.objects.update(is_active=False)
    assert Client().post(path).status_code == 403
    with pytest.raises(CommandError, match="disabled"):
        call_command("emergency_sign_in", "ana")


def test_the_admin_signs_people_in_on_the_products_own_page(client: Client, ana: User) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/sign-in/?next=/admin/"
    assert attempt(client, next="/admin/")["Location"] == "/admin/"
    refused = client.get("/admin/", follow=True)
    assert refused.status_code == 403
    assert "Not allowed" in refused.content.decode()
    assert "open for too long" not in refused.content.decode()
