"""One database and a client in a process of its own: answers questions about pages.

`python -m benchmarks.page_timing_process ROWS` fills DATABASE_URL and then reads lines of JSON,
{"user", "path", "times"}, and writes {"seconds": [...], "rows", "queries"} for each.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Pages:
    """The other process, seen from the one that measures."""

    def __init__(self, rows: int) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])
        self.name = f"bench_{rows}"
        env = {**os.environ, "DATABASE_URL": urlunsplit(url._replace(path=f"/{self.name}"))}
        _create_database(self.name)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.page_timing_process", str(rows)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def get(self, user: str, path: str, times: int = 1) -> dict[str, Any]:
        assert self._process.stdin is not None
        question = json.dumps({"user": user, "path": path, "times": times})
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self._read()
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=20)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def _create_database(name: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")


def answers(rows: int) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from benchmarks.population import populate

    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0)
    populate(rows)
    clients = {}
    for user in User.objects.all():
        clients[user.username] = Client(headers={"host": "localhost"})
        clients[user.username].force_login(user, "config.eager_user_backend.PeopleBackend")
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        client, seconds = clients[asked["user"]], []
        for _ in range(asked["times"]):
            started = time.perf_counter()
            client.get(asked["path"])
            seconds.append(time.perf_counter() - started)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(asked["path"])
        assert page.status_code == 200, page.status_code
        shown = page.content.count(b"data-row=")
        answer = {"seconds": seconds, "rows": shown, "queries": len(queries)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    answers(int(sys.argv[1]))
