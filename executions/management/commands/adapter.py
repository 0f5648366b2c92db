"""For who writes a provider's adapter: `new` lays it out, `try` runs it against a live engine and
prints what would be stored, `record` keeps what passed as fixtures, without secrets."""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser
from collections import Counter
from getpass import getpass
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from executions.storage.store import as_stored
from providers import adapter_scaffold, registry
from providers.adapter import Adapter
from providers.contract import BadResponse, NotFound, ProviderError, Snapshot, Unreadable
from providers.models import ProviderAccount, open_account
from providers.save_account import AccountDraft, trial_account
from providers.sealing import SealError

RUNS = 200  # of the list that are looked at
SHOWN = 2000  # characters of a value
ALLOWING = (
    " It is an environment variable of this command, as in"
    " ANNUNCIATOR_ALLOWED_NETWORKS=127.0.0.0/8:8082 manage.py adapter try ..."
)


class Command(BaseCommand):
    help = "For who writes an adapter: new KEY, try KEY, record KEY. See providers/README.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        new = commands.add_parser("new", help="lay out module, fixtures and test of a provider")
        new.add_argument("key")
        for name, about in (
            ("try", "run it against a live engine and print what would be stored"),
            ("record", "the same, and keep what passed as fixtures, without secrets"),
        ):
            live = commands.add_parser(name, help=about)
            live.add_argument("key")
            live.add_argument("--account", help="name of an account that exists, for its settings")
            live.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                              help="a setting; secrets that are not set are asked for")  # fmt: skip
            live.add_argument("--run", action="append", default=[], metavar="REF",
                              help="read this run too")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        key = options["key"]
        if options["command"] == "new":
            try:
                written = adapter_scaffold.lay_out(key, Path(settings.BASE_DIR))
            except adapter_scaffold.NotPossible as error:
                raise CommandError(str(error)) from None
            for path in written:
                self.stdout.write(f"written: {path}")
            return
        try:
            adapter = self._opened(key, options)
            if options["command"] == "record":
                self._record(adapter, options["run"], key)
            else:
                self._run(adapter, options["run"])
        except (ProviderError, SealError) as error:
            hint = ALLOWING if "ANNUNCIATOR_ALLOWED_NETWORKS" in str(error) else ""
            raise CommandError(f"{error}{hint}") from None

    def _record(self, adapter: Adapter, refs: list[str], key: str) -> None:
        recording = adapter_scaffold.Recording(adapter.http)
        try:
            self._run(adapter, refs)
        finally:  # what passed before a failure shows why
            folder = adapter_scaffold.fixtures_of(key, Path(settings.BASE_DIR))
            for path in recording.written(folder, adapter.config):
                self.stdout.write(f"written: {path}")

    def _opened(self, key: str, options: dict[str, Any]) -> Adapter:
        try:
            cls = registry.adapter_class(key)
        except KeyError:
            known = ", ".join(registry.all_adapters())
            raise CommandError(f"There is no provider {key}. There are: {known}.") from None
        if options["account"]:
            account = ProviderAccount.objects.filter(name=options["account"], provider=key).first()
            if account is None:
                raise CommandError(f"There is no account {options['account']} of {key}.")
            return open_account(account)
        if not all("=" in pair for pair in options["set"]):
            raise CommandError("--set takes NAME=VALUE.")
        given = dict(pair.partition("=")[::2] for pair in options["set"])
        unknown = given.keys() - {field.key for field in cls.settings}
        if unknown:
            raise CommandError(f"{cls.name} has no setting {', '.join(sorted(unknown))}.")
        for field in cls.settings:
            value = given.get(field.key, field.default)
            if field.required and not field.secret and value in ("", None):
                raise CommandError(f"{cls.name} needs {field.key}: --set {field.key}=...")
        plain: dict[str, Any] = {}
        secret: dict[str, str] = {}
        for field in cls.settings:
            value = given.get(field.key, field.default)
            if field.secret and field.key not in given:
                value = getpass(f"{field.label}{'' if field.required else ' (optional)'}: ")
            (secret if field.secret else plain)[field.key] = value
        draft = AccountDraft(provider=key, settings=plain, credentials=secret)
        return open_account(trial_account(None, draft))

    def _run(self, adapter: Adapter, refs: list[str]) -> None:
        self.stdout.write(f"check: {adapter.check()}")
        items = list(islice(adapter.snapshots(None), RUNS))
        runs = [item for item in items if isinstance(item, Snapshot)]
        for item in items:
            if isinstance(item, Unreadable):
                self.stdout.write(f"unreadable: {item.ref}: {item.reason}")
        counts = Counter((run.status.value, run.native_status) for run in runs)
        for (status, word), number in sorted(counts.items()):
            self.stdout.write(f"list: {number} {status} ({word})")
        first = {run.status: run.ref for run in reversed(runs)}
        for ref in dict.fromkeys([*refs, *first.values()]):
            try:
                run = adapter.snapshot(ref)
            except (NotFound, BadResponse) as error:
                self.stdout.write(f"\nrun {ref}: {error}")
                continue
            runs.append(run)
            self._print(run, adapter)
        if adapter.can(Adapter.engine):
            for part in adapter.engine():
                well = "well" if part.is_well else "not well"
                self.stdout.write(f"engine: {part.name} {well} {part.message}")
        for name in adapter_scaffold.never_filled(runs):
            self.stdout.write(f"never said: {name}")
        self.stdout.write(f"requests: {adapter.http.requests}")

    def _print(self, run: Snapshot, adapter: Adapter) -> None:
        self.stdout.write(f"\nrun {run.ref}, as it would be stored:")
        for name, value in as_stored(run, adapter.http.secrets).items():
            if value not in (None, "", [], {}):
                text = json.dumps(value, ensure_ascii=False, default=str)
                self.stdout.write(f"  {name}: {text[:SHOWN]}")
        missing = [each.name for each in dataclasses.fields(run) if getattr(run, each.name) is None]
        if missing:
            self.stdout.write(f"  not asked: {', '.join(missing)}")
