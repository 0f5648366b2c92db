"""The simulated company on a clock of its own: what is there at once, what moves, what a night
leaves, and what its month looks like."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from providers.demo import persistence, serve
from providers.demo.flow8.runs import Play
from providers.demo.simulator import Run, World
from providers.demo.smartflows.runs import Execution
from providers.demo.trade import ERP_AWAY
from providers.demo.traffic import HISTORY, MOST_RUNS, MUCH_LATER, SOON, is_bad

BEGIN = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)  # a Wednesday
SCREEN = 18  # rows
SEEN_EVERY = 4  # seconds between two polls
FINAL = {"Success", "Warning", "Error", "Canceled", "Interrupted", "DONE", "FAIL", "SKIP",
         "FILTERED", "Complete", "Terminated", "completed", "aborted", "failed"}  # fmt: skip
FAILED = {"Error", "Interrupted", "FAIL", "Terminated", "failed"}

Case = tuple[str, str]


class Clock:
    def __init__(self, at: datetime = BEGIN) -> None:
        self.at = at.timestamp()

    def __call__(self) -> float:
        return self.at


class Company:
    """The four worlds at one time, as `serve` makes them; of an earlier life, if it was saved."""

    def __init__(self, at: datetime = BEGIN, saved: Path | None = None) -> None:
        self.clock = Clock(at)
        self.worlds = {
            key: World(seed=7 + place, now=self.clock) for place, key in enumerate(serve.PORTS)
        }
        for key, world in self.worlds.items():
            if saved:
                persistence.load(key, world, saved)
            serve.app_of(key, world)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.at, UTC)

    def pass_time(self, span: timedelta, step: float = 1.0) -> Iterator[None]:
        end = self.clock.at + span.total_seconds()
        while self.clock.at < end:
            self.clock.at += step
            for world in self.worlds.values():
                world.tick()
            yield

    def runs(self) -> list[Run]:
        """Newest first, as a list shows them."""
        found = [run for world in self.worlds.values() for run in world.runs.values()]
        return sorted(found, key=lambda run: run.created_at, reverse=True)

    def open_runs(self) -> list[Run]:
        return [run for run in self.runs() if run.status not in FINAL]

    def questions(self) -> list[tuple[Run, str]]:
        """What waits for a person: the run and what it asks."""
        found: list[tuple[Run, str]] = []
        for run in self.open_runs():
            if isinstance(run, Play) and run.status == "WAIT":
                found += [(run, ref) for ref in run.asking()]
            elif isinstance(run, Execution) and run.status in ("UserInput", "SelectFlow"):
                found.append((run, run.scenario))
        return found

    def tries(self) -> dict[Case, list[Run]]:
        """The cases in which a run failed lately, with their runs, oldest first."""
        runs: dict[Case, list[Run]] = defaultdict(list)
        for run in reversed(self.runs()):
            if not run.is_made_up:
                runs[case_of(run)].append(run)
        return {case: tried for case, tried in runs.items() if any(map(has_failed, tried))}

    def failing(self) -> list[Case]:
        """Those that no run has made good yet."""
        return [
            case
            for case, tried in self.tries().items()
            if has_failed([run for run in tried if run.is_final][-1])
        ]


def case_of(run: Run) -> Case:
    """What was to be done, and with what: the same for each try."""
    doer = getattr(run, "flow", None) or getattr(run, "definition", None) or run.job.template  # type: ignore[attr-defined]
    return doer.id, repr(values_of(run))


def has_failed(run: Run) -> bool:
    """8x8 says Terminated as well of what somebody ended: without an error."""
    return run.status in FAILED and bool(getattr(run, "errors", True))


@pytest.fixture(scope="module")
def morning() -> Company:
    """Looked at, not moved."""
    return Company()


def shown_status(run: Run) -> Any:
    """What a list or its detail says: 8x8 has one word for running and waiting."""
    step = getattr(run, "open", None)
    return step[1].step_status if step else run.status


def values_of(run: Run) -> dict[str, Any]:
    """The values that a person knows it by, wherever this provider has them."""
    if isinstance(run, Play):
        return run.args
    if isinstance(run, Execution):
        return dict(run.input or {})
    if hasattr(run, "job"):
        return dict(run.job.additional or {})
    return dict(run.payload)  # type: ignore[attr-defined]


def test_at_once_runs_of_all_engines_are_in_mid_life_and_forms_of_every_kind_wait(morning):
    questions = morning.questions()
    asking = {run.ref for run, _ in questions}
    under_way = [run for run in morning.open_runs() if run.ref not in asking]
    assert 22 <= len(under_way) <= 36
    assert len({type(run) for run in under_way}) == len(serve.PORTS)
    kinds = {what for _, what in questions}
    assert {"big_form", "one_round_form", "two_round_form", "choice_form", "review_form",
            "select_flow", "approvePayOut", "signOffLegal", "signOffActuary",
            "releaseByCostCenter"} <= kinds  # fmt: skip
    assert len(questions) < 15


def test_in_each_of_the_first_ten_half_minutes_ten_rows_of_the_first_screen_change():
    company = Company()
    changes, came = [], []
    before: dict[str, Any] = {run.ref: shown_status(run) for run in company.runs()[:SCREEN]}
    for _ in range(10):
        changed = new = 0
        for tick, _ in enumerate(company.pass_time(timedelta(seconds=30))):
            if tick % SEEN_EVERY:
                continue
            now = {run.ref: shown_status(run) for run in company.runs()[:SCREEN]}
            changed += sum(now[ref] != before[ref] for ref in now.keys() & before.keys())
            new += len(now.keys() - before.keys())
            before = now
        changes.append(changed)
        came.append(new)
    assert min(changes) >= 14, f"{changes}: polls of four seconds miss some of them"
    assert sum(came) <= 30, "the list drowns in new rows"


def test_a_night_leaves_nothing_unfinished_and_withdraws_what_nobody_answers():
    company = Company(BEGIN + timedelta(hours=7))
    most, seen = 0, {run.ref for run, _ in company.questions()}
    for second, _ in enumerate(company.pass_time(timedelta(hours=12), step=10)):
        if second % 6 == 0:
            questions = company.questions()
            most = max(most, len(questions))
            seen |= {run.ref for run, _ in questions}
    assert most < 15
    assert len(seen) > 25, "questions come all night"
    long_ago = company.runs()[0].created_at - timedelta(hours=4)
    old = [run for run in company.open_runs() if run.created_at < long_ago]
    assert [(run.scenario, run.status) for run in old] == []
    assert len(company.open_runs()) < 40
    ended = [run for run in company.runs() if run.ref in seen and run.is_final]
    assert {"Canceled", "SKIP"} <= {run.status for run in ended}
    assert max(len(world.runs) for world in company.worlds.values()) <= MOST_RUNS


def test_what_fails_is_made_good_but_for_a_few_that_wait_for_people():
    company = Company(BEGIN + timedelta(days=2, hours=7))  # a Friday evening
    counts = [
        len(company.failing())
        for tick, _ in enumerate(company.pass_time(timedelta(hours=24), step=20))
        if tick % 30 == 0  # every ten minutes
    ]
    assert 1 <= min(counts) <= max(counts) <= 20, counts
    an_hour_ago = company.runs()[0].created_at - timedelta(hours=1)
    tries = {
        case: tried
        for case, tried in company.tries().items()
        if next(filter(has_failed, tried)).entered_at < an_hour_ago
    }
    left = [case for case, tried in tries.items() if has_failed(tried[-1])]
    assert len(tries) >= 20
    assert 1 <= len(left) <= 0.4 * len(tries)
    for case in left:
        assert company.now() - tries[case][-1].entered_at < MUCH_LATER[1], f"{case} was forgotten"
    waited = [
        later.created_at - run.entered_at
        for tried in tries.values()
        for run, later in pairwise(tried)
        if has_failed(run)
    ]
    assert sum(each <= SOON[1] for each in waited) >= 0.7 * len(tries)
    assert all(each <= SOON[1] or each >= MUCH_LATER[0] for each in waited)


def test_what_came_due_while_it_was_stopped_was_begun_again_at_its_moment(tmp_path: Path):
    company = Company()
    for _ in company.pass_time(timedelta(minutes=3)):
        pass
    last = {case: tried[-1] for case, tried in company.tries().items()}
    failed = {case: run for case, run in last.items() if has_failed(run)}
    persistence.save_all(company.worlds, tmp_path)
    closed_at = company.now()
    again = Company(closed_at + MUCH_LATER[1], saved=tmp_path)
    waited = []
    for case, run in failed.items():
        begun = [each.created_at for each in again.tries()[case] if each.created_at > closed_at]
        assert begun, f"{case} was never begun again"
        waited.append(begun[0] - run.entered_at)
    soon = [each for each in waited if SOON[0] <= each <= SOON[1]]
    later = [each for each in waited if MUCH_LATER[0] <= each <= MUCH_LATER[1]]
    assert len(soon) + len(later) == len(waited), waited
    assert min(len(soon), len(later)) >= 1, waited


def test_an_hour_after_the_start_the_pace_is_that_of_a_company():
    company = Company()
    counts = []
    for _ in range(2):
        before = len(company.runs())
        for _ in company.pass_time(timedelta(hours=1), step=10):
            pass
        counts.append(len(company.runs()) - before)
    assert counts[1] < counts[0] * 0.65


def test_orders_and_claims_recur_across_the_engines(morning):
    engines = defaultdict(set)
    for key, world in morning.worlds.items():
        for run in world.runs.values():
            for name in ("order", "claim"):
                if name in values_of(run):
                    engines[values_of(run)[name]].add(key)
    of_several = [value for value, keys in engines.items() if len(keys) >= 2]
    assert len([value for value in of_several if value.startswith("ORD-")]) > 100
    assert len([value for value in of_several if value.startswith("CLM-")]) > 3
    recent = {values_of(run).get("order") for run in morning.runs()[:60]}
    assert any(len(engines[value]) >= 3 for value in recent if value)
    assert len({values_of(run).get("order") for run in morning.runs()[:SCREEN]}) >= 5


def test_every_run_has_a_value_that_a_person_knows(morning):
    known = ("order", "claim", "invoice", "invoiceId", "customer", "article")
    nameless = [run.scenario for run in morning.runs() if not values_of(run).keys() & set(known)]
    assert nameless == []


def test_a_month_lies_before_it_with_working_hours_weekends_and_a_bad_day(morning):
    past = [run for run in morning.runs() if run.created_at < BEGIN - timedelta(hours=1)]
    assert min(run.created_at for run in past) < BEGIN - HISTORY + timedelta(days=1)
    per_day = Counter(run.created_at.date() for run in past)
    weekdays = [n for day, n in per_day.items() if day.weekday() < 5 and day < BEGIN.date()]
    weekends = [n for day, n in per_day.items() if day.weekday() >= 5]
    assert len(weekdays) + len(weekends) >= 30
    assert sum(weekends) / len(weekends) < sum(weekdays) / len(weekdays) / 3
    in_office = sum(6 <= run.created_at.hour < 18 for run in past)
    assert in_office > 0.85 * len(past)
    bad = [run for run in past if is_bad(run.created_at, BEGIN)]
    bad_share = sum(run.status in ("Error", "FAIL", "Terminated", "failed") for run in bad)
    usual = sum(run.status in ("Error", "FAIL", "Terminated", "failed") for run in past)
    assert bad_share / len(bad) > 4 * usual / len(past)
    assert usual / len(past) < 0.12
    assert 2500 <= len(past) <= 4000, "imported within seconds"


def fails_at_the_erp(run: Run) -> bool:
    if isinstance(run, Execution):
        return ERP_AWAY in run.message
    return ERP_AWAY in repr(run.layers if isinstance(run, Play) else getattr(run, "errors", ""))


def test_three_engines_fail_of_the_same_error(morning):
    told = {
        key
        for key, world in morning.worlds.items()
        if any(fails_at_the_erp(run) for run in world.runs.values())
    }
    assert told == {"smartflows", "eightx8", "flow8"}
    lately = [run for run in morning.runs()[:80] if run.scenario == "erp_away"]
    assert len(lately) >= 3


def test_every_name_is_written_in_letters_that_every_machine_has(morning):
    for world in morning.worlds.values():
        text = repr([values_of(run) for run in world.runs.values()])
        text += repr([getattr(run, "flow", None) for run in world.runs.values()])
        text += repr(world.kept)
        strange = {letter for letter in text if ord(letter) > 0x24F and letter not in "–—“”‘’…"}
        assert not strange


@pytest.mark.parametrize("key", serve.PORTS)
def test_history_is_not_saved_and_is_the_same_after_a_restart(key, tmp_path: Path):
    clock = Clock()
    first = World(seed=3, now=clock)
    serve.app_of(key, first)
    clock.at += 120
    first.tick()
    persistence.save(key, first, tmp_path)
    assert (tmp_path / f"{key}.json").stat().st_size < 600_000
    clock.at += 30
    again = World(seed=3, now=clock)
    persistence.load(key, again, tmp_path)
    serve.app_of(key, again)
    before = {ref: (run.scenario, run.created_at, run.changes) for ref, run in first.runs.items()}
    after = {ref: (run.scenario, run.created_at, run.changes) for ref, run in again.runs.items()}
    assert before.keys() <= after.keys()
    assert len(after.keys() - before.keys()) <= 3  # came while it was away
    assert {ref: after[ref] for ref in before} == before
