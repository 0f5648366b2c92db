"""A thousand pages that browsers keep open: how long until a change is on all that show it.

The product's own processes and a second one for pages; sixty people, each with lists of their own
filters open. Every page follows the protocol of `static/js/live.js`: it hears the stream, asks at
the pace that it is told, only for what it shows, and takes what comes. Ten are real pages of a real
Chromium. A process beside them stores changes as a poller does.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from playwright.async_api import async_playwright

from benchmarks.alternating_rounds import Figure
from benchmarks.page_update_delay import WATCH, WRITTEN, find_browser
from tests.ports import free_port
from tests.product import PASSWORD, Product

PAGES, BROWSER_PAGES = 1000, 10
PEOPLE = 60  # a person may have twenty streams
RUNS = 10_000
CHANGES = 20  # a second
LASTS = 60.0  # seconds that are measured
GOAL, GOAL_OF_CORE = 3.0, 1.0
RESTS = 4  # times as long as the last answer took, as `live.js` has it
FILTERS = (
    "", "?lamp=active", "?lamp=failed&is=unresolved", "?status=running", "?status=waiting",
    "?account=1", "?account=2", "?account=3&lamp=active", "?sort=finished", "?q=PO-2026-10",
    "?provider=generio", "?not_status=succeeded", "?size=100", "?from=24h", "?is=overdue",
)  # fmt: skip

SET_UP = """
import json
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from benchmarks.population import populate
from providers.models import ProviderAccount
User.objects.filter(username="admin").delete()
populate(%d)
ProviderAccount.objects.update(next_poll_at="2100-01-01T00:00Z")
cookies = []
for number in range(%d):
    user = User.objects.create(username=f"person-{number}")
    user.groups.add(Group.objects.get(name="viewer"))
    if number %% 2:
        user.groups.add(Group.objects.get(name="another team"))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    cookies.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
admin = User.objects.get(username="admin")
admin.set_password(%r)
admin.save()
print("cookies", json.dumps(cookies))
"""
CHANGE = """
import random, time
from executions.live.publish import publish_runs
from executions.models import Execution
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
rows = list(Execution.objects.filter(status__in=["running", "waiting"]).select_related("workflow"))
end, due, seq = time.monotonic() + %f, time.monotonic(), 1000
while time.monotonic() < end:
    row, seq = random.choice(rows), seq + 1
    row.status = "waiting" if row.status == "running" else "running"
    stored, _ = store(row.account_id, seq, [Snapshot(
        ref=row.ref, name=row.name, status=Status(row.status), native_status=row.status,
        workflow=contract.Workflow(ref=row.workflow.ref, name=row.workflow.name),
        started_at=row.started_at)])
    publish_runs(row.account_id, [(each.execution_id, each.version) for each in stored])
    due += 1 / %d
    time.sleep(max(0, due - time.monotonic()))
