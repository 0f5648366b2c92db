"""A provider that repeats the account's key in every field: it is in no text that we keep or show.

Each field of each recorded answer gets the key in turn, in several spellings, and then all of them.
The account is polled, its runs are read, commands are refused; then every column of the database,
every page, every answer of the API and the log are searched.
"""

from __future__ import annotations

import copy
import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from psycopg import sql

from executions import database_clock, tasks
from executions.access import api_tokens
from executions.commands import reconciliation
from executions.commands.dispatch import claim, send
from executions.models import Command, Execution, Quarantine
from executions.polling import poller, schedule
from providers.connection_test import try_account
from providers.contract import ProviderError, Verb
from providers.models import ProviderAccount
from providers.redaction import Secrets
from providers.registry import all_adapters
from tests.providers.conftest import Server
from tests.providers.recorded import FIXTURES

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = ("smartflows", "flow8", "dagster")  # the others take minutes: make faults
every_provider = pytest.mark.parametrize(
    "key",
    [
        key if key in QUICK else pytest.param(key, marks=pytest.mark.long)
        for key, cls in all_adapters().items()
        if any(field.secret for field in cls.settings)
    ],
)
PAGES = ("", "accounts/", "errors/", "inbox/", "overview/", "workflows/", "executions.csv")
API = ("executions/", "executions", "accounts", "workflows", "inbox")


def spelled(secret: str) -> list[str]:
    return [
        secret,
        secret.upper(),
        quote(secret, safe=""),
        b64encode(secret.encode()).decode(),
        urlsafe_b64encode(f"me:{secret}".encode()).decode(),
        json.dumps(secret)[1:-1],
    ]


def planted(value: Any, text: str, only: str | None, name: str = "") -> Any:
    """The value with `text` at the end of every text below the name `only`, or of all."""
    if isinstance(value, dict):
        return {key: planted(item, text, only, key) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item, text, only, name) for item in value]
    is_meant = isinstance(value, str) or value is None
    return f"{value or 'bad'} {text}" if is_meant and only in (None, name) else value


