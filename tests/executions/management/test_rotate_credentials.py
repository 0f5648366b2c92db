"""`manage.py rotate_credentials`: everything sealed moves to the first key."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from executions.models import AuditEntry, Command, Draft, Execution, Question, Workflow
from providers.models import ProviderAccount
from providers.sealing import seal, unseal

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(settings: Any) -> dict[str, Any]:
    """One sealed value in each table, under a key that is no longer the first."""
    now = timezone.now()
    user = User.objects.create_user("ana")
    account = ProviderAccount.objects.create(name="Claims", provider="generio")
    account.set_credentials({"api_key": "claims-secret"}, by="ana")
    account.save()
    command = Command(kind="start", account=account, target="start:1", requested_by=user)
    command.sealed_arguments = seal("command", {"iban": "made-up"})
    command.save()
    workflow = Workflow.objects.create(account=account, ref="w", name="W")
    run = Execution.objects.create(
        account=account, workflow=workflow, ref="r", status="running", observed_at=now,
        changed_at=now, sort_at=now,
    )  # fmt: skip
    question = Question.objects.create(execution=run, ref="q", kind="form", opened_at=now)
    draft = Draft.objects.create(
        question=question, user=user, sealed_values=seal("draft", {"a": "typed"})
    )
    old = settings.CREDENTIAL_KEYS[0]
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), old]
    return {"account": account, "command": command, "draft": draft}


def test_after_a_rotation_the_old_key_can_go(
    sealed: dict[str, Any], settings: Any, capsys: Any
) -> None:
    call_command("rotate_credentials")
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    account = ProviderAccount.objects.get()
    assert account.credentials() == {"api_key": "claims-secret"}
    assert unseal("command", Command.objects.get().sealed_arguments) == {"iban": "made-up"}
    assert unseal("draft", Draft.objects.get().sealed_values) == {"a": "typed"}
    said = capsys.readouterr().out
    assert said.count("1 sealed anew, 0 were already") == 3
    assert "secret" not in said


def test_a_rotation_can_be_repeated_and_leaves_what_is_done(
    sealed: dict[str, Any], capsys: Any
) -> None:
    call_command("rotate_credentials")
    before = list(ProviderAccount.objects.values_list("sealed_credentials"))
    capsys.readouterr()
    call_command("rotate_credentials")
    assert capsys.readouterr().out.count("0 sealed anew, 1 were already") == 3
    assert list(ProviderAccount.objects.values_list("sealed_credentials")) == before
    assert AuditEntry.objects.filter(action="credentials.rotated").count() == 2


def test_what_opens_with_no_key_is_counted_and_stays(
    sealed: dict[str, Any], settings: Any, capsys: Any
) -> None:
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    before = ProviderAccount.objects.get().sealed_credentials
    with pytest.raises(CommandError, match="3 sealed values open with none"):
        call_command("rotate_credentials")
    assert ProviderAccount.objects.get().sealed_credentials == before
