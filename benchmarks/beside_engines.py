"""The same 100,000 runs, asked of this project's page and JSON API and of the engines' own APIs.

One machine and one Postgres server with a database for each; one web process each, that of its own
command line, over kept-alive HTTP on loopback. Nothing polls, schedules or writes meanwhile: the
engines run without their schedulers and services. The runs of `benchmarks.population` are copied
into the engines' tables, after their own migrations, as these would hold them.

The engines are installed as `make live` installs them, which takes minutes the first time.
"""

from __future__ import annotations

import base64
import itertools
import os
import re
import shlex
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from benchmarks.alternating_rounds import Figure, median_ratio, spread
from benchmarks.population import populate
from config.processes import processes
from executions.access import api_tokens
from executions.models import Execution
from executions.search.cursor import Cursor
from executions.sql_sections import statements
from tests.engines import airflow, prefect
from tests.engines.installed import Installed
from tests.engines.processes import Processes, wait_until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
RUNS, PAGE = 100_000, 50
HALF_WAY = RUNS // 2
WARM, ROUNDS, TIMES = 10, 15, 10  # answers before it counts; rounds; answers of each in a round
STARTS_WITHIN = 180.0  # seconds
NEWEST, FAILED, DEEP, COUNTS = QUESTIONS = (
    "newest", "failed", "half way down", "counts by status",
)  # fmt: skip
_sql = statements(__file__)


class Ask(NamedTuple):
    """A GET, or the POST of a body."""

    path: str
    body: Any = None


@dataclass
class Side:
    """Who is asked, and which request has its answer to each of `QUESTIONS`."""

    name: str
    base_url: str
    headers: dict[str, str]
    asks: Mapping[str, Ask]
    row: bytes = rb'"run-(\d+)"'
    """What each row of an answer has: its number, counted down from `row_zero`."""
    row_zero: int = 0
    session: requests.Session = field(default_factory=requests.Session)

    def answer(self, question: str) -> bytes:
        """The body, read to its end and unpacked."""
        path, body = self.asks[question]
        answer = self.session.request(
            "GET" if body is None else "POST",
            self.base_url + path,
            json=body,
            headers=self.headers,
            timeout=60,
        )
        assert answer.ok, f"{self.name}: {answer.status_code} {answer.text[:500]}"
        return answer.content

    def milliseconds(self, question: str) -> float:
        """Until the answer is there."""
        began = time.perf_counter()
        self.answer(question)
        return 1000 * (time.perf_counter() - began)

    def numbers(self, question: str) -> list[int]:
        """Of the runs in an answer, in its order."""
        found = dict.fromkeys(re.findall(self.row, self.answer(question)))
        return [abs(self.row_zero - int(number)) for number in found]


def figures(folder: Path) -> Iterator[Figure]:
    for key in ("PREFECT", "AIRFLOW"):  # where `make live` keeps them
        os.environ.setdefault(f"ANNUNCIATOR_{key}_DIR", f".data/engines/{key.lower()}")
    with ExitStack() as stack:
        ours = our_sides(stack, folder)
        theirs = [prefect_side(stack, folder), *airflow_sides(stack, folder)]
        for side in (*ours, *theirs):
            _check(side)
        for question in QUESTIONS:
            asked = [side for side in (*ours, *theirs) if question in side.asks]
            took = _in_turns(asked, question)
            for side in asked:
                size = f"{len(side.answer(question)) / 1000:.0f} kB"
                median = statistics.median(took[side.name])
                yield Figure(f"{question}: {side.name}", median, " ms", note=size)
            for their, our in itertools.product(asked[len(ours) :], ours):
                pairs = list(zip(took[their.name], took[our.name], strict=True))
                name = f"{question}: {their.name} / {our.name}"
                yield Figure(name, median_ratio(pairs), goal=1, note=spread(pairs))


def _check(side: Side) -> None:
    """It shows the same runs as the others in the same order. The failed ones of Airflow are more:
    what a person stopped is among them."""
    assert side.numbers(NEWEST) == list(range(PAGE)), side.name
    assert side.numbers(DEEP) == list(range(HALF_WAY, HALF_WAY + PAGE)), side.name
    failed = side.numbers(FAILED)
    assert failed == sorted(failed), side.name
    assert len(failed) == PAGE, side.name