def names_in(value: Any, name: str = "") -> Iterator[str]:
    """The names of fields that hold texts, or nothing."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from names_in(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item, name)
    elif isinstance(value, str) or value is None:
        yield name


class Planter:
    """One provider's recorded answers with the account's key in them, and the account."""

    def __init__(self, key: str, server: Server) -> None:
        self.server = server
        self.suite = json.loads((FIXTURES / key / "suite.json").read_text("utf-8"))
        self.folder = FIXTURES / key
        self.account = ProviderAccount(name=f"Planted {key}", provider=key)
        fields = {item.key: item for item in self.account.adapter_class.settings}
        settings = {
            name: server.filled(value) if isinstance(value, str) else value
            for name, value in self.suite["settings"].items()
        }
        secrets = {name: value for name, value in settings.items() if fields[name].secret}
        self.account.settings = {n: v for n, v in settings.items() if n not in secrets}
        self.account.save()
        self.account.set_credentials(secrets, by="test")
        self.account.save()
        # A login is a pair, and its second half is the secret.
        self.secret = next(iter(secrets.values())).rpartition(":")[2]
        self.text = " ".join(spelled(self.secret))

    def parts(self) -> list[tuple[list[dict[str, Any]], Callable[[], Any]]]:
        """Routes, and what asks for them."""
        parts = [(self.suite["list"]["routes"], self.poll)]
        for detail in self.suite.get("details") or [self.suite["detail"]]:
            parts.append((detail["routes"], lambda ref=detail["ref"]: self.read(ref)))
        if "workflows" in self.suite:
            refresh = partial(tasks.list_workflows, self.account.pk)
            parts.append((self.suite["workflows"]["routes"], refresh))
        parts.append((self.suite["check"]["routes"], lambda: try_account(self.account)))
        return parts

    def play(self, routes: list[dict[str, Any]], only: str | None) -> None:
        for route in reversed(routes):
            self.server.on(
                route["method"],
                route["path"],
                *(self.answer(name, only) for name in self.fixtures(route)),
                query=route.get("query"),
                json=route.get("json"),
                has=route.get("has"),
            )

    def answer(self, fixture: str, only: str | None) -> dict[str, Any]:
        answer = copy.deepcopy(self.recorded(fixture))
        if "body" in answer:
            answer["body"] = planted(answer["body"], self.text, only)
        return answer

    def recorded(self, fixture: str) -> dict[str, Any]:
        recorded = json.loads((self.folder / f"{fixture}.json").read_text("utf-8"))
        return dict(recorded["response"])

    def fixtures(self, route: dict[str, Any]) -> list[str]:
        names = route["fixture"]
        return names if isinstance(names, list) else [names]

    def names(self, routes: list[dict[str, Any]]) -> list[str]:
        answers = [self.recorded(name) for route in routes for name in self.fixtures(route)]
        return sorted({name for answer in answers for name in names_in(answer.get("body"))})

    def poll(self) -> None:
        ProviderAccount.objects.filter(pk=self.account.pk).update(
            lease_until=None, memory={}, covered_since=None
        )
        seq = schedule.claim(self.account.pk)
        assert seq is not None
        poller.poll(self.account.pk, seq)

    def read(self, ref: str) -> None:
        try:
            poller.read_now(ProviderAccount.objects.get(pk=self.account.pk), ref)
        except ProviderError as error:
            logging.getLogger("planted").info("not read: %s %s", error, error.detail)

    def ask_for_everything(self, user: User) -> None:
        """Every command, refused in all ways that repeat the key."""
        run = Execution.objects.filter(account=self.account).earliest("pk")
        echo = {"message": self.text, "detail": self.text, "details": {"reason": self.text}}
        bodies: list[dict[str, Any]] = [
            {
                "status": 200,
                "body": {"status": "REJECT", "state": None, "error": self.text, **echo},
            },
            {"status": 200, "body": [self.text]},
            {"status": 200, "body": {}},
            {"status": 422, "body": echo},
            {"status": 403, "text": self.text},
            {"status": 500, "text": f"x{' ' * 185}{self.secret}"},
            {"status": 302, "headers": {"Location": f"https://{self.secret.lower()}.example.com/"}},
            {"status": 200, "text": f"<html>{' ' * 185}{self.secret}"},
        ]
        for answer in bodies:
            self.server.fault = answer
            for verb in self.account.adapter_class.verbs():
                command = Command.objects.create(
                    kind=verb.value, account=self.account, execution=run, requested_by=user,
                    workflow=run.workflow if verb is Verb.START else None,
                    target=f"{verb}:{id(answer)}", account_revision=self.account.revision,
                    not_before=database_clock.now(),  # as `claim` has it, not as this process does
                )  # fmt: skip
                ProviderAccount.objects.update(quiet_until=None)  # as a planted 503 asked
                claimed = claim(command.pk)
                assert claimed is not None
                send(claimed)
                reconciliation.expire_leases()
            self.poll()
        self.server.fault = None


@pytest.fixture
def planter(server: Server) -> Callable[[str], Planter]:
    return lambda key: Planter(key, server)


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("root", password="x")


def everything_shown(planter: Planter, admin: User, said: str) -> dict[str, str]:
    """All that is kept and shown, by where it stands."""
    found = {"log": said}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        for (table,) in cursor.fetchall():
            select = sql.SQL("SELECT string_agg(row_to_json(t)::text, E'\\n') FROM {} t")
            cursor.execute(select.format(sql.Identifier(table)))
            found[table] = cursor.fetchone()[0] or ""
    client = Client()
    client.force_login(admin, "config.eager_user_backend.PeopleBackend")
    runs = list(Execution.objects.filter(account=planter.account).values_list("pk", flat=True))
    runs = [*runs[:6], *runs[6:][-6:]]
    pages = [f"/{page}" for page in PAGES] + [f"/accounts/{planter.account.pk}/"]
    for pk in runs:
        pages += [f"/executions/{pk}/{part}" for part in ("", "raw.json", "input.json", "log.txt")]
        pages += [f"/executions/{pk}.json"]
    pages.append(f"/admin/providers/provideraccount/{planter.account.pk}/change/")
    for page in pages:
        found[page] = b"".join(client.get(page)).decode()
    headers = {"Authorization": f"Bearer {api_tokens.issue(admin)}"}
    for path in (*API, *(f"executions/{pk}" for pk in runs)):
        found[f"api {path}"] = client.get(f"/api/v1/{path}", headers=headers).content.decode()
    return found


def leaks(planter: Planter, admin: User, said: str) -> list[str]:
    needles = {text.lower() for text in spelled(planter.secret)}
    shown = everything_shown(planter, admin, said)
    return [
        f"{where}: ...{text[max(text.lower().find(needle) - 80, 0) :][:160]}"
        for where, text in shown.items()
        for needle in needles
        if needle in text.lower()
    ]


@every_provider
def test_a_key_that_a_provider_repeats_anywhere_is_kept_and_shown_nowhere(
    key: str, planter, admin, caplog, settings
) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    caplog.set_level(logging.DEBUG)
    desk = planter(key)
    for routes, ask in desk.parts():
        for only in ["no such name", *desk.names(routes), None]:
            desk.play(routes, only)
            ask()
    desk.ask_for_everything(admin)
    assert Execution.objects.filter(account=desk.account).exists()
    set_aside = Quarantine.objects.filter(account=desk.account)
    assert set_aside.exists() is not desk.suite.get("takes_any_text", False)
    assert not set_aside or "[redacted]" in str(list(set_aside.values("reason", "excerpt")))
    assert not leaks(desk, admin, caplog.text)


@every_provider
def test_without_the_filter_the_same_search_finds_it(
    key: str, planter, admin, caplog, settings, monkeypatch
) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(Secrets, "remember", lambda self, secret: None)
    desk = planter(key)
    for routes, ask in desk.parts():
        for only in ("no such name", None):
            desk.play(routes, only)
            ask()
    desk.ask_for_everything(admin)
    found = " ".join(leaks(desk, admin, caplog.text))
    for place in (
        "log:",
        "executions_command:",
        "executions_pollrun:",
        "/accounts/",
        "/executions/",
    ):
        assert place in found, place
