"""docker-compose.yml without Docker: what it says, and the command line of each service as written,
at work with the environment that it gives."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from config import embedded_services, env
from config.processes import processes
from config.site_setup import prepare
from tests.ports import free_port
from tests.product import ROOT, Product, own_folder, stop_group

FILE = ROOT / "docker-compose.yml"
HARD = "p@ss:w/o%rd#?$& 'x'\"\\"  # each of them ends or changes something somewhere
HARDER = f"{HARD}%20"
KEY = "c2VjcmV0LWtleS1mb3ItdGVzdHMtMDEyMzQ1Njc4OTA="
SECRETS = {
    "POSTGRES_PASSWORD": HARD,
    "SECRET_KEY": f"secret-{HARD}",
    "CREDENTIAL_KEYS": KEY,
    "ANNUNCIATOR_ADMIN_PASSWORD": f" admin-{HARD} ",
}
OF_THE_OWNER = {"DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD"}
OTHERS = {"postgres", "valkey"}  # images of others


def composed(**values: str) -> dict[str, Any]:
    """The file as compose reads it with this `.env`."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        found = given.get(match["name"], "")
        if match["needs"] and not found:
            raise ValueError(f"{match['name']} is not set")
        return found or filled(match["default"] or "")

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: filled(each) for key, each in part.items()}
        if isinstance(part, list):
            return [filled(each) for each in part]
        return re.sub(VARIABLE, value, part) if isinstance(part, str) else part

    given = SECRETS | values
    return dict(filled(yaml.safe_load(FILE.read_text())))


DEFAULT = r":-(?P<default>(?:[^{}]|\{[^{}]*\})*)"  # which may name another variable
VARIABLE = rf"(?P<dollar>\$\$)|\$\{{(?P<name>\w+)(?:{DEFAULT}|(?P<needs>:\?)[^}}]*)?\}}"


def ours(file: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in file["services"].items() if name not in OTHERS}


def test_every_variable_of_the_settings_table_reaches_every_process() -> None:
    given = {name: f"value-of-{name}" for name in env.VARIABLES}
    for name, service in ours(composed(**given)).items():
        assert service["volumes"] == ["value-of-ANNUNCIATOR_DATA:/data"]
        for variable in env.VARIABLES.keys() - {"ANNUNCIATOR_DATA"} - OF_THE_OWNER:
            assert service["environment"][variable] == given[variable], (name, variable)
        known = OF_THE_OWNER & service["environment"].keys()
        assert known == (OF_THE_OWNER if name == "setup" else set())


def test_what_is_not_set_is_what_the_settings_table_calls_default() -> None:
    for service in ours(composed()).values():
        for variable, reader in env.READERS.items():
            if raw := service["environment"].get(variable):
                reader(raw)
        assert service["environment"]["ANNUNCIATOR_DEMO"] == "0"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_is_not_set_is_asked_for(secret: str) -> None:
    with pytest.raises(ValueError, match=secret):
        composed(**{secret: ""})
    assert f"\n{secret}=" in (ROOT / ".env.example").read_text()


def test_every_service_has_a_health_check_and_a_time_to_stop_in() -> None:
    for name, service in composed()["services"].items():
        assert service["stop_grace_period"], name
        assert ("test" in service["healthcheck"]) != (name == "setup"), name


def test_one_image_is_built_once() -> None:
    services = ours(composed())
    assert {service["image"] for service in services.values()} == {"annunciator"}
    assert [name for name, service in services.items() if "build" in service] == ["setup"]
    assert {service["pull_policy"] for service in services.values()} == {"never"}


