"""A person's own API tokens: shown once, never wider than the person, seen and revoked."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from executions.access import api_tokens
from executions.models import ApiToken, AuditEntry, Command, Execution
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb

pytestmark = pytest.mark.django_db
HOME = "/preferences/tokens/"


@pytest.fixture
def run(account: Any) -> Execution:
    flow = contract.Workflow(ref="w", name="Settle")
    store(account.pk, 1, [
        Snapshot(ref="r", workflow=flow, status=Status.RUNNING, native_status="Runs",
                 started_at=timezone.now(), offers=frozenset({Verb.CANCEL}))
    ])  # fmt: skip
    return Execution.objects.get()


def typed(**more: Any) -> dict[str, Any]:
    return {
        "label": "night report",
        "scope": "read",
        "lasts": "30",
        "key": str(uuid.uuid4()),
        **more,
    }


def made(client: Client, **more: Any) -> str:
    page = client.post(HOME, typed(**more)).content.decode()
    found = re.search(r'<code id="secret"[^>]*>(ann_[^<]+)</code>', page)
    assert found, page
    return found[1]


def ask(token: str, path: str = "executions", **sent: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    if not sent:
        return Client().get(f"/api/v1/{path}", headers=headers)
    body = {"content_type": "application/json", "data": sent, "headers": headers}
    return Client().post(f"/api/v1/{path}", **body)


def test_a_token_is_shown_once_and_used_until_it_is_revoked(ana: Client, run: Execution) -> None:
    token = made(ana)
    row = ApiToken.objects.get()
    assert (row.prefix, row.label, row.scope) == (token[:8], "night report", "read")
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() < timedelta(days=31)
    page = ana.get(HOME).content.decode()
    assert token not in page
    assert row.prefix in page
    assert "never" in page
    assert ask(token).status_code == 200
    row.refresh_from_db()
    assert row.last_used_at is not None
    said = ana.post(f"{HOME}{row.pk}/revocation/", follow=True).content.decode()
    assert "The token night report is revoked;" in said
    assert ask(token).status_code == 401
    entries = AuditEntry.objects.filter(action__startswith="token.").order_by("pk")
    assert [(each.actor, each.action) for each in entries] == [
        ("ana", "token.issued"), ("ana", "token.revoked"),
    ]  # fmt: skip
    assert token not in str(list(AuditEntry.objects.values()))


def test_a_token_that_reads_changes_nothing(ana: Client, run: Execution) -> None:
    reads, acts = made(ana), made(ana, scope="act")
    cancel = {"kind": "cancel", "reason": "drill"}
    refused = ask(reads, f"executions/{run.pk}/commands", **cancel)
    assert refused.status_code == 403
    assert not Command.objects.exists()
    assert ask(reads, f"executions/{run.pk}/decisions", act="ignore").status_code == 403
    assert ask(acts, f"executions/{run.pk}/commands", **cancel).status_code in (200, 201, 202)
    assert Command.objects.count() == 1


def test_a_token_may_never_more_than_its_person(ana, vik, people, run):
    token = made(ana, scope="act")
    people["ana"].groups.set(Group.objects.filter(name__in=["viewer", "east"]))
    cancel = ask(token, f"executions/{run.pk}/commands", kind="cancel", reason="drill")
    assert cancel.status_code == 403
    people["ana"].groups.set([Group.objects.get(name="west")])
    assert ask(token).json()["items"] == []
    assert "Reads and acts" not in vik.get(HOME).content.decode()
    assert vik.post(HOME, typed(scope="act")).status_code == 422
    people["ana"].is_active = False
    people["ana"].save()
    assert ask(token).status_code == 401


def test_a_token_ends_at_its_time(ana: Client, run: Execution) -> None:
    token, forever = made(ana), made(ana, lasts="")
    ApiToken.objects.exclude(expires_at=None).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert ask(token).status_code == 401
    assert ask(forever).status_code == 200
    assert "ended" in ana.get(HOME).content.decode()


def test_a_form_that_is_sent_twice_makes_one_token(ana: Client) -> None:
    form = typed()
    assert "Copy the token now" in ana.post(HOME, form).content.decode()
    again = ana.post(HOME, form, follow=True).content.decode()
    assert "This form was sent already" in again
    assert "Copy the token now" not in again
    assert ApiToken.objects.count() == 1
    assert ana.post(HOME, typed(label="")).status_code == 422
    assert ana.post(HOME, typed(lasts="9999")).status_code == 422


def test_nobody_sees_or_revokes_the_tokens_of_others(ana, eve, people):
    made(ana)
    row = ApiToken.objects.get()
    assert row.prefix not in eve.get(HOME).content.decode()
    assert eve.post(f"{HOME}{row.pk}/revocation/").status_code == 404
    assert ApiToken.objects.exists()
    for number in range(api_tokens.MOST - 1):
        api_tokens.issue(people["ana"], label=str(number))
    full = ana.post(HOME, typed(), follow=True).content.decode()
    assert "at most 20 tokens" in full
    assert ApiToken.objects.count() == api_tokens.MOST
