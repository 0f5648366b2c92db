"""`manage.py poll NAME`: one account, now, in this process, with a JSON summary."""

import json
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from executions.access import audit_log
from executions.accounts.account_audit import record
from executions.commands import reconciliation
from executions.polling import poller, schedule
from providers.models import ProviderAccount


class Command(BaseCommand):
    help = "Poll one account now, in this process, and print a JSON summary."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the account's name")

    def handle(self, *args: Any, **options: Any) -> None:
        account = ProviderAccount.objects.filter(name=options["name"]).first()
        if account is None:
            names = ", ".join(ProviderAccount.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no account {options['name']!r}. There are: {names}.")
        poll_seq = schedule.claim(account.pk)
        if poll_seq is None:
            raise CommandError(f"{account.name} is being polled by another process right now.")
        record("command line", account, audit_log.Action.ACCOUNT_POLL_ASKED)
        tally = poller.poll(account.pk, poll_seq)
        if tally is None:
            raise CommandError(f"{account.name} was taken over by another process.")
        reconciliation.confirm_observed(account.pk)
        summary = {
            "account": account.name,
            "outcome": tally.outcome,
            "seen": tally.seen,
            "changed": tally.changed,
            "quarantined": tally.quarantined,
            "left_over": tally.left_over,
            "requests": tally.requests,
            "bytes": tally.bytes,
            "error": tally.error,
        }
        self.stdout.write(json.dumps(summary))
        if tally.error:
            raise CommandError(tally.error)
