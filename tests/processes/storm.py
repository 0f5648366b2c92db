"""A bad hour in operations: many runs, many commands, lost answers, processes shot while they work.

`Storm` acts from outside only: the API, the simulators' switches, kill -9, SQL to look. Nine
incidents hit those who poll, send and schedule; a longer storm goes on with these and with the
others: pages, stream, listener, the database, a worker that stands still.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

from config.demo_accounts import EXTRA_SETTINGS
from providers.demo import serve
from tests.product import Product

PROVIDERS: dict[str, dict[str, Any]] = {
    "smartflows": {"speed": 1.0, "long_poll": False},
    "eightx8": {"speed": 2.5},
    "generio": {"speed": 1.5},
    "flow8": {"speed": 1.2},
}
SCENARIOS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "smartflows": [
        ("two_round_form", {}),
        ("long_running", {"seconds": 60.0}),
        ("one_round_form", {}),
        ("waiting_esign", {"seconds": 6.0}),
        ("failing", {}),
        ("queued_long", {"seconds": 8.0}),
        ("waiting_esign", {}),
    ],
    "eightx8": [
        ("running_long", {}),
        ("suspended_by_fault", {}),
        ("running_long", {}),
        ("quick_success", {}),
        ("faulted", {}),
    ],
    "generio": [
        ("long_running", {"seconds": 90.0}),
        ("created_waits", {}),
        ("generate_success", {"seconds": 6.0}),
        ("failing", {}),
        ("created_waits", {}),
        ("partial_output_error", {}),
    ],
    "flow8": [
        ("approval", {}),
        ("parallel_approvals", {}),
        ("quick_done", {}),
        ("two_approvals", {}),
        ("failing", {}),
        ("skip", {}),
    ],
}
# Only runs that nothing else ends: a cancel that is confirmed was ours.
CANCELABLE = {"long_running", "waiting_esign", "running_long"}
KINDS = ("cancel", "suspend", "resume", "answer", "start")
# How a provider is asked to do something, for faults that hit commands.
METHODS = {"smartflows": "DELETE", "eightx8": "PATCH", "generio": "PATCH", "flow8": "POST"}
# What meets a command instead of its answer; after most of them it has been carried out.
DOUBTS: list[dict[str, Any]] = [
    {"mode": "down", "execute": "before"},
    {"mode": "down", "execute": "never"},
    {"mode": "error", "status": 503, "retry_after": 1, "execute": "before"},
    {"mode": "error", "status": 502, "execute": "before"},
    {"mode": "error", "status": 502, "execute": "never"},
    {"mode": "error", "status": 504, "execute": "before"},
    {"mode": "cut"},
]
STARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "smartflows": lambda mark: {"xml": f"<mark>{mark}</mark>"},
    "eightx8": lambda mark: {"arguments": {"mark": mark}},
    "generio": lambda mark: {"mark": mark, "input": "a chair with three legs"},
    "flow8": lambda mark: {"arguments": {"mark": mark}},
}

ACTABLE = """
    SELECT e.id, a.provider, e.ref, e.offers::text[] FROM executions_execution e
    JOIN providers_provideraccount a ON a.id = e.account_id
    WHERE e.offers <> '{}' AND a.name LIKE 'Storm %%' AND NOT EXISTS (
        SELECT 1 FROM executions_command c WHERE c.execution_id = e.id
        AND c.state IN ('pending', 'sending', 'accepted', 'unknown'))
    ORDER BY e.id
