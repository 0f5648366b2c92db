"""Every provider's scenarios, whether they leave nothing out, and whether they would notice."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from providers.adapter import Adapter
from tests.providers import test_every_adapter
from tests.providers.conftest import Server, live_adapter, put_routes, serving
from tests.providers.mistakes import (
    COMMANDS,
    FORMS,
    MEANING,
    ROBUSTNESS,
    Class,
    Mistake,
    Weakness,
)
from tests.providers.recorded import KEYS, class_of
from tests.providers.scenarios import (
    CALLS,
    Stage,
    answer_of,
    complaints,
    described,
    scenarios,
)

SCENARIOS = {f"{each.key}: {each.name}": each for key in KEYS for each in scenarios(key)}
every_adapter = pytest.mark.parametrize("key", KEYS)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with serving(Stage()) as running:
        yield running


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_passes_between_adapter_and_provider_is_as_documented(name: str, stage: Stage) -> None:
    assert complaints(SCENARIOS[name], stage) == []


@every_adapter
def test_whatever_it_can_do_has_a_scenario(key: str) -> None:
    cls, known = class_of(key), scenarios(key)
    methods = {"poll": "snapshots", "read": "snapshot"}
    wanted = {call for call in CALLS if cls.can(getattr(Adapter, methods.get(call, call)))}
    assert {each.call for each in known} == wanted
    polls = [each.given["since"] for each in known if each.call == "poll"]
    assert None in polls, "a first poll, without since, has no scenario"
    assert set(polls) != {None}, "a later poll, with since, has no scenario"
    assert all(each.given["reads"] > 1 for each in known if each.call == "log")
    if cls.verbs():
        refused = [each for each in known if each.refused and each.call in COMMANDS]
        assert refused, "no scenario has a refused command"


# --------------------------------------------------------------------------- would they notice?


def finds(mistake: Mistake, key: str, cls: Class, stage: Stage) -> bool:
    """Whether a scenario of this provider complains about a class with this mistake."""
    relevant = [each for each in scenarios(key) if each.call in mistake.calls]
    if mistake.calls == COMMANDS:  # those of refusals
        relevant = [each for each in relevant if each.refused]
    return any(complaints(each, stage, cls) for each in relevant)


def missed(mistake: Mistake, key: str, stage: Stage) -> bool:
    """Whether an adapter can have this mistake and its scenarios would not notice."""
    cls = class_of(key)
    return mistake.fits(cls) and not finds(mistake, key, mistake.plant(cls), stage)


@every_adapter
def test_the_scenarios_find_every_mistake_of_meaning(key: str, stage: Stage) -> None:
    """What cannot go wrong at a provider, its scenarios name under `never`, with the reason."""
    assert all(described(key)["never"].values())
    assert misjudged(key, stage) == []


def misjudged(key: str, stage: Stage) -> list[str]:
    """How far its scenarios and its `never` are from the mistakes that they notice."""
    if failing := [each.name for each in scenarios(key) if complaints(each, stage)]:
        return [f"mend the failing scenarios first: {name}" for name in failing]
    unnoticed = {each.name for each in MEANING if missed(each, key, stage)}
    never = described(key)["never"].keys()
    return [
        *(f"not noticed: {name}" for name in sorted(unnoticed - never)),
        *(f"named under `never`, but noticed: {name}" for name in sorted(never - unnoticed)),
    ]


def test_it_says_which_mistake_is_not_noticed_and_which_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = dict(described("oddly")["never"])
    (name, _) = never.popitem()
    monkeypatch.setitem(described("oddly"), "never", {**never, "since is ignored": "untrue"})
    told = [f"not noticed: {name}", "named under `never`, but noticed: since is ignored"]
    assert misjudged("oddly", stage) == told


def test_scenarios_that_fail_are_to_be_mended_before_mistakes_are_looked_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *rest = scenarios("oddly")
    fails = replace(first, gives="Not what it says.", refused=None)
    monkeypatch.setattr(sys.modules[__name__], "scenarios", lambda key: (fails, *rest))
    assert misjudged("oddly", stage) == [f"mend the failing scenarios first: {first.name}"]


@pytest.mark.parametrize("answer", [{"response": {"id": 1}}, {"from": "stop_accepted", "row": [0]}])
def test_an_answer_of_a_scenario_with_a_word_that_means_nothing_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="An answer has no "):
        answer_of("oddly", answer)


def overlooked(mistake: Mistake, stage: Stage) -> list[str]:
    """The adapters in which the suite does not find it, but should."""
    keys = [
        key
        for key in KEYS
        if mistake.name not in described(key)["never"] and missed(mistake, key, stage)
    ]
    for form in FORMS:
        with form.planted():
            if form.mistake == mistake.name and not finds(
                mistake, form.key, class_of(form.key), stage
            ):
                keys.append(form.key)
    return keys


def outlived(weakness: Weakness) -> bool:
    """Whether the test that has to find it passes all the same; without it, it does pass."""
    cls = class_of(weakness.key)
    assert passes(weakness, cls)
    return passes(weakness, weakness.plant(cls))


def passes(weakness: Weakness, cls: Class) -> bool:
    test = getattr(test_every_adapter, weakness.test)
    with serving(Server()) as server:
        known = {
            "key": weakness.key,
            "server": server,
            "open_adapter": partial(live_adapter, server, cls=cls),
            "play": partial(put_routes, server),
            **weakness.given,
        }
        try:
            test(**{name: known[name] for name in inspect.signature(test).parameters})
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever fails a test
            return False
    return True


def test_the_suite_finds_what_is_planted(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    unfound = [f"{each.name}: {keys}" for each in MEANING if (keys := overlooked(each, stage))]
    unfound += [each.name for each in ROBUSTNESS if outlived(each)]
    planted = len(MEANING) + len(ROBUSTNESS)
    with capsys.disabled():
        print(f" {planted - len(unfound)} of {planted} ", end="")  # noqa: T201
    assert unfound == []
    assert {each.mistake for each in FORMS} <= {each.name for each in MEANING}
