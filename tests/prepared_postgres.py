"""A Postgres that holds the product's empty tables, made once per run of the tests and copied.

Making one takes seconds of work, and a run of all tests needs some twenty of them. Tests about a
first start begin without.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from config.embedded_services import DATABASE

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "ANNUNCIATOR_PREPARED"
"""Names a folder to the processes of `pytest -n`: the first that needs a copy makes the original
there."""
ITS_OWN = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")

if FOLDER not in os.environ:
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="annunciator-prepared-")
    os.chmod(os.environ[FOLDER], 0o755)  # noqa: S103 - Postgres' own user goes through
    atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)


def put_into(folder: Path) -> None:
    """Give a data folder a stopped Postgres, as if the product had been set up there before."""
    original = _original()
    subprocess.run(["cp", "-a", original / "postgres", folder / "postgres"], check=True)


def make_test_database(address: str, name: str) -> None:
    """A database for pytest-django, which then finds every migration done. `address` is that of a
    copy that nobody uses yet."""
    with psycopg.connect(address, autocommit=True, dbname="postgres") as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{DATABASE}"')


def _original() -> Path:
    folder = Path(os.environ[FOLDER])
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "is_ready").exists():
            env = {key: value for key, value in os.environ.items() if key not in ITS_OWN}
            (folder / "data").mkdir(mode=0o755)
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=ROOT,
                env=env | {"ANNUNCIATOR_DATA": str(folder / "data"), "ANNUNCIATOR_DEMO": "0"},
                check=True,
            )
            (folder / "is_ready").touch()
    return folder / "data"
