"""Signing in by an OpenID provider: a real one, on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from config.sign_in import openid_client
from config.sign_in.openid_client import Conversation, Refused
from config.sign_in.providers_file import Access, OpenIDProvider
from executions.access import api_tokens
from executions.models import AuditEntry
from tests import openid_provider
from tests.busy import LATE
from tests.pages import Page

pytestmark = pytest.mark.django_db
GROUPS = {
    "ops": Access(frozenset({"operator"}), frozenset({"east"})),
    "lookers": Access(frozenset({"viewer"}), frozenset({"west"})),
    "admins": Access(frozenset({"admin"})),
    "roots": Access(is_superuser=True),
}
MINA = {
    "email": "mina@example.com", "email_verified": True, "preferred_username": "mina",
    "given_name": "Mina", "family_name": "Orr", "groups": ["ops"],
}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[openid_provider.Running]:
    with openid_provider.running() as found:
        yield found


@pytest.fixture
def entry(provider: openid_provider.Running, settings: Any) -> OpenIDProvider:
    found = OpenIDProvider(
        id="company", name="Company account", issuer=provider.issuer, client_id="annunciator",
        client_secret="s3cret", contact="the platform team", groups=GROUPS,
    )  # fmt: skip
    settings.OPENID_PROVIDERS = (found,)
    return found


def come_back(
    provider: openid_provider.Running, client: Client, subject: str, target: str = ""
) -> str:
    """The address to which the provider sends the browser, with its answer."""
    begun = client.get("/sign-in/with/company/", {"next": target} if target else {})
    assert begun.status_code == 302, begun.content.decode()
    found = urlsplit(provider.sign_in(begun["Location"], subject))
    return f"{found.path}?{found.query}"


def sign_in(
    provider: openid_provider.Running, client: Client, subject: str = "mina", target: str = ""
) -> Any:
    return client.get(come_back(provider, client, subject, target))


def says(answer: Any) -> str:
    assert answer.status_code == 403, answer.content.decode()
    assert "_auth_user_id" not in answer.client.session
    return " ".join(Page(answer).one("main").text.split())


def held(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_a_first_sign_in_adds_the_person_with_what_their_groups_give(provider, entry, client):
    provider.person("mina", **MINA)
    answer = sign_in(provider, client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    mina = User.objects.get(username="mina")
    assert (mina.first_name, mina.last_name, mina.email) == ("Mina", "Orr", "mina@example.com")
    assert held("mina") == {"operator", "east"}
    assert (mina.is_staff, mina.is_superuser, mina.has_usable_password()) == (False, False, False)


def test_the_next_sign_in_follows_the_groups_of_that_day(provider, entry, client):
    provider.person("mina", **MINA)
    sign_in(provider, client)
    mina = User.objects.get(username="mina")
    mina.groups.add(Group.objects.create(name="given here"), Group.objects.get(name="viewer"))
    provider.person("mina", **{**MINA, "groups": ["lookers", "admins"]})
    assert sign_in(provider, Client()).status_code == 302
    assert held("mina") == {"viewer", "admin", "west", "given here"}
    mina.refresh_from_db()
    assert mina.is_staff
    assert User.objects.count() == 1
    entry_of_it = AuditEntry.objects.filter(action="person.changed").latest("pk")
    assert (entry_of_it.actor, entry_of_it.target) == ("openid:company", "user:mina")
    assert "operator" in entry_of_it.detail["before"]


def test_a_superuser_is_made_by_a_group_that_says_so_and_by_no_other(provider, entry, client):
    provider.person("mina", **MINA)
    sign_in(provider, client)
    User.objects.filter(username="mina").update(is_superuser=True)
    sign_in(provider, Client())
    assert not User.objects.get(username="mina").is_superuser
    provider.person("mina", **{**MINA, "groups": ["roots"]})
    sign_in(provider, Client())
    assert User.objects.get(username="mina").is_superuser


def test_who_is_in_no_group_is_told_whom_to_ask_and_keeps_no_role(provider, entry, client):
    provider.person("mina", **MINA)
    sign_in(provider, client)
    token = api_tokens.issue(User.objects.get(username="mina"))
    bearer = {"Authorization": f"Bearer {token}"}
    provider.person("mina", **{**MINA, "groups": ["cooks"]})
    text = says(sign_in(provider, Client()))
    assert "in none of the groups" in text
    assert "Ask the platform team." in text
    assert held("mina") == set()
    assert Client().post("/api/v1/executions/1/commands", headers=bearer).status_code != 200
    refused = AuditEntry.objects.filter(action="sign-in.refused").latest("pk")
    assert refused.target == "user:mina"
    provider.person("nobody", email="n@example.com")
    assert "did not report your groups" in says(sign_in(provider, Client(), "nobody"))
    assert not User.objects.filter(username__startswith="n").exists()


def test_groups_may_stand_within_a_claim(provider, entry, client, settings):
    settings.OPENID_PROVIDERS = (replace(entry, groups_claim="realm_access.roles"),)
    provider.person("mina", **{**MINA, "groups": [], "realm_access": {"roles": ["lookers"]}})
    sign_in(provider, client)
    assert held("mina") == {"viewer", "west"}


HOUR = 3600


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://evil.example"}, "issued by somebody else"),
        ({"aud": "another-site"}, "meant for another site"),
        ({"aud": ["annunciator", "another-site"]}, "meant for another site"),
        ({"nonce": "of another sign-in"}, "belongs to another sign-in"),
        ({"exp": int(time.time()) - HOUR}, "has expired"),
        ({"iat": int(time.time()) + HOUR}, "from the future"),
    ],
)
def test_an_answer_that_is_not_right_signs_nobody_in_and_says_why(
    provider, entry, client, claims, said
):
    provider.person("mina", **MINA, **claims)
    assert said in says(sign_in(provider, client))
    assert not User.objects.exists()


def test_clocks_may_differ_by_a_few_seconds(provider, entry, client):
    provider.person("mina", **MINA, iat=int(time.time()) + 20)
    assert sign_in(provider, client).status_code == 302


def test_an_answer_counts_once_and_in_the_browser_that_asked(provider, entry, client):
    provider.person("mina", **MINA)
    back = come_back(provider, client, "mina")
    assert "not begun in this browser" in says(Client().get(back))
    assert client.get(back).status_code == 302
    client.logout()
    assert "not begun in this browser" in says(client.get(back))
    assert "not begun in this browser" in says(client.get("/sign-in/with/company/callback/"))


def test_what_another_provider_says_it_issued_is_refused(provider, entry, client):
    provider.person("mina", **MINA)
    back = come_back(provider, client, "mina")
    assert "issued by somebody else" in says(client.get(f"{back}&iss=https://evil.example"))


def test_calling_it_off_at_the_provider_is_said(provider, entry, client):
    begun = client.get("/sign-in/with/company/")
    back = urlsplit(provider.refuse(begun["Location"]))
    query = back.query if "state=" in back.query else f"{back.query}&{state_of(begun)}"
    assert "was called off there" in says(client.get(f"{back.path}?{query}"))


def state_of(begun: Any) -> str:
    query = urlsplit(begun["Location"]).query
    return next(part for part in query.split("&") if part.startswith("state="))


def test_a_signature_of_another_key_is_refused(provider, entry):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {
        "iss": provider.issuer, "aud": "annunciator", "sub": "mina", "nonce": "n",
        "iat": int(time.time()), "exp": int(time.time()) + 60,
    }  # fmt: skip
    conversation = Conversation(entry)
    known = conversation._json("GET", conversation.endpoint("jwks_uri"))["keys"][0]
    forged = jwt.encode(claims, key, "RS256", {"kid": known["kid"]} if "kid" in known else None)
    unsigned = jwt.encode(claims, None, "none")
    for token in (forged, unsigned, "rubbish"):
        with pytest.raises(Refused, match="not signed as it should be"):
            conversation.claims(token, "n")


def test_a_provider_that_is_down_or_silent_is_named(provider, entry, client, settings, monkeypatch):
    provider.person("mina", **MINA)
    back = come_back(provider, client, "mina")
    provider.stop()
    try:
        for answer in (client.get(back), client.get("/sign-in/with/company/")):
            text = says(answer)
            assert "Company account cannot be used now" in text
            assert "nothing listens there" in text
    finally:
        provider.start()
    monkeypatch.setattr(openid_client, "ANSWER_WITHIN", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.OPENID_PROVIDERS = (replace(entry, issuer=issuer),)
        begun = time.monotonic()
        assert "cannot be used now" in says(client.get("/sign-in/with/company/"))
        assert time.monotonic() - begun < 2 * LATE


def test_a_provider_outside_the_allowed_networks_is_not_asked(entry, client, settings):
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = []
    assert "ANNUNCIATOR_ALLOWED_NETWORKS" in says(client.get("/sign-in/with/company/"))


def test_a_provider_that_calls_itself_otherwise_is_refused(provider, entry, client, settings):
    other = provider.issuer.replace("127.0.0.1", "localhost")
    settings.OPENID_PROVIDERS = (replace(entry, issuer=f"{other}/"),)
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*", "::1/128:*"]
    assert client.get("/sign-in/with/nobody/").status_code == 404
    text = says(client.get("/sign-in/with/company/"))
    assert "was expected" in text


@pytest.mark.parametrize(
    ("is_on", "is_verified", "is_superuser", "is_bound"),
    [
        (True, True, False, True), (False, True, False, False), (True, False, False, False),
        (True, True, True, False),
    ],
)  # fmt: skip
def test_an_address_binds_to_a_local_person_only_where_it_is_verified_and_allowed(
    provider, entry, client, settings, is_on, is_verified, is_superuser, is_bound
):
    settings.OPENID_PROVIDERS = (replace(entry, match_email=is_on),)
    User.objects.create_user("m.orr", "Mina@example.com", is_superuser=is_superuser)
    provider.person("mina", **{**MINA, "email_verified": is_verified})
    assert sign_in(provider, client).status_code == 302
    assert User.objects.count() == (1 if is_bound else 2)
    assert User.objects.get(username="m.orr").is_superuser == is_superuser


def test_a_name_that_is_taken_stays_with_whom_it_has(provider, entry, client):
    local = User.objects.create_user("Mina")
    provider.person("mina", **MINA)
    sign_in(provider, client)
    assert User.objects.get(pk=client.session["_auth_user_id"]).username == "mina-2"
    assert held("Mina") == set()
    assert local.groups.count() == 0


def test_a_disabled_person_is_told_so(provider, entry, client):
    provider.person("mina", **MINA)
    sign_in(provider, client)
    User.objects.update(is_active=False)
    assert "disabled here" in says(sign_in(provider, Client()))


def test_one_comes_to_the_page_that_one_asked_for_and_to_no_other_site(provider, entry, client):
    provider.person("mina", **MINA)
    page = Page(client.get("/inbox/", follow=True))
    link = page.one("a[href*='/sign-in/with/company/']")["href"]
    assert link.endswith("?next=%2Finbox%2F")
    assert sign_in(provider, client, target="/inbox/")["Location"] == "/inbox/"
    assert sign_in(provider, Client(), target="https://evil.example/")["Location"] == "/"


def test_a_page_of_another_site_cannot_begin_a_sign_in(entry, client):
    answer = client.get("/sign-in/with/company/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer["Location"] == "/sign-in/"


def test_the_audit_log_says_by_what_somebody_signed_in(provider, entry, client):
    provider.person("mina", **MINA)
    sign_in(provider, client)
    found = AuditEntry.objects.get(action="signed in")
    assert (found.actor, found.detail) == ("mina", {"by": "openid:company"})
    assert found.address == "127.0.0.1"
    User.objects.create_user("ana", password="pw")
    Client().post("/sign-in/", {"username": "ana", "password": "pw"})
    assert AuditEntry.objects.get(actor="ana").detail == {"by": "password"}


def test_what_is_kept_of_the_provider_holds_no_token(provider, entry, client):
    from allauth.socialaccount.models import SocialAccount, SocialToken

    provider.person("mina", **MINA, shoe_size=39)
    sign_in(provider, client)
    assert set(SocialAccount.objects.get().extra_data) <= {"name", "email"}
    assert SocialToken.objects.count() == 0


def test_the_way_of_allauth_to_sign_up_or_to_change_a_password_is_not_there(client):
    for path in ("signup/", "accounts/signup/", "accounts/login/", "sign-in/signup/"):
        assert client.get(f"/{path}").status_code in (302, 404)
    names = ("account_signup", "account_change_password", "account_reset_password", "account_email")
    for name in names:
        with pytest.raises(Exception, match="not a valid view"):
            reverse(name)
