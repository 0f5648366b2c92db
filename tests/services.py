"""A pytest plugin, loaded before Django's settings: real Postgres and Valkey for the whole run.

Uses DATABASE_URL and REDIS_URL where they are set, else embedded ones in a folder of their own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "ANNUNCIATOR_DATA" not in os.environ:
    os.environ["ANNUNCIATOR_DATA"] = tempfile.mkdtemp(prefix="annunciator-test-")
    os.chmod(os.environ["ANNUNCIATOR_DATA"], 0o755)  # noqa: S103 - Postgres' own user goes through
    atexit.register(shutil.rmtree, os.environ["ANNUNCIATOR_DATA"], ignore_errors=True)
os.environ.setdefault("ANNUNCIATOR_ALLOWED_NETWORKS", "127.0.0.0/8")
os.environ["ANNUNCIATOR_DEMO"] = "0"
os.environ["ANNUNCIATOR_PACE"] = "100"  # simulators on this machine need no sparing
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the browser driver runs an event loop

from config.embedded import services

_services = services()
_services.__enter__()
atexit.register(_services.__exit__, None, None, None)
