"""The live stream: a small ASGI process that tells open pages which ids changed.

One Valkey subscription per process, a bounded queue per client, no database connection held while
streaming. What comes in quick succession goes out as one event, made once for all who see the same
accounts. A client that falls behind is closed; it comes back and asks what it missed.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import django
import redis.asyncio as redis
from asgiref.sync import sync_to_async
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection  # noqa: E402
from django.http.request import split_domain_port, validate_host  # noqa: E402
from django.utils.crypto import constant_time_compare  # noqa: E402

from config.database_outage_detection import UNAVAILABLE  # noqa: E402
from config.sign_in.second_factor import DUE  # noqa: E402
from executions.access.permissions import visible_accounts  # noqa: E402
from executions.live import process_figures  # noqa: E402
from executions.live.publish import CHANNEL  # noqa: E402

QUICK = 0.5  # seconds between two questions of a page
SHARE = 0.01  # seconds more per open page: what a question costs, so that all need one core
OTHERS = 4  # times as long where what changed is not on the page; its numbers alone may change
GATHERED = 0.2  # of the time between two questions, in which further news wait for one another
QUEUE = 100  # events a slow client may lag behind
CLIENTS = 3000  # per process
PER_PERSON = 20  # streams of one person, per process
HEARTBEAT = 15.0  # seconds
RECHECK = 30.0  # seconds between two looks at the person's rights
LONGEST = 900.0  # seconds of one stream
REPORTED_EVERY = 30.0  # seconds

TOO_MANY = (
    f"{PER_PERSON} pages of this person are already updated live, the most for one person. This "
    "one is updated every 15 s; close some of the others, then it is live again within a minute."
)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-site"),
]

log = logging.getLogger(__name__)


class Seer(NamedTuple):
    """Who listens, and the accounts that they may see."""

    person: int
    accounts: frozenset[int]


class Client:
    def __init__(self, seer: Seer) -> None:
        self.person, self.accounts = seer
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE)

    def offer(self, event: str) -> None:
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Hub:
    """Everybody who listens, and the one subscription that feeds them."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.is_connected = False
        self._gathered: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)  # by account
        self._sending: asyncio.TimerHandle | None = None
        self._sent_at = -60.0

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError) as error:
                self.is_connected = False
                log.warning("live channel lost: %s", type(error).__name__)
                self._offer_all(_event("degraded", "{}"))
                await asyncio.sleep(1)

    async def report(self) -> None:
        """Tell how many listen, as long as this process lives."""
        while True:
            await asyncio.to_thread(process_figures.say, streams=len(self.clients))
            await asyncio.sleep(REPORTED_EVERY)

    async def _listen(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, health_check_interval=10)
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            self.is_connected = True
            self._offer_all(_event("hello", "{}"))
            async for message in subscription.listen():
                if message["type"] == "message":
                    self._deliver(message["data"].decode())

    def _deliver(self, data: str) -> None:
        """Sent at once after a while without news, else with what else comes in a moment."""
        message = json.loads(data)
        self._gathered[message.pop("account")].append(message)
        if self._sending is None:
            wait = self._sent_at + GATHERED * self.pace()[0] - time.monotonic()
            if wait <= 0:
                self._send()
            else:
                self._sending = asyncio.get_running_loop().call_later(wait, self._send)

    def _send(self) -> None:
        gathered = dict(self._gathered)
        self._gathered.clear()
        self._sending, self._sent_at = None, time.monotonic()
        events: dict[frozenset[int], str] = {}
        for client in tuple(self.clients):
            accounts = client.accounts
            if accounts not in events:
                seen = [each for key in gathered.keys() & accounts for each in gathered[key]]
                news = json.dumps({**_merged(seen), "pace": self.pace()})
                events[accounts] = _event("changes", news) if seen else ""
            if events[accounts]:
                client.offer(events[accounts])

    def pace(self) -> tuple[float, float]:
        """Seconds between two questions of an open page: about what it shows, and about the rest.
        They grow with the number of pages that are open."""
        seconds = max(QUICK, round(SHARE * len(self.clients), 2))
        return seconds, seconds if seconds == QUICK else OTHERS * seconds

    def _offer_all(self, event: str) -> None:
        for client in tuple(self.clients):
            client.offer(event)


