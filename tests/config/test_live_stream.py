"""The stream of open pages in trouble: whoever falls behind comes back and asks, nobody is told
what is not theirs, and nothing that is sent forges an event."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.requests import Request

from config import live_stream
from config.live_stream import Client, Hub, Seer
from executions.live import publish

MINE, OTHERS = 1, 2
ANA = Seer(7, frozenset({MINE}))
A_QUESTION = 0.01  # seconds of a core


def seen_as(monkeypatch: pytest.MonkeyPatch, look: Callable[[], Seer | None]) -> None:
    async def seer_of(key: str | None) -> Seer | None:
        return look()

    monkeypatch.setattr(live_stream, "seer_of", seer_of)


async def told(events: AsyncIterator[str], most: int = 1000, seconds: float = 5) -> list[str]:
    """What a page hears until the stream ends."""
    heard: list[str] = []
    async with asyncio.timeout(seconds):
        async for event in events:
            heard.append(event)
            if len(heard) == most:
                break
    return heard


def names(heard: list[str]) -> list[str]:
    return re.findall(r"^event: (.*)$", "".join(heard), re.MULTILINE)


@pytest.mark.fault("L1")
def test_a_page_that_comes_back_is_told_to_ask_for_what_it_missed() -> None:
    """`hello` means: ask for everything that is shown. Each stream begins with it, and so does each
    return of the channel behind it; the browser waits a while of its own before it comes back."""

    async def begin() -> list[list[str]]:
        return [await told(live_stream._events(Client(ANA), "key"), 2) for _ in range(20)]

    live_stream.hub.is_connected = True
    begun = asyncio.run(begin())
    assert all(names(heard) == ["hello"] for heard in begun)
    waits = [int(re.findall(r"^retry: (\d+)$", heard[0], re.MULTILINE)[0]) for heard in begun]
    assert min(waits) >= 1000
    assert max(waits) - min(waits) > 500


@pytest.mark.fault("L2")
def test_beyond_what_one_process_serves_people_are_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_stream, "CLIENTS", 500)
    crowd = {Client(Seer(person, frozenset())) for person in range(500)}
    monkeypatch.setattr(live_stream.hub, "clients", crowd)
    seen_as(monkeypatch, lambda: Seer(1000, frozenset()))
    request = Request({"type": "http", "headers": [], "method": "GET"})
    answers = [asyncio.run(live_stream.stream(request)) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {503}
    waits = {int(answer.headers["retry-after"]) for answer in answers}
    assert len(waits) > 5
    assert min(waits) >= 5


@pytest.mark.fault("L3")
def test_a_page_that_takes_nothing_is_let_go_and_the_others_hear_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_stream, "GATHERED", 0.0)

    async def crowd() -> tuple[list[str], list[str]]:
        hub = Hub()
        slow, quick = Client(ANA), Client(ANA)
        hub.clients = {slow, quick}
        quick_heard: list[str] = []
        for number in range(5 * live_stream.QUEUE):
            hub._deliver(json.dumps({"account": MINE, "runs": [[number, 1]]}))
            assert slow.queue.qsize() <= live_stream.QUEUE
            quick_heard.append(str(quick.queue.get_nowait()))
        live_stream.hub.clients = {slow}
        return await told(live_stream._events(slow, "key")), quick_heard

    left, heard = asyncio.run(crowd())
    assert len(heard) == 5 * live_stream.QUEUE
    assert names(left).count("changes") < live_stream.QUEUE  # and then the stream ended
    assert live_stream.hub.clients == set()


def test_the_more_pages_are_open_the_more_seldom_each_is_told_to_ask() -> None:
    """A thousand pages would else ask for ten cores' work as soon as anything changes."""

    def paces(pages: int) -> list[float]:
        hub, client = Hub(), Client(ANA)
        hub.clients = {client, *(Client(Seer(person, frozenset())) for person in range(pages - 1))}
        hub._deliver(json.dumps({"account": MINE, "runs": [[4, 1]]}))
        told: list[float] = json.loads(str(client.queue.get_nowait()).split("data: ", 1)[1])["pace"]
        return told

    assert paces(1) == paces(50) == [0.5, 0.5]
    shown, others = paces(1000)
    assert 1000 / shown * A_QUESTION <= 1
    assert others > 2 * shown


