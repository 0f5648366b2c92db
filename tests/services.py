"""A pytest plugin, loaded before Django's settings: real Postgres and Valkey for the whole run.

Uses DATABASE_URL and REDIS_URL where they are set, else embedded ones in a folder of their own.
With several test processes (`-n`) each has its own; the one that only hands out tests has none.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
HANDS_OUT = not WORKER and any(arg.startswith(("-n", "--numprocesses")) for arg in sys.argv[1:])

if WORKER or "ANNUNCIATOR_DATA" not in os.environ:
    os.environ["ANNUNCIATOR_DATA"] = tempfile.mkdtemp(prefix="annunciator-test-")
    os.chmod(os.environ["ANNUNCIATOR_DATA"], 0o755)  # noqa: S103 - Postgres' own user goes through
    atexit.register(shutil.rmtree, os.environ["ANNUNCIATOR_DATA"], ignore_errors=True)
IS_OURS = not os.environ.get("DATABASE_URL")
"""The database goes with its folder: nothing in it need be dropped."""
if WORKER and "REDIS_URL" in os.environ:  # one server for all: a database of it for each
    number = int(WORKER.removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rstrip('/').removesuffix('/0')}/{number}"
os.environ.setdefault("ANNUNCIATOR_ALLOWED_NETWORKS", "127.0.0.0/8:*")
os.environ["ANNUNCIATOR_DEMO"] = "0"
os.environ["ANNUNCIATOR_PACE"] = "100"  # simulators on this machine need no sparing
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the browser driver runs an event loop

from tests import prepared_postgres  # noqa: E402 - also where tests are only handed out

if not HANDS_OUT:
    from pathlib import Path

    from config.embedded_services import DATABASE, services
    from tests.quick_postgres import wait_for_no_disk

    if IS_OURS:
        prepared_postgres.put_into(Path(os.environ["ANNUNCIATOR_DATA"]))
    _services = services()
    _services.__enter__()
    atexit.register(_services.__exit__, None, None, None)
    if IS_OURS:
        wait_for_no_disk(os.environ["DATABASE_URL"])
        prepared_postgres.make_test_database(
            os.environ["DATABASE_URL"], "_".join(filter(None, ("test", DATABASE, WORKER)))
        )