hub = Hub()


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _merged(messages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One message that says what several did: lists are joined, the newest of all else counts."""
    merged: dict[str, Any] = {}
    for name, value in (pair for message in messages for pair in message.items()):
        merged[name] = [*merged.get(name, []), *value] if isinstance(value, list) else value
    return merged


@sync_to_async(thread_sensitive=False)
def seer_of(session_key: str | None) -> Seer | None:
    """The session's person; None for nobody."""
    if not session_key:
        return None
    try:
        session = SessionStore(session_key)
        user = User.objects.filter(pk=session.get(SESSION_KEY) or 0, is_active=True).first()
        if (
            user is None
            or session.get(DUE)
            or not constant_time_compare(
                session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
            )
        ):
            return None
        return Seer(user.pk, frozenset(visible_accounts(user).values_list("pk", flat=True)))
    finally:
        connection.close()  # back to the pool: a stream holds none


async def stream(request: Request) -> Response:
    """GET /live/ with the session cookie: server-sent events `hello`, `changes`, `degraded`,
    and `signed-out` before it ends because the session is over."""
    headers = _cors(request)
    session_key = request.cookies.get(settings.SESSION_COOKIE_NAME)
    try:
        seer = await seer_of(session_key)
    except UNAVAILABLE:
        return PlainTextResponse(
            "The database does not answer.", 503, {**headers, "Retry-After": "10"}
        )
    if seer is None:
        return PlainTextResponse("Sign in first.", status_code=401, headers=headers)
    if sum(client.person == seer.person for client in hub.clients) >= PER_PERSON:
        return PlainTextResponse(TOO_MANY, 429, {**headers, "Retry-After": "30"})
    if len(hub.clients) >= CLIENTS:
        wait = str(random.randint(5, 30))
        return PlainTextResponse("Full.", 503, {**headers, "Retry-After": wait})
    return StreamingResponse(
        _events(Client(seer), session_key),
        media_type="text/event-stream",
        headers={**headers, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(client: Client, session_key: str | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    end, check_at = loop.time() + LONGEST, loop.time() + RECHECK
    hub.clients.add(client)
    try:
        yield f"retry: {random.randint(1000, 4000)}\n\n"
        yield _event("hello" if hub.is_connected else "degraded", "{}")
        while loop.time() < end:
            try:
                event = await asyncio.wait_for(client.queue.get(), HEARTBEAT)
            except TimeoutError:
                event = ": still here\n\n"
            if event is None:
                return
            if loop.time() > check_at:
                check_at = loop.time() + RECHECK
                with suppress(*UNAVAILABLE):  # while it is away nobody's rights change
                    seer = await seer_of(session_key)
                    if seer is None:
                        yield _event("signed-out", "{}")
                        return
                    client.accounts = seer.accounts
            yield event
    finally:
        hub.clients.discard(client)


def _cors(request: Request) -> dict[str, str]:
    """The pages' own origin may listen, nobody else: the host of this request, with the port of
    the pages or behind the same proxy."""
    origin = request.headers.get("origin", "")
    own = urlsplit(f"//{request.headers.get('host', '')}")
    pages = {own.netloc, f"{own.hostname}:{settings.PORT}"}
    if urlsplit(origin).netloc not in pages:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }


async def is_up(request: Request) -> Response:
    return PlainTextResponse("ok" if hub.is_connected else "degraded")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # thousands of clients: full collections cost 0.4 s each
    tasks = [asyncio.create_task(each) for each in (hub.run(), hub.report())]
    yield
    for task in tasks:
        task.cancel()


class Guarded:
    """Answers under the site's own names alone, with the headers that every answer carries."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        domain, _ = split_domain_port(host.decode("latin-1"))
        if domain and validate_host(domain, settings.ALLOWED_HOSTS):
            await self.app(scope, receive, send_with_headers)
        else:
            refused = PlainTextResponse("This site is not reached under that name.", 400)
            await refused(scope, receive, send_with_headers)


app = Starlette(
    routes=[Route("/live/", stream), Route("/healthz", is_up)],
    middleware=[Middleware(Guarded)],
    lifespan=lifespan,
)
