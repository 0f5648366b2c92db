"""Real processes are shot while they poll and send; nothing is lost, nothing is doubled.

ANNUNCIATOR_CHAOS_SECONDS makes the storm last longer (default 30), ANNUNCIATOR_CHAOS_SEED makes
another one; ANNUNCIATOR_CHAOS_KILLS and ANNUNCIATOR_CHAOS_COMMANDS make it worse (default 9, and
one command every two seconds).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from contextlib import ExitStack
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from providers.demo import serve
from tests.processes.checker import (
    History,
    Move,
    Sent,
    Span,
    command_problems,
    effects_of,
    history_problems,
    stages_of,
)
from tests.processes.storm import ACTABLE, KINDS, PROVIDERS, Storm
from tests.product import Product

pytestmark = [pytest.mark.processes, pytest.mark.chaos]
SECONDS = float(os.environ.get("ANNUNCIATOR_CHAOS_SECONDS", "30"))
SEED = int(os.environ.get("ANNUNCIATOR_CHAOS_SEED", "7"))
KILLS = int(os.environ.get("ANNUNCIATOR_CHAOS_KILLS", "9"))
COMMANDS = int(os.environ.get("ANNUNCIATOR_CHAOS_COMMANDS", SECONDS / 2))


@pytest.mark.timeout(int(8 * SECONDS) + 240)
@pytest.mark.fault("P1", "P2", "P3", "P4", "P6", "C4", "C5", "C6")
def test_nothing_is_lost_or_doubled_when_processes_die(product: Product) -> None:
    with ExitStack() as stack:
        sims = {
            key: stack.enter_context(serve.running(key, seed=SEED, **options))
            for key, options in PROVIDERS.items()
        }
        storm = Storm(product, sims, SEED, kills=KILLS, least=COMMANDS)
        storm.add_accounts()
        storm.add_people(int(COMMANDS / SECONDS))
        storm.begin_runs()
        product.wait_until(lambda: len(product.query(ACTABLE)) >= 2, "the first runs are stored")
        storm.rage(SECONDS)
        storm.calm()
        histories = [each for key in sims for each in histories_of(product, storm, key)]
        effects = {key: effects_of(key, sim.effects) for key, sim in sims.items()}
        commands = {key: commands_of(product, storm, key) for key in sims}
        report(histories, commands, storm)
        problems = [problem for each in histories for problem in history_problems(each)]
        for key in sims:
            problems += [f"{key}: {p}" for p in command_problems(commands[key], effects[key])]
        assert problems == []
        check_that_it_was_a_storm(product, storm, commands)
        check_that_a_loss_would_show(histories)
        check_that_a_second_sending_would_show(storm, commands)


def histories_of(product: Product, storm: Storm, key: str) -> list[History]:
    name = f"Storm {key}"
    polls = product.query(
        "SELECT r.started_at, r.finished_at FROM executions_pollrun r"
        " JOIN providers_provideraccount a ON a.id = r.account_id"
        " WHERE a.name = %s AND r.outcome = 'ok' ORDER BY r.started_at",
        name,
    )
    moves: dict[str, list[Move]] = {}
    for ref, *rest in product.query(
        "SELECT e.ref, t.version, t.from_status, t.to_status, t.native_status, t.observed_at"
        " FROM executions_transition t JOIN executions_execution e ON e.id = t.execution_id"
        " JOIN providers_provideraccount a ON a.id = e.account_id WHERE a.name = %s"
        " ORDER BY e.ref, t.version, t.observed_at",
        name,
    ):
        version, old, new, word, at = rest
        word = {"starting": "running", "aborting": "running"}.get(word, word)
        moves.setdefault(ref.rpartition("/")[2], []).append(Move(version, old, new, word, at))
    spans = [Span(*row) for row in polls]
    return [
        History(run["ref"], stages_of(key, run["changes"]), moves.get(run["ref"], []), spans)
        for run in storm.sims[key].script
    ]


def commands_of(product: Product, storm: Storm, key: str) -> list[Sent]:
    rows = product.query(
        "SELECT c.key::text, c.kind, c.state, c.message FROM executions_command c"
        " JOIN providers_provideraccount a ON a.id = c.account_id WHERE a.name = %s",
        f"Storm {key}",
    )
    return [Sent(kind, storm.marks[pk], state, message) for pk, kind, state, message in rows]


def report(histories: list[History], commands: dict[str, list[Sent]], storm: Storm) -> None:
    """For `pytest -s` and for whoever reads a failure."""
    states = Counter((each.kind, each.state) for sent in commands.values() for each in sent)
    lines = [
        f"{len(histories)} runs, {sum(len(each.moves) for each in histories)} transitions",
        *(f"{kind} {state}: {count}" for (kind, state), count in sorted(states.items())),
        f"shot: {[(name, len(sending)) for name, sending in storm.shot]}",
        f"refused by the API: {Counter(storm.refused)}",
        *(
            f"{key}: {each.kind} {each.mark} {each.state}: {each.message}"
            for key, sent in commands.items()
            for each in sent
            if each.state != "confirmed"
        ),
    ]
    print("\n".join(lines))  # noqa: T201


def check_that_it_was_a_storm(
    product: Product, storm: Storm, commands: dict[str, list[Sent]]
) -> None:
    """A test that shot nobody in the middle of something has shown nothing."""
    shot = Counter(name for name, _ in storm.shot)
    assert shot["worker"] >= 3
    assert shot["poller"] >= 3
    assert shot["broker"] >= 1
    assert shot["beat"] >= 1
    assert sum(bool(sending) for name, sending in storm.shot if name == "worker") >= 3
    everything = [each for sent in commands.values() for each in sent]
    assert storm.has_asked_enough()
    assert {each.kind for each in everything if each.state == "confirmed"} == set(KINDS)
    assert storm.has_left_enough_in_doubt(), storm.in_doubt()
    gaps = product.query(
        "SELECT a.name, a.poll_seq - count(r.id) FROM providers_provideraccount a"
        " LEFT JOIN executions_pollrun r ON r.account_id = a.id"
        " WHERE a.name LIKE 'Storm %%' GROUP BY a.id"
    )
    assert sum(gap for _, gap in gaps) >= 3, gaps  # polls that never came to their end


def check_that_a_loss_would_show(histories: list[History]) -> None:
    """The same check, after one row of each history was taken out or doubled."""
    rich = [each for each in histories if len(each.moves) >= 3]
    assert len(rich) >= 10
    for each in rich:
        middle = len(each.moves) // 2
        lost = [*each.moves[:middle], *each.moves[middle + 1 :]]
        doubled = [*each.moves[:middle], *each.moves[middle - 1 :]]
        assert history_problems(History(each.ref, each.stages, lost, each.polls))
        assert history_problems(History(each.ref, each.stages, doubled, each.polls))


def check_that_a_second_sending_would_show(storm: Storm, commands: dict[str, list[Sent]]) -> None:
    """The same check, after the request of a confirmed start went out once more, as it would after
    an answer that was misread."""
    confirmed = {
        key: [each.mark for each in sent if (each.kind, each.state) == ("start", "confirmed")]
        for key, sent in commands.items()
    }
    assert any(confirmed.values())
    for key, marks in confirmed.items():
        if marks:  # the newest: a simulator does not keep every request of a long storm
            mark = max(marks, key=lambda each: int(each.rpartition("-")[2]))
            send_again(storm.sims[key], mark)
            problems = command_problems(commands[key], effects_of(key, storm.sims[key].effects))
            assert problems == [f"start {mark}: carried out 2 times, expected 1"]


def send_again(sim: serve.Running, mark: str) -> None:
    entry = next(each for each in sim.log if names(each["body"], mark))
    body = entry["body"]
    if isinstance(body, dict):
        fresh = {"idempotencyKey": "another"} if "idempotencyKey" in body else {}
        body = json.dumps({**body, **fresh})
    kind = "application/xml" if body.startswith("<") else "application/json"
    headers = {"X-API-Key": sim.api_key, "Authorization": f"Bearer {sim.api_key}"}
    answer = requests.post(
        urljoin(sim.base_url, entry["path"]),
        params=entry["query"],
        data=body,
        headers={**headers, "Content-Type": kind},
        timeout=10,
    )
    answer.raise_for_status()


def names(body: Any, mark: str) -> bool:
    """Whether a request carries exactly this mark: "flow8-1" is not "flow8-12"."""
    return re.search(rf"\b{re.escape(mark)}\b", json.dumps(body)) is not None