@pytest.mark.parametrize("host", ["", "192.168.7.9", "runs.example.com"])
def test_the_names_that_are_answered_follow_what_is_published(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = composed(HOST=host, PORT="9000", LIVE_PORT="9001")
    published = [port for service in ours(file).values() for port in service.get("ports", ())]
    shown = host or "127.0.0.1"
    assert published == [f"{shown}:9000:9000", f"{shown}:9001:9001"]
    monkeypatch.setenv("HOST", file["services"]["web"]["environment"]["HOST"])
    assert {"localhost", shown} <= set(env.own_hosts())


@pytest.mark.django_db
def test_what_is_published_everywhere_asks_for_the_names_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOST", composed(HOST="0.0.0.0")["services"]["web"]["environment"]["HOST"])  # noqa: S104
    said: list[str] = []
    prepare(said.append)
    assert "name others in ANNUNCIATOR_ALLOWED_HOSTS" in said[-1]
    monkeypatch.setenv("ANNUNCIATOR_ALLOWED_HOSTS", "runs.example.com")
    prepare(said.append)
    assert "name others" not in said[-1]


def test_its_command_lines_are_those_of_manage_py_run() -> None:
    file = composed(PORT="9000", LIVE_PORT="9001")
    same = processes(host="0.0.0.0", port=9000, live_port=9001, data=Path("/data"))  # noqa: S104
    for name, line in same.items():
        assert file["services"][name]["command"] == ["python", *shlex.split(line)[1:]], name


# ------------------------------------------------------------------------------------- at work


class Composed:
    """The services of the file as processes of this machine: the hosts of the compose network and
    the paths of the container are ours, everything else is as written."""

    def __init__(self, folder: Path, **values: str) -> None:
        self.folder = folder
        self.port, self.demo_port = free_port(), free_port()
        self.file = composed(
            PORT=str(self.port),
            LIVE_PORT=str(free_port()),
            ANNUNCIATOR_DEMO_PORT=str(self.demo_port),
            **values,
        )
        self.database = embedded_services.start_postgres(folder)
        self.broker = embedded_services.start_valkey(folder)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: str) -> str:
        for role in ("annunciator", "annunciator_app"):
            database = self.database.replace("postgres@", f"{role}@")
            text = text.replace(f"postgresql://{role}@postgres/annunciator", database)
        text = text.replace("redis://valkey:6379/0", self.broker)
        return text.replace("/data", str(self.folder))

    def environment(self, name: str) -> dict[str, str]:
        told = self.file["services"][name]["environment"]
        bins = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": bins, "ANNUNCIATOR_DEMO_HOST": "127.0.0.1"}
        return {key: self.here(value) for key, value in told.items()} | own

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [self.here(part) for part in self.file["services"][name]["command"]],
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.running[name]

    def check(self, name: str) -> str:
        """What the health check of a service says is wrong; "" if nothing is."""
        kind, *command = self.file["services"][name]["healthcheck"]["test"]
        command = command if kind == "CMD" else ["/bin/sh", "-c", *command]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(name), capture_output=True, check=False
        )
        return "" if done.returncode == 0 else f"{done.stdout!r} {done.stderr!r}"

    def become_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while said := self.check(name):
            assert self.running[name].poll() is None, self.logs()
            assert time.monotonic() < deadline, f"{name}: {said}"
            time.sleep(0.5)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        for process in self.running.values():
            stop_group(process, signal.SIGTERM)
        for name, process in self.running.items():
            process.wait(int(self.file["services"][name]["stop_grace_period"].removesuffix("s")))
        embedded_services.stop_valkey(self.folder)
        embedded_services.stop_postgres(self.folder)


@pytest.fixture
def at_work() -> Iterator[Composed]:
    with (
        own_folder() as folder,
        secured(Composed(folder, ANNUNCIATOR_DEMO="1", POSTGRES_APP_PASSWORD=HARDER)) as made,
    ):
        yield made


@contextmanager
def secured(made: Composed) -> Iterator[Composed]:
    """With a database that asks for the password, as the image of Postgres does."""
    try:
        with psycopg.connect(made.database, autocommit=True) as server:
            server.execute("CREATE ROLE annunciator SUPERUSER LOGIN")
            server.execute(psycopg.sql.SQL("ALTER ROLE annunciator PASSWORD {}").format(HARD))
            rules = made.folder / "postgres" / "pg_hba.conf"
            who = "annunciator,annunciator_app"
            rules.write_text(f"local all {who} scram-sha-256\n{rules.read_text()}")
            server.execute("SELECT pg_reload_conf()")
        yield made
    finally:
        made.stop()


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(900)
def test_every_service_works_with_the_command_line_and_environment_of_the_file(
    at_work: Composed,
) -> None:
    assert at_work.start("setup").wait(120) == 0, at_work.logs()
    names = sorted(ours(at_work.file).keys() - {"setup"})
    for name in names:
        at_work.start(name)
    for name in names:
        at_work.become_healthy(name)
    url = f"http://127.0.0.1:{at_work.port}/readyz"
    Product.wait_until(lambda: requests.get(url, timeout=5).ok, "it polls", 60)
    with psycopg.connect(at_work.database) as database:
        Product.wait_until(
            lambda: (
                database.execute("SELECT count(*) > 50 FROM executions_execution").fetchone()
                == (True,)
            ),
            "the demo's runs are stored",
            60,
        )
    said = at_work.logs()
    for secret in (HARD, KEY, at_work.broker.split(":")[2].partition("@")[0]):
        assert secret not in said
    stop_group(at_work.running["web"], signal.SIGTERM)
    at_work.running["web"].wait(15)
    assert at_work.check("web")
