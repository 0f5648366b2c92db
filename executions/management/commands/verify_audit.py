"""`manage.py verify_audit`: whether the audit log is as it was written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.access import audit_verification
from executions.audit import incremental_verification
from executions.models import AuditSeal


class Command(BaseCommand):
    help = "Say that the audit log is as it was written, or which entry is the first that is not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--holds",
            metavar="NUMBER:HASH",
            default="",
            help="what an earlier call printed last: proves that nothing was cut off since",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = audit_verification.verify()
        incremental_verification.keep(verdict)
        if verdict.problem:
            raise CommandError(
                f"Not intact: {verdict.problem} The {verdict.entries} before it are as written."
            )
        number, _, kept = options["holds"].partition(":")
        if kept and not AuditSeal.objects.filter(number=_whole(number), hash=kept).exists():
            raise CommandError(
                f"Not intact: what was the seal {number} then is there no more. The log was cut "
                "off, or written anew as a whole."
            )
        self.stdout.write(f"Intact: {verdict.entries} entries are as they were written.")
        if verdict.last is not None:
            self.stdout.write(str(verdict.last))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CommandError("Write --holds as it was printed, such as 1234:9f2c...")
    return int(text)
