"""The second factor: codes of an app and recovery codes, who needs one, and what is asked when."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from config import live_stream
from executions.access import api_tokens
from executions.models import AuditEntry, Draft
from tests.config.test_interrupted_posts import parcel_of, posted_by
from tests.pages import Page

pytestmark = pytest.mark.django_db
SECRET = base64.b32encode(b"twenty bytes of key!").decode()
PASSWORD = "lamps-of-ana"


def code_of(secret: str, later: int = 0) -> str:
    """What an app shows (RFC 6238), in the period that is `later` half minutes from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + later)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


@pytest.fixture
def with_app(people: dict[str, User]) -> User:
    person = people["ana"]
    person.set_password(PASSWORD)
    person.save()
    TOTP.activate(person, SECRET)
    return person


def first_step(client: Client, **more: str) -> Any:
    return client.post("/sign-in/", {"username": "ana", "password": PASSWORD, **more})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_after_the_password_the_code_is_asked_for_and_then_the_page_comes(with_app, client):
    answer = first_step(client, next="/inbox/")
    assert answer["Location"] == "/sign-in/code/"
    assert client.get("/").status_code == 302
    assert not is_in(client)
    assert "Second factor" in client.get("/sign-in/code/").content.decode()
    wrong = client.post("/sign-in/code/", {"code": "000000"})
    assert "This code is wrong" in wrong.content.decode()
    done = client.post("/sign-in/code/", {"code": code_of(SECRET)})
    assert done["Location"] == "/inbox/"
    assert client.get("/inbox/").status_code == 200
    told = AuditEntry.objects.filter(actor="ana").order_by("pk").values_list("action", "detail")
    assert list(told) == [
        ("second factor.refused", {"what": "app"}),
        ("signed in", {"by": "password, totp"}),
    ]


def test_a_code_opens_once_in_whichever_process_it_is_used(with_app, settings):
    code = code_of(SECRET)
    for client, opens in ((Client(), True), (Client(), False)):
        first_step(client)
        client.post("/sign-in/code/", {"code": code})
        assert is_in(client) == opens
    assert "db.DatabaseCache" in settings.CACHES["default"]["BACKEND"]


def test_codes_are_not_guessed_for_long(with_app, client):
    first_step(client)
    pages = [client.post("/sign-in/code/", {"code": f"{n:06}"}) for n in range(7)]
    assert "Too many wrong attempts" in pages[-1].content.decode()
    right = client.post("/sign-in/code/", {"code": code_of(SECRET)})
    assert "Too many wrong attempts" in right.content.decode()
    assert not is_in(client)


def test_a_recovery_code_opens_once(with_app):
    code = RecoveryCodes.activate(with_app).get_unused_codes()[0]
    for client, opens in ((Client(), True), (Client(), False)):
        first_step(client)
        client.post("/sign-in/code/", {"code": code})
        assert is_in(client) == opens


def test_keys_of_apps_are_sealed_and_follow_a_new_seal(with_app, settings):
    from cryptography.fernet import Fernet

    RecoveryCodes.activate(with_app)
    for row in Authenticator.objects.all():
        assert SECRET not in str(row.data)
        assert "v1:" in str(row.data)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    call_command("rotate_credentials")
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    client = Client()
    first_step(client)
    client.post("/sign-in/code/", {"code": code_of(SECRET)})
    assert is_in(client)
    row = Authenticator.objects.get(type="recovery_codes")
    assert len(row.wrap().get_unused_codes()) == 10


def test_what_was_typed_before_the_session_ended_outlives_the_second_factor(
    with_app, ana, question
):
    page = f"/questions/{question.pk}/"
    posted = posted_by(ana, page, **{f"q{question.pk}-": "4711"})
    ana.session.flush()
    parcel = parcel_of(ana.post(f"{page}answer/", posted))
    between = first_step(ana, next=page, parcel=parcel)
    assert between.status_code == 200
    assert parcel_of(between) == parcel
    back = ana.post("/sign-in/code/", {"code": code_of(SECRET), "parcel": parcel}, follow=True)
    assert back.request["PATH_INFO"] == page
    assert 'value="4711"' in back.content.decode()
    assert Draft.objects.count() == 1


