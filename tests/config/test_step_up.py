"""Proving again who one is, before secrets and batches: what was sent waits, and is done once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from executions.models import AuditEntry, Batch, Command
from providers.models import ProviderAccount
from tests.config import test_openid_sign_in as at_provider
from tests.config.test_openid_sign_in import MINA, entry, provider, says
from tests.executions.bulk.test_batch_lifecycle import picked

__all__ = ["entry", "provider"]
pytestmark = pytest.mark.django_db
PASSWORD = "lamps-of-ana"
SECRET = "planted-key-5521"


@pytest.fixture
def ana_again(people: dict[str, User], ana: Client) -> Client:
    """Signed in so long ago that she is asked."""
    people["ana"].set_password(PASSWORD)
    people["ana"].save()
    ana.force_login(people["ana"], "config.eager_user_backend.PeopleBackend")
    return grown_old(ana)


def grown_old(client: Client) -> Client:
    session = client.session
    session["proved"] = time.time() - 3600
    session.save()
    return client


@pytest.fixture
def batch(ana: Client, put: Any) -> Batch:
    picked(ana, put("r1"), put("r2"))
    return Batch.objects.get()


def test_a_batch_starts_after_the_proof_with_what_was_typed_and_once(ana_again, batch):
    start = f"/batches/{batch.pk}/start/"
    asked = ana_again.post(start, {"reason": "the ERP is down"})
    assert asked["Location"] == "/sign-in/again/"
    batch.refresh_from_db()
    assert batch.state == "draft"
    wrong = ana_again.post("/sign-in/again/", {"password": "guess"})
    assert "not your password" in wrong.content.decode()
    done = ana_again.post("/sign-in/again/", {"password": PASSWORD})
    assert done["Location"] == f"/batches/{batch.pk}/"
    batch.refresh_from_db()
    assert (batch.state, batch.reason) != ("draft", "")
    assert batch.reason == "the ERP is down"
    started = AuditEntry.objects.filter(action__startswith="batch").count()
    ana_again.post("/sign-in/again/", {"password": PASSWORD})
    assert AuditEntry.objects.filter(action__startswith="batch").count() == started
    proof = AuditEntry.objects.filter(action="proved again").earliest("pk")
    assert (proof.actor, proof.detail) == ("ana", {"by": "password"})


def test_a_proof_lasts_as_long_as_the_setting_says(ana_again, batch, settings):
    settings.STEP_UP_SECONDS = 0
    answer = ana_again.post(f"/batches/{batch.pk}/start/", {"reason": "the ERP is down"})
    assert answer["Location"] == f"/batches/{batch.pk}/"
    batch.refresh_from_db()
    assert batch.state != "draft"


def test_a_new_token_is_shown_after_the_proof(ana_again):
    form = at_provider.Page(ana_again.get("/preferences/tokens/")).one("form:has([name=label])")
    sent = {**form.posted(), "label": "report", "scope": "read"}
    assert ana_again.post("/preferences/tokens/", sent)["Location"] == "/sign-in/again/"
    done = ana_again.post("/sign-in/again/", {"password": PASSWORD})
    assert "ann_" in done.content.decode()


def test_one_command_and_stopping_ask_nothing(ana_again, put):
    run = put("r9")
    answer = ana_again.post(f"/executions/{run.pk}/cancellation/", {"reason": "stuck"})
    assert "/sign-in/again/" not in answer.get("Location", "")
    assert Command.objects.count() == 1


def test_a_key_waits_sealed_and_is_stored_after_the_proof(account: ProviderAccount):
    root = User.objects.create_superuser("root", password=PASSWORD)
    client = Client()
    client.force_login(root, "config.eager_user_backend.PeopleBackend")
    address = f"/admin/providers/provideraccount/{account.pk}/key/"
    field = next(
        name for name in at_provider.Page(client.get(address)).names("") if "api_key" in name
    )
    grown_old(client)
    sent = {field: SECRET, "_untested": "1"}
    assert client.post(address, sent)["Location"] == "/sign-in/again/"
    for row in Session.objects.filter(expire_date__gt=timezone.now()):
        assert SECRET not in str(row.get_decoded())
    account.refresh_from_db()
    assert account.credentials().get("api_key") != SECRET
    done = client.post("/sign-in/again/", {"password": PASSWORD})
    assert done.status_code == 302
    account.refresh_from_db()
    assert account.credentials()["api_key"] == SECRET
    grown_old(client)
    person = f"/admin/auth/user/{root.pk}/change/"
    assert client.post(person, {"username": "root"})["Location"] == "/sign-in/again/"


def test_what_waits_belongs_to_its_person_and_not_for_ever(ana_again, batch, people, monkeypatch):
    ana_again.post(f"/batches/{batch.pk}/start/", {"reason": "the ERP is down"})
    later = time.time() + 901
    monkeypatch.setattr("executions.access.step_up.time.time", lambda: later)
    back = ana_again.post("/sign-in/again/", {"password": PASSWORD})
    assert back["Location"] == f"/batches/{batch.pk}/start/"
    batch.refresh_from_db()
    assert batch.state == "draft"


@pytest.fixture
def mina(provider: Any, entry: Any, put: Any) -> tuple[Client, Batch]:
    """Somebody who came by the provider, with a batch that waits for its start."""
    client = Client()
    provider.person("mina", **{**MINA, "groups": ["ops"]})
    at_provider.sign_in(provider, client)
    picked(client, put("r1"), put("r2"))
    return grown_old(client), Batch.objects.get()


def again(provider: Any, client: Client, subject: str) -> Any:
    begun = client.get("/sign-in/again/with/company/")
    assert "prompt=login" in begun["Location"]
    assert "max_age=0" in begun["Location"]
    found = provider.sign_in(begun["Location"], subject)
    return client.get(found.removeprefix("http://testserver"))


def test_who_came_by_a_provider_proves_it_there(provider, mina):
    client, batch = mina
    asked = client.post(f"/batches/{batch.pk}/start/", {"reason": "the ERP is down"})
    assert asked["Location"] == "/sign-in/again/with/company/"
    done = again(provider, client, "mina")
    assert done["Location"] == f"/batches/{batch.pk}/"
    batch.refresh_from_db()
    assert (batch.state == "draft", batch.reason) == (False, "the ERP is down")
    proof = AuditEntry.objects.get(action="proved again")
    assert (proof.actor, proof.detail) == ("mina", {"by": "company"})


@pytest.mark.parametrize(
    ("subject", "claims", "said"),
    [
        ("mina", {"auth_time": 1_700_000_000}, "did not ask you to sign in again"),
        ("mina", {"auth_time": None}, "does not say when you signed in there"),
        ("otto", {}, "somebody else is signed in than here"),
    ],
)
def test_a_sign_in_of_before_or_of_somebody_else_proves_nothing(
    provider, mina, subject, claims, said
):
    client, batch = mina
    client.post(f"/batches/{batch.pk}/start/", {"reason": "the ERP is down"})
    provider.person(subject, **{**MINA, **claims})
    answer = again(provider, client, subject)
    assert answer.status_code == 403
    assert said in " ".join(answer.content.decode().split())
    batch.refresh_from_db()
    assert batch.state == "draft"
    assert says
