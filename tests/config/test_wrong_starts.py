"""A start that cannot be says so in one sentence that names the setting, and shows no traceback."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from config import env
from config.processes import processes
from providers.demo import serve
from tests.ports import free_port
from tests.product import ROOT, own_folder

pytestmark = pytest.mark.timeout(900)
EMBEDDED = {"DATABASE_URL": "", "REDIS_URL": ""}
WRONG = {
    "DATABASE_URL": [
        "mysql://root:hunter2@db/runs",
        "postgresql://me:hunter2@db:port/x",
        "hunter2",
    ],
    "DATABASE_OWNER_URL": ["mysql://root:hunter2@db/runs", "hunter2"],
    "REDIS_URL": ["http://:hunter2@valkey", "redis://:hunter2@valkey:many/0"],
    "PORT": ["abc", "0", "65536", "-1", "80.5", "٣"],
    "LIVE_PORT": ["abc", "70000"],
    "LIVE_URL": ["live.example.com", "ftp://live.example.com", "https://"],
    "ANNUNCIATOR_DEMO": ["maybe", "2"],
    "ANNUNCIATOR_DEMO_PORT": ["demo", "65535"],
    "ANNUNCIATOR_ALLOWED_NETWORKS": ["everything", "10.0.0.0/8,10.1.2.300", "10.0.0.0/8:70000"],
    "ANNUNCIATOR_ALLOWED_HOSTS": ["https://runs.example.com", "runs.example.com:8000"],
    "ANNUNCIATOR_KEEP_DAYS": ["a year", "0", "-3"],
    "ANNUNCIATOR_KEY_DAYS": ["a year", "0"],
    "ANNUNCIATOR_PACE": ["fast", "0", "nan", "inf"],
    "ANNUNCIATOR_LEASE_SECONDS": ["1 m", "-1"],
    "ANNUNCIATOR_OVERDUE_FACTOR": ["twice", "0"],
    "ANNUNCIATOR_OVERDUE_SECONDS": ["a minute", "-1"],
    "ANNUNCIATOR_SIGN_IN": ["/nowhere/sign-in.yaml"],
    "ANNUNCIATOR_LOCAL_SIGN_IN": ["never"],
    "ANNUNCIATOR_IDLE_MINUTES": ["an hour", "4", "1441"],
    "ANNUNCIATOR_LOG": ["xml"],
    "ANNUNCIATOR_UNDO_SECONDS": ["ten", "61"],
    "ANNUNCIATOR_SECOND_FACTOR": ["everybody", "admin;operator"],
    "ANNUNCIATOR_STEP_UP_MINUTES": ["never", "-1", "1441"],
    "ANNUNCIATOR_SITE_URL": ["runs.example.com", "mailto:runs@example.com"],
    "ANNUNCIATOR_SECURE": ["https"],
    "ANNUNCIATOR_TRUSTED_PROXIES": ["proxy.example.com", "10.0.0.0/8,10.0.0.1/8"],
    "ANNUNCIATOR_DEBUG": ["verbose"],
    "CREDENTIAL_KEYS": ["hunter2", "hunter2,hunter2"],
}


def one_more_case(*values: str) -> list[Any]:
    """Each costs a start of its own: `make faults` has the time."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


FREE_TEXT = {
    "HOST",
    "ANNUNCIATOR_DEMO_HOST",
    "ANNUNCIATOR_DATA",
    "ANNUNCIATOR_METRICS_TOKEN",
    "ANNUNCIATOR_ADMIN_PASSWORD",
    "DATABASE_OWNER_PASSWORD",
    "SECRET_KEY",
}