def test_an_app_is_set_up_with_a_code_and_recovery_codes_come_with_it(people, ana):
    page = Page(ana.get("/security/app/"))
    secret = page.one(".totp-key code").text
    assert "This code is wrong" in ana.post("/security/app/", {"code": "000000"}).content.decode()
    done = ana.post("/security/app/", {"code": code_of(secret)}, follow=True)
    assert done.request["PATH_INFO"] == "/security/recovery-codes/"
    assert len(Page(done).all(".recovery-codes li")) == 10
    assert len(ana.get("/security/recovery-codes.txt").content.split()) == 10
    assert "10 left" in ana.get("/security/").content.decode()
    actions = set(AuditEntry.objects.values_list("action", "detail__what"))
    assert actions == {("second factor.added", "app"), ("second factor.added", "recovery codes")}
    ana.post("/security/app/removal/")
    assert not Authenticator.objects.exists()
    assert AuditEntry.objects.filter(action="second factor.removed").count() == 2


def test_a_role_that_needs_a_second_factor_opens_no_page_before_it(people, settings):
    settings.SECOND_FACTOR_ROLES = frozenset({"operator"})
    for name in ("ana", "vik"):
        people[name].set_password(f"lamps-of-{name}")
        people[name].save()
    vik, ana = Client(), Client()
    vik.post("/sign-in/", {"username": "vik", "password": "lamps-of-vik"})
    assert vik.get("/").status_code == 200
    first_step(ana)
    assert ana.get("/inbox/")["Location"] == "/security/"
    assert ana.get("/changes/", headers={"HX-Request": "true"}).status_code == 403
    assert "Your role needs a second factor" in ana.get("/security/").content.decode()
    key = ana.cookies[settings.SESSION_COOKIE_NAME].value
    assert async_to_sync(live_stream.seer_of)(key) is None
    secret = Page(ana.get("/security/app/")).one(".totp-key code").text
    ana.post("/security/app/", {"code": code_of(secret)})
    assert ana.get("/inbox/").status_code == 200
    ana.post("/security/app/removal/")
    assert ana.get("/inbox/")["Location"] == "/security/"
    token = api_tokens.issue(people["ana"])
    bearer = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/executions", headers=bearer).status_code == 200


def test_settings_of_security_are_changed_by_who_proved_lately_who_they_are(with_app, settings):
    client = Client()
    first_step(client)
    client.post("/sign-in/code/", {"code": code_of(SECRET)})
    session = client.session
    session["proved"] = time.time() - settings.STEP_UP_SECONDS - 1
    session.save()
    away = client.get("/security/app/removal/")
    assert away["Location"].startswith("/sign-in/again/?next=")
    page = client.get(away["Location"])
    assert "Type a code of your app" in page.content.decode()
    wrong = client.post(away["Location"], {"password": "guess"})
    assert "This is not your password" in wrong.content.decode()
    back = client.post(away["Location"], {"password": PASSWORD})
    assert back["Location"] == "/security/app/removal/"
    assert client.get("/security/app/removal/").status_code == 200


def test_an_administrator_takes_a_lost_factor_away(with_app, people):
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    chosen = {"action": "remove_second_factor", "_selected_action": [people["ana"].pk]}
    root.post("/admin/auth/user/", chosen)
    assert not Authenticator.objects.exists()
    entry = AuditEntry.objects.get(action="second factor.removed")
    assert (entry.actor, entry.target, entry.detail) == ("root", "user:ana", {"what": "app"})
    client = Client()
    first_step(client)
    assert is_in(client)


def test_without_local_sign_in_no_passkey_is_taken(client, settings):
    settings.LOCAL_SIGN_IN = False
    assert (
        client.get("/sign-in/passkey/", headers={"Accept": "application/json"}).status_code == 302
    )
    assert "data-passkey" not in client.get("/sign-in/").content.decode()