"""


class OpenPage:
    """One list, as a browser has it open: what it shows, and when each version came."""

    def __init__(self, address: str, live: str, key: str, query: str) -> None:
        self.address, self.live, self.cookie, self.query = address, live, key, query
        self.rows: dict[str, str] = {}
        self.values: dict[str, str] = {}
        self.seen: dict[str, float] = {}
        self.wanted: set[str] = set()
        self.wants_all = self.wants_rest = self.is_about_us = self.is_busy = False
        self.pace, self.asked_at, self.due = (0.5, 0.5), 0.0, 0.0
        self.place = random.random()
        self.timer: asyncio.TimerHandle | None = None
        self.asked = self.failed = 0
        self.took = 0.0
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        page = await self._get(f"/{self.query}")
        self.changes = html.unescape(re.findall(r'data-changes-url="([^"]+)"', page)[-1])
        self._take(page)

    async def follow(self) -> None:
        """Hears the stream until it is canceled; asks beside it."""
        host, _, port = self.live.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET /live/ HTTP/1.1\r\nHost: {self.live}\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )
        assert b" 200 " in await reader.readline()
        event = ""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                if event == "hello":
                    self.wants_all = True
                    self._soon(0.5)
                elif event == "changes":
                    self._heard(json.loads(line[6:]))

    def tick(self) -> None:
        """The minutes above the list pass without news."""
        self.wants_rest = True
        self._soon()

    def _heard(self, news: dict[str, Any]) -> None:
        self.pace = tuple(news["pace"])
        for run, *_ in [*news.get("runs", []), *news.get("commands", [])]:
            self.wanted.add(str(run))
            self.is_about_us |= str(run) in self.rows
        self.wants_all |= "health" in news or "notes" in news
        self.wants_rest = True
        self._soon()

    def _soon(self, wait: float | None = None) -> None:
        loop = asyncio.get_running_loop()
        wait = wait or max(self.pace[not self.is_about_us], RESTS * self.took)
        spread = self.place * wait if wait > 0.5 else 0.0
        at = max(self.asked_at + wait, loop.time() + spread)
        if self.timer and at >= self.due:
            return
        if self.timer:
            self.timer.cancel()
        self.due, self.timer = at, loop.call_at(at, self._ask)

    def _ask(self) -> None:
        self.timer = None
        if not self.is_busy:
            task = asyncio.ensure_future(self._asked())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _asked(self) -> None:
        known = ",".join(
            f"{run}:{token}"
            for run, token in self.rows.items()
            if self.wants_all or run in self.wanted
        )
        parts = [self.changes, "&" if "?" in self.changes else "?", f"rows={known}"]
        parts += [f"&{name}={value}" for name, value in self.values.items() if value]
        self.wanted, self.wants_all, self.wants_rest = set(), False, False
        self.is_about_us, self.is_busy = False, True
        self.asked_at = began = asyncio.get_running_loop().time()
        try:
            self._take(await self._get("".join(parts), is_part=True))
            self.asked += 1
            self.took = asyncio.get_running_loop().time() - began
        except (OSError, AssertionError, asyncio.IncompleteReadError):
            self.failed += 1
            self.wants_all, self._connection = True, None
        self.is_busy = False
        if self.wanted or self.wants_all or self.wants_rest:
            self._soon()

    def _take(self, text: str) -> None:
        now = time.time()
        for row, token in re.findall(r'data-row="(\d+):([^"]+)"', text):
            self.rows[row] = token
            self.seen.setdefault(f"{row}:{token.split('-')[0]}", now)
        for name in ("stamp", "hour", "top"):
            if found := re.findall(rf'data-{name}="([^"]*)"', text):
                self.values[name] = found[-1]

    async def _get(self, path: str, *, is_part: bool = False) -> str:
        """The body, over the one connection of this page."""
        where = urlsplit(self.address)
        if self._connection is None or self._connection[0].at_eof():  # the server closes idle ones
            self._connection = await asyncio.open_connection(where.hostname, where.port)
        reader, writer = self._connection
        more = "HX-Request: true\r\n" if is_part else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {self.cookie}\r\n"
            f"Accept-Encoding: gzip\r\n{more}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        assert status in (200, 204), head
        length = re.search(r"content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        if not length and "chunked" in head:
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        if "content-encoding: gzip" in head:
            body = zlib.decompress(body, 31)
        return body.decode()


def figures(folder: Path) -> Iterator[Figure]:
    browser = find_browser()
    port = free_port()
    with Product(folder / "open-pages", LIVE_URL="") as product:
        product.commands["web2"] = product.commands["web"].replace(
            f"--port {product.port} ", f"--port {port} "
        )
        product.start("web2")
        cookies = set_up(product)
        addresses = [product.base_url, f"http://127.0.0.1:{port}"]
        for pages, goal in ((100, 1.0), (PAGES, GOAL)):
            found = asyncio.run(_measured(product, addresses, cookies, pages, browser))
            yield from _told(found, pages, goal)


def set_up(product: Product) -> list[str]:
    """Runs and people, by the owner of the database; the cookies of the people's sessions."""
    made = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", SET_UP % (RUNS, PEOPLE, PASSWORD)],
        env=product.env | {"DATABASE_URL": product.env["DATABASE_OWNER_URL"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    cookies: list[str] = json.loads(made.stdout.rpartition("cookies ")[2])
    return cookies


async def _measured(
    product: Product, addresses: list[str], cookies: list[str], pages: int, browser: str
) -> dict[str, Any]:
    live = f"127.0.0.1:{product.live_port}"
    places = itertools.product(FILTERS, addresses)
    kinds = itertools.cycle(places)
    crowd = [
        OpenPage(address, live, cookies[number % len(cookies)], query)
        for number, (query, address) in zip(range(pages - BROWSER_PAGES), kinds, strict=False)
    ]
    for some in (crowd[at : at + 8] for at in range(0, len(crowd), 8)):
        await asyncio.gather(*(page.open() for page in some))
    followers = [asyncio.create_task(page.follow()) for page in crowd]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        context = await chromium.new_context(service_workers="block")
        real = [await _real_page(context, product, query) for query in FILTERS[:BROWSER_PAGES]]
        await asyncio.sleep(15)  # every page has asked for what it missed
        started = time.time()
        asked = sum(page.asked for page in crowd)
        web = [psutil.Process(product.running[name].pid) for name in ("web", "web2")]
        before = [_cpu(each) for each in web]
        writer = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v", "0", "-c", CHANGE % (LASTS, CHANGES)],
            env=product.env,
        )
        loop = asyncio.get_running_loop()
        until = loop.time() + LASTS
        while loop.time() < until:
            await asyncio.sleep(10)
            for page in crowd:
                page.tick()
        asked = sum(page.asked for page in crowd) - asked
        cores = [(_cpu(each) - was) / LASTS for each, was in zip(web, before, strict=True)]
        await asyncio.to_thread(writer.wait, 30)
        await asyncio.sleep(20)  # what changed last is shown as well
        written = [row for row in product.query(WRITTEN) if row[1] > started]
        seen = [page.seen for page in crowd]
        in_browsers = [await page.evaluate("window.seen") for page in real]
        await chromium.close()
    for follower in followers:
        follower.cancel()
    ended = await asyncio.gather(*followers, return_exceptions=True)
    return {
        "written": written,
        "seen": seen,
        "in_browsers": in_browsers,
        "cores": sum(cores),
        "asked": asked,
        "failed": sum(page.failed for page in crowd),
        "ended": [each for each in ended if not isinstance(each, asyncio.CancelledError)],
    }


async def _real_page(context: Any, product: Product, query: str) -> Any:
    page = await context.new_page()
    await page.goto(f"{product.base_url}/{query}")
    if "/sign-in/" in page.url:
        await page.fill("input[name=username]", "admin")
        await page.fill("input[name=password]", PASSWORD)
        await page.click("form.answer button")
        await page.wait_for_url(f"{product.base_url}/{query}")
    await page.wait_for_selector("#live[data-state=live]")
    await page.evaluate(WATCH)
    return page


def _cpu(process: psutil.Process) -> float:
    """Seconds of it and of what it started."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def delays_and_lost(
    written: list[tuple[Any, ...]], seen: dict[str, float]
) -> tuple[list[float], int]:
    """Seconds from each commit until the page had this version of a run that it shows, or a later
    one; and how many never came."""
    shown: dict[str, list[tuple[int, float]]] = {}
    for key, at in seen.items():
        run, version = key.split(":")
        shown.setdefault(run, []).append((int(version), at))
    delays, lost = [], 0
    for key, at in written:
        run, version = key.split(":")
        if run in shown and min(shown[run])[0] < int(version):
            later = [when for number, when in shown[run] if number >= int(version)]
            delays += [min(later) - at] if later else []
            lost += not later
    return delays, lost


def _told(found: dict[str, Any], pages: int, goal: float) -> Iterator[Figure]:
    for where, all_seen in (("page", found["seen"]), ("Chromium page", found["in_browsers"])):
        results = [delays_and_lost(found["written"], seen) for seen in all_seen]
        delays = sorted(delay for some, _ in results for delay in some)
        note = f"{len(found['written'])} changes, {len(delays):,} seen"
        place = f"{pages:,} open pages, commit to {where}"
        yield Figure(f"{place}, median", statistics.median(delays), " s", note=note)
        yield Figure(f"{place}, 95 %", delays[int(len(delays) * 0.95)], " s", goal, "at most", note)
        lost = sum(number for _, number in results)
        yield Figure(f"{place}, never came", lost, goal=0, way="at most")
    asked = f"{found['asked'] / LASTS:.0f} questions a second"
    yield Figure(
        f"{pages:,} open pages, cores of the web processes",
        found["cores"],
        "",
        GOAL_OF_CORE,
        "at most",
        asked,
    )
    yield Figure(
        f"{pages:,} open pages, questions that failed", found["failed"], goal=0, way="at most"
    )
    yield Figure(
        f"{pages:,} open pages, streams that ended", len(found["ended"]), goal=0, way="at most"
    )