def start(*command: str, before: tuple[str, ...] = (), **values: str) -> str:
    """What a start that must fail says on its error output."""
    ports = {"PORT": str(free_port()), "LIVE_PORT": str(free_port())}
    done = subprocess.run(
        [*before, *(command or (sys.executable, "manage.py", "run"))],
        cwd=ROOT,
        env=os.environ | ports | values,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


def sentence(said: str) -> str:
    assert len(said.strip().splitlines()) == 1, said
    return said.strip()


@pytest.fixture
def folder() -> Iterator[Path]:
    with own_folder() as name:
        (folder := name / "data").mkdir()
        yield folder


@pytest.mark.parametrize(
    ("variable", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_value_that_cannot_be_used_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as refused:
        env.check()
    said = sentence(str(refused.value))
    assert said.startswith(f"{variable} must be ")
    assert "hunter2" not in said


def test_a_site_that_nobody_could_sign_in_to_does_not_start() -> None:
    said = sentence(start(sys.executable, "manage.py", "setup", ANNUNCIATOR_LOCAL_SIGN_IN="0"))
    assert "ANNUNCIATOR_SIGN_IN names no provider" in said


@pytest.mark.parametrize("command", ["run", *one_more_case("setup", "poll")])
def test_a_command_with_such_a_value_says_that_sentence_alone(command: str) -> None:
    said = sentence(start(sys.executable, "manage.py", command, PORT="abc"))
    assert said == "PORT must be a whole number from 1 to 65535 and is 'abc'."


def test_every_variable_with_a_form_of_its_own_is_looked_at() -> None:
    assert WRONG.keys() == env.READERS.keys() == env.VARIABLES.keys() - FREE_TEXT


@pytest.mark.parametrize("name", ["web", *one_more_case("live", "worker", "beat", "listener")])
def test_every_process_names_a_value_that_cannot_be_used(name: str, folder: Path) -> None:
    commands = processes(host="127.0.0.1", port=free_port(), live_port=free_port(), data=folder)
    said = start(*shlex.split(commands[name]), ANNUNCIATOR_KEEP_DAYS="ever")
    assert "ANNUNCIATOR_KEEP_DAYS must be a whole number from 1 to 36500 and is 'ever'." in said


def test_a_host_of_another_machine_is_named() -> None:
    said = sentence(start(HOST="192.0.2.7"))
    assert said == "CommandError: HOST is '192.0.2.7', which is no address of this machine."


def test_ports_that_collide_are_named() -> None:
    port = str(free_port())
    assert f"Port {port} is wanted twice: set LIVE_PORT or PORT" in start(PORT=port, LIVE_PORT=port)
    said = start(PORT="8103", ANNUNCIATOR_DEMO="1", ANNUNCIATOR_DEMO_PORT="8101")
    assert "set ANNUNCIATOR_DEMO_PORT or PORT" in said or "8103 is in use" in said
    assert "There is no port 65536: set LIVE_PORT" in start(PORT="65535", LIVE_PORT="")


@pytest.mark.parametrize("variable", ["PORT", *one_more_case("LIVE_PORT", "ANNUNCIATOR_DEMO_PORT")])
def test_a_port_in_use_is_named(variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = sentence(start(ANNUNCIATOR_DEMO="1", **{variable: port}))
    assert f"Port {port} is in use by another program: set {variable} to another number." in said


def without(capability: str) -> tuple[str, ...]:
    """A command line that takes a right of root's from what follows; none for ordinary users."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv to give up rights of root")
    drop = f"-{capability}"
    return ("setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}")


def test_a_port_that_needs_rights_is_named() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("this machine lets everybody have port 81")
    said = sentence(start(before=without("net_bind_service"), PORT="81"))
    assert "Port 81 needs the rights of an administrator: set PORT to a number from 1024" in said


def test_a_file_where_the_data_folder_should_be_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    for path in (folder / "file", folder / "file" / "below"):
        said = sentence(start(ANNUNCIATOR_DATA=str(path)))
        assert said == f"{path} is in a file, or is one: set ANNUNCIATOR_DATA to a folder."


def test_a_read_only_data_folder_is_named(folder: Path) -> None:
    folder.chmod(0o555)
    said = sentence(start(before=without("dac_override"), ANNUNCIATOR_DATA=str(folder)))
    assert f"{folder} is read-only or belongs to another user: set ANNUNCIATOR_DATA" in said
    said = start(before=without("dac_override"), ANNUNCIATOR_DATA=str(folder / "new"))
    assert "cannot be made (Permission denied): set ANNUNCIATOR_DATA" in said


def test_a_data_folder_with_files_of_another_user_is_named(folder: Path) -> None:
    (folder / "credentials.key").touch(mode=0o000)
    said = sentence(start(before=without("dac_override"), ANNUNCIATOR_DATA=str(folder)))
    assert f"{folder / 'credentials.key'} belongs to another user" in said
    assert "ANNUNCIATOR_DATA" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_database_of_another_user_is_named(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    os.chown(folder / "postgres" / "PG_VERSION", 12345, 12345)
    said = sentence(start(ANNUNCIATOR_DATA=str(folder), **EMBEDDED))
    assert f"{folder / 'postgres'} belongs to another user" in said
    assert "ANNUNCIATOR_DATA" in said


def test_a_full_disk_is_named(folder: Path) -> None:
    small = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        said = sentence(start(ANNUNCIATOR_DATA=str(folder), **EMBEDDED))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    assert said.startswith(f"The disk of {folder} has 8 MB left and 200 are needed")
    assert "ANNUNCIATOR_DATA" in said


def test_files_of_a_newer_postgres_are_named(folder: Path) -> None:
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("99\n")
    said = sentence(start(ANNUNCIATOR_DATA=str(folder), **EMBEDDED))
    assert said.startswith(f"{folder / 'postgres'} was made by a newer version (Postgres 99,")
    assert "ANNUNCIATOR_DATA" in said


@pytest.fixture
def empty() -> Iterator[str]:
    """The address of a database without tables."""
    address = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(address.geturl(), autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS empty")
        server.execute("CREATE DATABASE empty")
        yield address._replace(path="/empty").geturl()
        server.execute("DROP DATABASE empty WITH (FORCE)")


@pytest.mark.parametrize("command", ["run", *one_more_case("setup")])
def test_tables_of_a_newer_version_are_named(empty: str, command: str) -> None:
    with psycopg.connect(empty) as database:
        database.execute(
            "CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY, "
            "app varchar(255), name varchar(255), applied timestamptz)"
        )
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES "
            "('executions', '0001_initial', now()), ('executions', '0999_moon', now())"
        )
    said = sentence(start(sys.executable, "manage.py", command, DATABASE_URL=empty))
    assert said.startswith("The database was written by a newer version of Annunciator")
    assert "executions.0999_moon" in said
    assert "DATABASE_URL" in said


@pytest.mark.parametrize(
    "command", ["accounts list", *one_more_case("poll Documents", "token admin")]
)
def test_a_database_without_tables_names_the_command_that_makes_them(
    empty: str, command: str
) -> None:
    said = sentence(start(sys.executable, "manage.py", *command.split(), DATABASE_URL=empty))
    assert "`manage.py setup` makes them" in said


@pytest.mark.long
def test_the_first_commands_of_the_provider_guide_work_in_a_fresh_clone(
    empty: str, folder: Path
) -> None:
    step = (ROOT / "providers" / "README.md").read_text().split("**Try it**")[1]
    lines = re.findall(
        r"^ +\.venv/bin/python (.+)$", step.split("A small provider")[0], re.MULTILINE
    )
    assert [line.split()[1] for line in lines] == ["setup", "accounts", "accounts", "poll"]
    with serve.running("generio") as simulator:
        account = {
            "name": "My Acme",
            "provider": "generio",
            "settings": {"base_url": simulator.base_url},
            "credentials": {"api_key": simulator.api_key},
        }
        (folder / "accounts.yaml").write_text(json.dumps({"accounts": [account]}))
        (folder / "manage.py").symlink_to(ROOT / "manage.py")
        for line in lines:
            done = subprocess.run(
                [sys.executable, *shlex.split(line)],
                cwd=folder,
                env=os.environ | {"DATABASE_URL": empty, "ANNUNCIATOR_DATA": str(folder)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["run", *one_more_case("setup")])
@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:{port}/runs"),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:{port}/0"),
    ],
)
def test_a_service_that_does_not_answer_is_named(command: str, variable: str, address: str) -> None:
    values: dict[str, Any] = {variable: address.format(port=free_port())}
    said = sentence(start(sys.executable, "manage.py", command, **values))
    assert f"of {variable} does not answer" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("host", "allowed", "shown"),
    [
        ("", "", "http://127.0.0.1:8000"),
        ("0.0.0.0", "", "http://127.0.0.1:8000"),  # noqa: S104 - read, not bound
        ("::1", "", "http://[::1]:8000"),
        ("192.0.2.7", "", "http://192.0.2.7:8000"),
        ("", "runs.example.com", "http://runs.example.com:8000"),
    ],
)
def test_links_in_messages_lead_to_the_address_that_the_terminal_prints(host, allowed, shown):
    script = "from config import settings; print(settings.ANNUNCIATOR_SITE_URL)"
    given = {"HOST": host, "ANNUNCIATOR_ALLOWED_HOSTS": allowed, "PORT": "8000"}
    env = {**os.environ, **given, "ANNUNCIATOR_SITE_URL": "", "ANNUNCIATOR_SECURE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == shown