def test_what_comes_in_quick_succession_is_one_event_and_a_first_change_waits_for_nothing() -> None:
    async def heard() -> list[dict[str, Any]]:
        hub, client = Hub(), Client(Seer(7, frozenset({MINE, OTHERS})))
        blind = Client(Seer(8, frozenset({3})))
        hub.clients = {client, blind}
        for number in range(50):
            account = (MINE, OTHERS)[number % 2]
            hub._deliver(json.dumps({"account": account, "runs": [[number, 1]], "new": []}))
            assert client.queue.qsize() == 1
        hub._deliver(json.dumps({"account": MINE, "notes": True}))
        hub._deliver(json.dumps({"account": 4, "health": "down"}))
        async with asyncio.timeout(5):
            events = [str(await client.queue.get()) for _ in range(2)]
        await asyncio.sleep(live_stream.GATHERED)
        assert client.queue.empty()
        assert blind.queue.empty()
        return [json.loads(event.split("data: ", 1)[1]) for event in events]

    first, others = asyncio.run(heard())
    assert first["runs"] == [[0, 1]]
    assert sorted(number for number, _ in others["runs"]) == list(range(1, 50))
    assert others["notes"] is True
    assert "health" not in others


@pytest.mark.fault("L4")
def test_a_stream_ends_with_its_session_and_follows_what_its_person_may_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_stream, "RECHECK", 0.0)
    monkeypatch.setattr(live_stream, "GATHERED", 0.0)
    seers = iter([Seer(7, frozenset({MINE, OTHERS})), Seer(7, frozenset({OTHERS})), None])
    seen_as(monkeypatch, lambda: next(seers))

    async def watch() -> list[str]:
        client = Client(ANA)
        events, hub = live_stream._events(client, "key"), Hub()
        hub.clients = {client}
        heard = await told(events, 2)
        for _ in range(4):
            for account in (MINE, OTHERS):
                hub._deliver(json.dumps({"account": account, "runs": [[account, 1]]}))
            heard += await told(events, 1)
        return heard + await told(events)

    heard = asyncio.run(watch())
    news = [json.loads(each) for each in re.findall(r"data: (.*runs.*)", "".join(heard))]
    accounts = [account for each in news for account, _ in each["runs"]]
    assert names(heard)[-1] == "signed-out"
    assert accounts[0] == MINE
    assert accounts.count(MINE) <= 2


@pytest.mark.fault("L4")
def test_no_stream_lasts_longer_than_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert live_stream.LONGEST <= 15 * 60
    assert live_stream.RECHECK <= 30
    monkeypatch.setattr(live_stream, "LONGEST", 0.3)
    monkeypatch.setattr(live_stream, "HEARTBEAT", 0.1)
    heard = asyncio.run(told(live_stream._events(Client(ANA), "key")))
    assert 2 < len(heard) < 10


@pytest.mark.fault("L7")
def test_without_its_source_the_stream_stays_and_says_so_and_says_when_it_is_back(
    settings: Any,
) -> None:
    address = settings.REDIS_URL

    async def outage() -> list[str]:
        hub, client = Hub(), Client(ANA)
        hub.clients = {client}
        settings.REDIS_URL = "redis://127.0.0.1:9/0"
        feeding = asyncio.create_task(hub.run())
        async with asyncio.timeout(20):
            heard = [str(await client.queue.get())]
            assert not hub.is_connected
            settings.REDIS_URL = address
            while "hello" not in heard[-1]:
                heard.append(str(await client.queue.get()))
        feeding.cancel()
        return heard

    heard = names(asyncio.run(outage()))
    assert (heard[0], heard[-1]) == ("degraded", "hello")


@pytest.mark.fault("L10")
def test_nothing_that_is_published_forges_an_event(settings: Any) -> None:
    forged = "x\n\nevent: signed-out\ndata: {}\n\n"

    async def heard_of(say: Callable[[], None]) -> str:
        hub, client = Hub(), Client(ANA)
        hub.clients = {client}
        feeding = asyncio.create_task(hub.run())
        async with asyncio.timeout(20):
            await client.queue.get()  # hello
            await asyncio.to_thread(say)
            event = str(await client.queue.get())
        feeding.cancel()
        return event

    for say in (
        lambda: publish.publish_health(MINE, forged),
        lambda: publish.publish_command(MINE, 1, forged, forged),
    ):
        event = asyncio.run(heard_of(say))
        assert names([event]) == ["changes"]
        assert event.count("\n") == 3
        assert event.endswith("\n\n")
        assert {"health", "commands"} & json.loads(event.split("data: ", 1)[1]).keys()