def _in_turns(sides: list[Side], question: str) -> dict[str, list[float]]:
    """Milliseconds by name, the median of each round. One request of each in turn, another one
    first each time: what disturbs a moment disturbs all."""
    for _, side in itertools.product(range(WARM), sides):
        side.answer(question)
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(ROUNDS):
        those: dict[str, list[float]] = {side.name: [] for side in sides}
        for turn in range(TIMES):
            first = turn % len(sides)
            for side in (*sides[first:], *sides[:first]):
                those[side.name].append(side.milliseconds(question))
        for name, each in those.items():
            took[name].append(statistics.median(each))
    return took


# ------------------------------------------------------------------------------------ ours


def our_sides(stack: ExitStack, folder: Path) -> tuple[Side, Side]:
    """The page and the API, of the same process, asked by a superuser."""
    home, port, name = folder / "beside", free_port(), connection.settings_dict["NAME"]
    home.mkdir()
    address = new_database("beside")
    stack.callback(_turn_to, name)
    _turn_to("beside")
    call_command("migrate", verbosity=0)
    populate(RUNS)
    user, client = User.objects.get(username="admin"), Client()
    client.force_login(user, "config.eager_user_backend.PeopleBackend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    cursor = Cursor.of(Execution.objects.get(ref=f"run-{HALF_WAY - 1}"))
    command = processes(host="127.0.0.1", port=port, live_port=free_port(), data=folder)["web"]
    web = Processes(home)
    stack.callback(web.stop)
    web.spawn("web", ["env", f"DATABASE_URL={address}", *shlex.split(command)], cwd=ROOT)
    base_url = f"http://127.0.0.1:{port}"
    wait_until(partial(_is_up, f"{base_url}/healthz"), STARTS_WITHIN, f"see {home}/web.log")
    failed = "status=failed&status=timed_out"
    pages = {
        NEWEST: Ask("/"),
        FAILED: Ask(f"/?{failed}"),
        DEEP: Ask(f"/?before={cursor}"),
        COUNTS: Ask("/executions/changes/"),  # the lamps, as an open page asks for them
    }
    runs = f"/api/v1/executions?limit={PAGE}"
    answers = {
        NEWEST: Ask(runs),
        FAILED: Ask(f"{runs}&{failed}"),
        DEEP: Ask(f"{runs}&cursor={cursor}"),
        COUNTS: Ask("/metrics"),  # with all else that is counted
    }
    token = {"Authorization": f"Bearer {api_tokens.issue(user)}"}
    return (
        Side("our page", base_url, {"Cookie": cookie}, pages, rb'data-row="(\d+):', 10**6),
        Side("our API", base_url, token, answers),
    )


def _turn_to(database: str) -> None:
    """This process works with it from now on."""
    connection.close()
    connection.close_pool()
    connection.settings_dict["NAME"] = database


def _is_up(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


# ----------------------------------------------------------------------------- the engines


def new_database(name: str) -> str:
    """The address of an empty one in the server of DATABASE_URL."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def fill(database: str, engine: str) -> None:
    """The engine's tables hold our runs, packed, and its planner knows them."""
    ours = urlunsplit(urlsplit(database)._replace(path="/beside"))
    with psycopg.connect(ours) as source, psycopg.connect(database, autocommit=True) as target:
        target.execute(_sql("runs"))
        taken, into = source.cursor(), target.cursor()
        with taken.copy(_sql("ours")) as rows, into.copy("COPY runs FROM STDIN") as copy:
            for block in rows:
                copy.write(block)
        target.execute(_sql(engine))
        target.execute("VACUUM FULL")
        target.execute("VACUUM ANALYZE")


class Filled(Installed):
    """Its web server alone, with our runs in a database of our server."""

    migration: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    driver = ""
    variable = ""
    """Where it looks for the address of its database."""

    def begin(self, database: str = "") -> None:
        port, (name,), program = free_port(), self.names, str(self.bin / self.key)
        self.note(port=port, processes={}, database=database)
        with (self.home / "migrate.log").open("ab") as log:
            migrate = [program, *self.migration]
            subprocess.run(migrate, env=self.environment(), stdout=log, stderr=log, check=True)
        fill(database, self.key)
        self.spawn(name, [program, *self.server, "--host", "127.0.0.1", "--port", str(port)])
        wait_until(self._answers, STARTS_WITHIN, f"no answer, see {self.home}/{name}.log")

    def environment(self) -> dict[str, str]:
        address = self.state["database"].replace("postgresql:", f"postgresql+{self.driver}:")
        return {**super().environment(), self.variable: address}


class OnePrefect(Filled, prefect.Engine):
    names = ("server",)
    migration = ("server", "database", "upgrade", "--yes")
    server = ("server", "start", "--no-services")
    driver = "asyncpg"
    variable = "PREFECT_API_DATABASE_CONNECTION_URL"


class OneAirflow(Filled, airflow.Engine):
    packages = (*airflow.Engine.packages, "asyncpg", "psycopg2-binary")
    names = ("api-server",)
    migration = ("db", "migrate")
    server = ("api-server", "--workers", "1")
    driver = "psycopg2"
    variable = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def begun(kind: type[Filled], stack: ExitStack, folder: Path) -> Any:
    """One that answers until the stack ends."""
    engine = kind(kind.folder(), folder / kind.key)
    stack.callback(engine.stop)
    engine.up(database=new_database(kind.key))
    return engine


def prefect_side(stack: ExitStack, folder: Path) -> Side:
    """Counts: its history, in one interval; a request for each type of state takes longer."""
    engine = begun(OnePrefect, stack, folder)
    page = {"sort": "START_TIME_DESC", "limit": PAGE}
    failed = {"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}}
    ever = {
        "history_start": "2000-01-01T00:00:00Z",
        "history_end": "2100-01-01T00:00:00Z",
        "history_interval_seconds": 100 * 366 * 86_400,
    }
    asks = {
        NEWEST: Ask("/flow_runs/filter", page),
        FAILED: Ask("/flow_runs/filter", page | failed),
        DEEP: Ask("/flow_runs/filter", page | {"offset": HALF_WAY}),
        COUNTS: Ask("/flow_runs/history", ever),
    }
    credentials = base64.b64encode(engine.auth.encode()).decode()
    return Side(engine.name, engine.base_url, {"Authorization": f"Basic {credentials}"}, asks)


def airflow_sides(stack: ExitStack, folder: Path) -> tuple[Side, Side]:
    """By cursor, and as its API pages unless told otherwise: by offset, with a total. Counts: its
    statistics, by DAG and state."""
    engine = begun(OneAirflow, stack, folder)
    newest = {"order_by": "-run_after", "limit": 1}
    (last,) = engine.api("GET", "/dags/~/dagRuns", **newest, offset=HALF_WAY - 1)["dag_runs"]
    until = {"cursor": "", "run_after_lte": last["run_after"]}
    cursor = engine.api("GET", "/dags/~/dagRuns", **newest, **until)["next_cursor"]
    page = f"/api/v2/dags/~/dagRuns?order_by=-run_after&limit={PAGE}"
    by_cursor = {
        NEWEST: Ask(f"{page}&cursor="),
        FAILED: Ask(f"{page}&cursor=&state=failed"),
        DEEP: Ask(f"{page}&cursor={airflow.quoted(cursor)}"),
        COUNTS: Ask("/api/v2/dagStats"),
    }
    by_offset = {
        NEWEST: Ask(page),
        FAILED: Ask(f"{page}&state=failed"),
        DEEP: Ask(f"{page}&offset={HALF_WAY}"),
    }
    headers = {"Authorization": f"Bearer {engine.token('ana')}"}
    return (
        Side("Airflow", engine.base_url, headers, by_cursor),
        Side("Airflow by offset", engine.base_url, headers, by_offset),
    )
