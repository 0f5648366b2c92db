"""`manage.py accounts apply FILE | list | check NAME`: setup without a browser."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.accounts import yaml_apply
from executions.accounts.yaml_parser import BadFile
from providers import connection_test
from providers.models import ProviderAccount


class Command(BaseCommand):
    help = "Provider accounts as code: apply a YAML file, list them, check one."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="Make the accounts as the file says, all or none.")
        apply.add_argument("file", help="A YAML file; - reads standard input.")
        listing = verbs.add_parser("list", help="Show every account, without secrets.")
        listing.add_argument("--json", action="store_true", help="As JSON, for programs.")
        check = verbs.add_parser("check", help="Connect with an account and say what it can do.")
        check.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"do_{options['verb']}")(options)

    def do_apply(self, options: dict[str, Any]) -> None:
        text = _text_of(options["file"])
        try:
            applied = yaml_apply.apply(text)
        except BadFile as error:
            raise CommandError(
                f"{options['file']} was not applied, nothing has changed:\n{error}"
            ) from None
        for one in applied:
            self.stdout.write(str(one))
        for one in applied:
            if one.warning:
                self.stdout.write(self.style.WARNING(one.warning))
        changed = sum(bool(one.changes) for one in applied)
        self.stdout.write(f"Accounts in the file: {len(applied)}, changed: {changed}.")

    def do_list(self, options: dict[str, Any]) -> None:
        accounts = ProviderAccount.objects.select_related("group")
        rows = [_as_json(account) for account in accounts.prefetch_related("correlation_rules")]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        for row in rows:
            state = row["health"] if row["enabled"] else "disabled"
            error = f"  {row['last_error']}" if row["last_error"] else ""
            self.stdout.write(f"{row['name']}  {row['provider']}  {state}{error}")
            for rule in row["keys"]:
                where = " ".join(filter(None, (rule["source"], rule["path"], rule["pattern"])))
                problem = f"  {rule['problem']}" if rule["problem"] else ""
                self.stdout.write(f"  key {rule['name']} from {where}{problem}")
        if not rows:
            self.stdout.write("There are no accounts.")

    def do_check(self, options: dict[str, Any]) -> None:
        account = ProviderAccount.objects.filter(name=options["name"]).first()
        if account is None:
            raise CommandError(f"There is no account named {options['name']}.")
        trial = connection_test.try_account(account)
        if not trial.is_ok:
            raise CommandError(f"{account.name}: not connected. {trial.says} {trial.advice}")
        self.stdout.write(f"{account.name}: connected. {trial.says}")
        self.stdout.write(f"It can: {', '.join(trial.can)}.")
        if trial.cannot:
            self.stdout.write(f"It cannot: {', '.join(trial.cannot)}.")


def _text_of(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} is not UTF-8 text.") from None


def _as_json(account: ProviderAccount) -> dict[str, Any]:
    """One account for a program. Credentials by name, date and fingerprint only."""
    return {
        "name": account.name,
        "provider": account.provider,
        "enabled": account.enabled,
        "group": account.group.name if account.group else None,
        "poll_every": account.poll_every,
        "settings": account.settings,
        "certificate_authority": account.certificate_authority,
        "credentials": account.credential_notes,
        "keys": [
            {
                key: getattr(rule, key)
                for key in ("name", "source", "path", "pattern", "link", "problem")
            }
            for rule in account.correlation_rules.all()
        ],
        "health": account.health,
        "health_since": account.health_since.isoformat(),
        "last_error": account.last_error,
        "last_success_at": account.last_success_at and account.last_success_at.isoformat(),
    }
