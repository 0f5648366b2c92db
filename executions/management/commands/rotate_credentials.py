"""`manage.py rotate_credentials`: everything sealed, under the first key of CREDENTIAL_KEYS.

Put the new key first and keep the old one behind it, restart, run this, then drop the old key.
Each row is its own statement and only replaces what it has read: an interrupted run is simply
repeated, and a secret typed meanwhile is not overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from executions.access import audit_log
from executions.access.second_factor_removal import SEALED as SEALED_IN_FACTORS
from executions.models import Command as CommandRow
from executions.models import Draft, NoticeRule, PushBrowser, PushKey, StartDraft
from providers.models import ProviderAccount
from providers.sealing import PREFIX, SealError, reseal

SEALED: tuple[tuple[type[models.Model], str, str], ...] = (
    (ProviderAccount, "sealed_credentials", "accounts"),
    (CommandRow, "sealed_arguments", "arguments of commands"),
    (Draft, "sealed_values", "drafts"),
    (StartDraft, "sealed_values", "drafts of starts"),
    (NoticeRule, "sealed_targets", "addresses of notification rules"),
    (PushBrowser, "sealed", "browsers"),
    (PushKey, "sealed", "key of messages to browsers"),
)


@dataclass
class Count:
    resealed: int = 0
    already: int = 0
    changed_meanwhile: int = 0
    unreadable: int = 0


class Command(BaseCommand):
    help = "Seal every stored secret with the first key of CREDENTIAL_KEYS. Can be repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        counts = {words: rotate(model, column) for model, column, words in SEALED}
        counts["second factors"] = rotate_second_factors()
        for words, count in counts.items():
            self.stdout.write(
                f"{words}: {count.resealed} sealed anew, {count.already} were already, "
                f"{count.changed_meanwhile} changed meanwhile, {count.unreadable} do not open"
            )
        audit_log.record(
            "command line",
            audit_log.Action.CREDENTIALS_ROTATED,
            detail={words: vars(count) for words, count in counts.items()},
        )
        lost = sum(count.unreadable for count in counts.values())
        if lost:
            raise CommandError(
                f"{lost} sealed values open with none of CREDENTIAL_KEYS. Keep the old keys."
            )


def rotate(model: type[models.Model], column: str) -> Count:
    """All rows of one table. A row that changes meanwhile was sealed with the first key anyway."""
    count = Count()
    first_key = Fernet(settings.CREDENTIAL_KEYS[0])
    rows = model._default_manager.exclude(**{column: ""}).values_list("pk", column)
    for pk, sealed in rows.iterator(chunk_size=500):
        if _opens(first_key, sealed):
            count.already += 1
            continue
        try:
            anew = reseal(sealed)
        except SealError:
            count.unreadable += 1
            continue
        same = model._default_manager.filter(pk=pk, **{column: sealed})
        if same.update(**{column: anew}):
            count.resealed += 1
        else:
            count.changed_meanwhile += 1
    return count


def rotate_second_factors() -> Count:
    """What is sealed within them."""
    count = Count()
    first_key = Fernet(settings.CREDENTIAL_KEYS[0])
    for pk in Authenticator.objects.values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            for name in SEALED_IN_FACTORS if row is not None else ():
                sealed = row.data.get(name)
                if sealed is None:
                    continue
                if _opens(first_key, sealed):
                    count.already += 1
                    continue
                try:
                    row.data[name] = reseal(sealed)
                except SealError:
                    count.unreadable += 1
                    continue
                row.save(update_fields=["data"])
                count.resealed += 1
    return count


def _opens(key: Fernet, sealed: str) -> bool:
    try:
        key.decrypt(sealed.removeprefix(PREFIX).encode())
    except InvalidToken:
        return False
    return True