"""
OPEN = "SELECT key, state FROM executions_command WHERE state = ANY(%s)"


def plain_answer(field: dict[str, Any]) -> Any:
    """What a person may type into it, whatever it asks for."""
    if field.get("enum"):
        return field["enum"][0]
    return {"integer": 1, "number": 1, "boolean": True}.get(field.get("type", ""), "looks right")


class Storm:
    def __init__(
        self, product: Product, sims: dict[str, serve.Running], seed: int, *, kills: int, least: int
    ) -> None:
        """So many incidents, and at least so many commands."""
        self.product = product
        self.kills, self.least = kills, least
        self.sims = sims
        self.chance = random.Random(seed)
        self.turns: dict[str, Iterator[tuple[str, dict[str, Any]]]] = {}
        self.doubts: dict[str, Iterator[dict[str, Any]]] = {}
        self.marks: dict[str, str] = {}  # command key -> the mark of its effect
        self.asked: Counter[str] = Counter()  # kinds of command
        self.shot: list[tuple[str, list[Any]]] = []  # who, and the commands it was sending
        self.refused: list[str] = []  # what the API said no to
        self.people = [""]  # whose turn it is to ask comes first; their tokens

    def add_people(self, number: int) -> None:
        """Who ask as well: a person may send so many commands a minute."""
        for n in range(number):
            name = ("--username", f"otto-{n}", "--email", f"otto-{n}@example.com")
            self.product.manage("createsuperuser", "--noinput", *name)
            told = self.product.manage("token", f"otto-{n}").stdout
            self.people.append(told.split()[-1])

    def add_accounts(self) -> None:
        accounts = [
            {
                "name": f"Storm {key}",
                "provider": key,
                "settings": {"base_url": sim.base_url, **EXTRA_SETTINGS.get(key, {})},
                "credentials": {"api_key": sim.api_key},
                "poll_every": 1,
            }
            for key, sim in self.sims.items()
        ]
        path = self.product.folder / "storm.yaml"
        path.write_text(json.dumps({"accounts": accounts}))
        self.product.manage("accounts", "apply", str(path))

    # ------------------------------------------------------------------------- what goes on

    def rage(self, seconds: float) -> None:
        """Runs and commands all the time, an incident now and then; on a busy machine it takes
        longer, until every incident has happened and enough was asked for."""
        incidents = self._incidents()
        began = time.monotonic()
        every = seconds / self.kills
        beginnings = 0
        while (elapsed := time.monotonic() - began) < seconds or (
            elapsed < 8 * seconds
            and (
                len(self.shot) < self.kills
                or not self.has_asked_enough()
                or not self.has_left_enough_in_doubt()
            )
        ):
            if elapsed > every * (len(self.shot) + 0.5) and len(self.shot) < self.kills:
                next(incidents)()
            if elapsed > beginnings * 1.5:
                beginnings += 1
                self.begin_runs()
            if self.chance.random() < 0.6:
                self.lose_an_answer()
            self.act()
            self._keep_up(elapsed / seconds)
            time.sleep(0.4)

    def _keep_up(self, share: float) -> None:
        """Start runs until as much was asked for as belongs to this share of the time."""
        for _ in range(10):
            if len(self.marks) >= min(share, 1) * self.least:
                return
            self.start_run(self.chance.choice(list(self.sims)))

    def has_asked_enough(self) -> bool:
        return len(self.marks) >= self.least and all(self.asked[kind] >= 2 for kind in KINDS)

    def in_doubt(self) -> list[dict[str, Any]]:
        """Commands, as the simulators logged them, without an answer or with one of a gateway."""
        return [
            entry
            for sim in self.sims.values()
            for entry in sim.log
            if entry["status"] in (None, 502, 503, 504)
            and entry["method"] != "GET"
            and not entry["path"].endswith("/filter")
        ]

    def has_left_enough_in_doubt(self) -> bool:
        statuses = [entry["status"] for entry in self.in_doubt()]
        return len(statuses) >= 5 and len(statuses) - statuses.count(None) >= 2

    def _incidents(self) -> Iterator[Callable[[], None]]:
        usual: list[Callable[[], None]] = [
            lambda: self.shoot_poller("smartflows"),
            lambda: self.shoot_worker("eightx8", "before"),
            lambda: self.shoot_poller("flow8"),
            lambda: self.shoot_worker("generio", "never"),
            self.shoot_broker,
            lambda: self.shoot_worker("flow8", "after"),
            lambda: self.shoot_poller("eightx8"),
            lambda: self._shoot("beat"),
            lambda: self.shoot_worker("eightx8", "never", cancel=True),
        ]
        more: list[Callable[[], None]] = [
            lambda: self._shoot("web", is_back=self.product.is_up),
            lambda: self.freeze("worker"),
            lambda: self._shoot("live"),
            self.restart_database,
            lambda: self._shoot("listener"),
            lambda: self.freeze("poller"),
        ]
        yield from usual
        yield from cycle([*more, *usual])

    def begin_runs(self) -> None:
        for key, sim in self.sims.items():
            turns = self.turns.setdefault(key, iter(()))
            following = next(turns, None)
            if following is None:
                self.turns[key] = iter(SCENARIOS[key])
                following = next(self.turns[key])
            sim.start(following[0], **following[1])

    def lose_an_answer(self) -> None:
        """The next command of one provider gets no answer that says what became of it."""
        key = self.chance.choice(list(self.sims))
        method = self.chance.choice([METHODS[key], "POST"])
        doubt = self.doubts.setdefault(key, iter(()))
        following = next(doubt, None)
        if following is None:
            self.doubts[key] = iter(self.chance.sample(DOUBTS, len(DOUBTS)))
            following = next(self.doubts[key])
        self.sims[key].fault(**following, method=method, times=1)

    # ---------------------------------------------------------------------------- commands

    def act(self) -> None:
        """One command of a person, through the API."""
        rows = self.product.query(ACTABLE)
        self.chance.shuffle(rows)
        if self.chance.random() < 0.15:
            self.start_run(self.chance.choice(list(self.sims)))
            return
        rows.sort(key=lambda row: min(self.asked[verb] for verb in row[3]))  # the rare ones first
        for pk, provider, ref, offers in rows:
            short = ref.rpartition("/")[2]
            verb = self._choose(provider, short, offers)
            if verb == "answer":
                self.answer(pk, short)
                return
            if verb:
                self.command(f"executions/{pk}/commands", short, {"kind": verb})
                return

    def _choose(self, provider: str, ref: str, offers: list[str]) -> str:
        for verb in ("answer", "resume"):
            if verb in offers:
                return verb
        run = self.sims[provider].world.runs[ref]
        if run.scenario not in CANCELABLE:
            return ""
        ends = [verb for verb in ("suspend", "cancel") if verb in offers]
        return min(ends, key=self.asked.__getitem__, default="")

    def answer(self, pk: int, ref: str) -> None:
        """The first question that nobody answers at the moment."""
        for question in self.product.api("GET", f"executions/{pk}").json()["questions"]:
            if question["kind"] == "approval":
                values = {"choice": "approved", "note": "checked by phone"}
            else:
                properties = (question["schema"] or {}).get("properties", {})
                given = {name: text for name, text in (question["model"] or {}).items() if text}
                values = {name: plain_answer(field) for name, field in properties.items()} | given
            posted = {"kind": "answer", "question": question["ref"], "values": values}
            self.command(f"executions/{pk}/commands", ref, posted)
            return

    def start_run(self, provider: str) -> None:
        rows = self.product.query(
            "SELECT w.id FROM executions_workflow w JOIN providers_provideraccount a"
            " ON a.id = w.account_id WHERE a.name = %s AND w.can_start"
            " AND (a.provider <> 'generio' OR w.name LIKE '%%fromprompt') ORDER BY w.id",
            f"Storm {provider}",
        )
        if rows:
            mark = f"{provider}-{len(self.marks)}"
            posted = {"arguments": STARTS[provider](mark)}
            self.command(f"workflows/{self.chance.choice(rows)[0]}/runs", mark, posted)

    def command(self, path: str, mark: str, posted: dict[str, Any]) -> None:
        self.people.append(token := self.people.pop(0))
        told = self.product.api("POST", path, token, json=posted)
        if told.status_code == 202:
            self.marks[told.json()["key"]] = mark
            self.asked[posted.get("kind", "start")] += 1
        else:
            assert told.status_code in (409, 429), told.text
            self.refused.append(told.json()["message"])

    # --------------------------------------------------------------------------- incidents

    def shoot_worker(self, provider: str, execute: str, *, cancel: bool = False) -> None:
        """kill -9 while it waits for the answer to a command."""
        sim = self.sims[provider]
        method = METHODS[provider] if cancel else "POST"
        sim.fault("slow", method=method, times=1, seconds=2.0, execute=execute)
        deadline = time.monotonic() + 20
        asked_at = 0.0
        while not self._in_flight(sim, method) and time.monotonic() < deadline:
            if time.monotonic() - asked_at > 3:
                asked_at = time.monotonic()
                if cancel:
                    self.act()
                else:
                    self.start_run(provider)
            time.sleep(0.05)
        self._shoot("worker")

    def shoot_poller(self, provider: str) -> None:
        """kill -9 while it waits for a list or a run."""
        sim = self.sims[provider]
        sim.fault("slow", method="GET", times=1, seconds=1.5)
        deadline = time.monotonic() + 6
        while not self._in_flight(sim, "GET") and time.monotonic() < deadline:
            time.sleep(0.02)
        self._shoot("poller")

    def _shoot(self, name: str, is_back: Callable[[], bool] | None = None) -> None:
        sending = self._sending()
        self.product.kill(name)
        self.shot.append((name, sending))
        for sim in self.sims.values():
            sim.fault("ok")
        time.sleep(0.5)
        self.product.start(name)
        if is_back:
            self.product.wait_until(is_back, f"{name} is back")

    def freeze(self, name: str) -> None:
        """It stands still for so long that others take it for dead."""
        self.shot.append((f"{name} stood still", self._sending()))
        self.product.freeze(name, 5)

    def restart_database(self) -> None:
        self.shot.append(("database", self._sending()))
        self.product.restart_database()
        self.product.wait_until(
            lambda: self.product.readiness()["checks"]["database"], "pages find it"
        )

    def shoot_broker(self) -> None:
        self.product.kill_broker()
        self.shot.append(("broker", self._sending()))
        until = time.monotonic() + 3
        while time.monotonic() < until:
            self.act()
            time.sleep(0.3)
        self.product.start_broker()

    def _sending(self) -> list[Any]:
        return self.product.query(OPEN, ["sending"])

    @staticmethod
    def _in_flight(sim: serve.Running, method: str) -> bool:
        """Whether the newest such request still waits for its answer."""
        newest = next((e for e in reversed(sim.world.log[-5:]) if e["method"] == method), None)
        return newest is not None and newest["status"] is None and sim.world.faults.times == 0

    # ----------------------------------------------------------------------------- the end

    def calm(self) -> None:
        """No more faults; wait until every command is settled, then let no run move any more."""
        for sim in self.sims.values():
            sim.fault("ok")
        states = ["pending", "sending", "accepted", "unknown"]
        self.product.wait_until(lambda: not self.product.query(OPEN, states), "settled", 60)
        for sim in self.sims.values():
            sim.world.advance()
            sim.world.speed = 1e-9
        self.product.wait_until(self._is_up_to_date, "the last status of every run is stored", 30)

    def _is_up_to_date(self) -> bool:
        rows = self.product.query("SELECT ref, native_status FROM executions_execution")
        stored = {ref.rpartition("/")[2]: native for ref, native in rows}
        runs = [run for sim in self.sims.values() for run in sim.world.runs.values()]
        return all(stored.get(run.ref) == run.status for run in runs)
