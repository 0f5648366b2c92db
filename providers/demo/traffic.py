"""Keeps a simulated installation busy: a month of history, runs in mid-life, new ones now and then.

The company works from Monday to Friday. Its history follows its hours; what happens while somebody
looks is quicker, and calms down after an hour, so that the charts stay a company's. What waits for
a person is withdrawn when nobody answers for long, or when too much of it waits. What went wrong
while somebody looks is begun again for the same case.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any, Protocol

from providers.demo.runs import Run
from providers.demo.simulator import World

HISTORY = timedelta(days=30)
MID_LIFE = timedelta(minutes=10)  # before the first look, begun as if somebody had looked
LIVELY_FOR = timedelta(hours=1)  # after the start of the program
PATIENCE = timedelta(minutes=45)  # until a question is withdrawn
NO_QUESTIONS = timedelta(hours=2)  # before now: history asks nothing that could still wait
SOON = (timedelta(minutes=3), timedelta(minutes=9))  # from a failure until it is begun again
MUCH_LATER = (timedelta(hours=6), timedelta(hours=18))  # the same of what is left for people
LEFT_ALONE = 0.25  # share of failures; other work at the same order makes most of them good
MADE_GOOD = 0.85  # share of second attempts that succeed
LOOKED_EVERY = timedelta(seconds=1)  # for what went wrong
MOST_RUNS = 3_000  # a demo left alone for weeks must not grow for ever

SHARE_OF_DAY = (1.0, 1.1, 1.05, 1.0, 0.85, 0.16, 0.09)  # Monday to Sunday
SHARE_OF_HOUR = (1, 1, 3, 1, 2, 5, 14, 26, 33, 34, 31, 20, 24, 32, 31, 26, 17, 9, 5, 3, 2, 2, 1, 1)
OFFICE_HOURS = range(6, 18)  # UTC
BAD_WEEKDAY, BAD_HOURS, BAD_SHARE = 2, range(9, 15), 0.55  # the ERP was away that day


class Staff(Protocol):
    """What a simulator says of its own runs."""

    def begin_any(self, at: datetime, *, asks: bool, is_brief: bool = False) -> Any:
        """Start one run of chance at that moment. `asks`: it may wait for a person; `is_brief`:
        of the past, few steps are enough."""

    def begin_failing(self, at: datetime) -> Any:
        """Start one that fails as on the day when the ERP was away."""

    def begin_standing(self) -> None:
        """Start what waits already when somebody opens the demo."""

    def questions_of(self, run: Run) -> int:
        """How many answers a run waits for now."""

    def withdraw(self, run: Run) -> None:
        """Somebody in the engine itself takes the question back."""

    def needs_retry(self, run: Run) -> bool:
        """Whether it ended in a way that its staff do not leave at that."""

    def retry(self, run: Run, at: datetime, *, succeeds: bool) -> Run:
        """Start the workflow of a run that went wrong once more, with the same input."""


@dataclass
class Population:
    """One installation at work. `a_day`: runs of an ordinary Monday; `every`: real seconds from one
    new run to the next while it is lively; `most_questions`: open at a time."""

    world: World
    staff: Staff
    a_day: int = 60
    every: tuple[float, float] = (20.0, 34.0)
    most_questions: int = 6
    next_at: datetime = field(init=False)
    began_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.next_at = self.began_at = self.world.now()
        if self.world.populate:
            self._catch_up()
            self.world.ticks.append(self.tick)

    def _catch_up(self) -> None:
        """Make up what happened before, and since the earlier life of a world that was loaded."""
        now = self.world.now()
        self._write_history(self.world.keep("history until", lambda: now - MID_LIFE))
        if self.world.closed_at:
            for at in working_hours(self.world.random, self.world.closed_at, now, self.a_day):
                self.staff.begin_any(at, asks=at < now - NO_QUESTIONS, is_brief=True)
        if self.world.begins_anew:
            self.staff.begin_standing()
        at = max(now - MID_LIFE, self.world.closed_at or now - MID_LIFE)
        while (at := at + self._pause(at)) < now:
            self.staff.begin_any(at, asks=False)
        self._retry_failed(now)
        by_age = sorted(self.world.runs.items(), key=lambda item: item[1].created_at)
        self.world.runs = dict(by_age)

    def _write_history(self, until: datetime) -> None:
        """The same at each start, so that it need not be saved. Each run has chances of its own:
        one that goes on changes no other."""
        world, chance, loaded = self.world, self.world.random, self.world.runs
        seed = world.keep("history seed", lambda: chance.getrandbits(32))
        world.runs = {}
        moments = working_hours(Random(seed), until - HISTORY, until, self.a_day)
        for number, at in enumerate(moments):
            world.random = Random(seed + number)
            if is_bad(at, until) and world.random.random() < BAD_SHARE:
                self.staff.begin_failing(at)
            else:
                self.staff.begin_any(at, asks=at < until - NO_QUESTIONS, is_brief=True)
            made = next(reversed(world.runs.values()))
            made.is_made_up = made.is_final  # comes as far as it may with its own chances
        world.random = chance
        for run in (*loaded.values(), *world.erased):
            world.runs.pop(run.ref, None)
        world.runs |= loaded

    def tick(self) -> None:
        now = self.world.now()
        self._retry_failed(now)
        if now < self.next_at:
            return
        self.staff.begin_any(now, asks=True)
        self.next_at = now + self._pause(now)
        self._withdraw(now)
        self._forget()

    def _pause(self, at: datetime) -> timedelta:
        return timedelta(seconds=self.world.random.uniform(*self.every) * self._calm(at))

    def _calm(self, at: datetime) -> float:
        if at < self.began_at + LIVELY_FOR:
            return 1.0
        is_open = at.weekday() < 5 and at.hour in OFFICE_HOURS
        return 2.0 if is_open else 4.0

    def _retry_failed(self, now: datetime) -> None:
        """When, follows from each run itself, so that only the last look is kept: what came due
        while the program was stopped is begun at its moment, and what follows from that as well."""
        since = self.world.keep("last look", lambda: now - MID_LIFE)
        if now - since < LOOKED_EVERY:
            return
        self.world.kept["last look"] = now
        wrong = [
            run
            for run in self.world.runs.values()
            if not run.is_made_up
            and run.entered_at > since - MUCH_LATER[1]
            and self.staff.needs_retry(run)
        ]
        for run in wrong:
            while self.staff.needs_retry(run) and since < (at := again_at(run)) <= now:
                succeeds = self.world.random.random() < MADE_GOOD
                run = self.staff.retry(run, at, succeeds=succeeds)

    def _withdraw(self, now: datetime) -> None:
        """The oldest first."""
        waiting = [(run, self.staff.questions_of(run)) for run in self.world.open_runs()]
        asking = sorted((each for each in waiting if each[1]), key=lambda each: each[0].entered_at)
        count = sum(questions for _, questions in asking)
        for run, questions in asking:
            if count > self.most_questions or now - run.entered_at > PATIENCE:
                self.staff.withdraw(run)
                count -= questions

    def _forget(self) -> None:
        """Remove the oldest runs that have ended."""
        surplus = len(self.world.runs) - MOST_RUNS
        if surplus > 0:
            ended = [run.ref for run in self.world.runs.values() if run.is_final]
            for ref in ended[:surplus]:
                del self.world.runs[ref]


def working_hours(chance: Random, begin: datetime, end: datetime, a_day: int) -> Iterator[datetime]:
    """Moments between `begin` and `end`, in order, as a company's runs lie in its weeks."""
    day = begin.date()
    while day <= end.date():
        number = round(a_day * SHARE_OF_DAY[day.weekday()] * chance.uniform(0.85, 1.15))
        hours = chance.choices(range(24), SHARE_OF_HOUR, k=number)
        midnight = datetime.combine(day, time(), UTC)
        seconds = sorted(hour * 3600 + chance.uniform(0, 3600) for hour in hours)
        moments = (midnight + timedelta(seconds=each) for each in seconds)
        yield from (moment for moment in moments if begin <= moment < end)
        day += timedelta(days=1)


def is_bad(at: datetime, now: datetime) -> bool:
    """Whether the ERP was away: some hours of one Wednesday, a week or two ago."""
    days = (now.date() - at.date()).days
    return 7 <= days < 14 and at.weekday() == BAD_WEEKDAY and at.hour in BAD_HOURS


def again_at(run: Run) -> datetime:
    """When a run that went wrong is begun again: as chance has it, but the same after a restart."""
    chance = Random(run.ref)
    low, high = MUCH_LATER if chance.random() < LEFT_ALONE else SOON
    return run.entered_at + low + (high - low) * chance.random()


def answered_within(chance: Random, at: datetime, now: datetime) -> float:
    """Seconds until somebody answers in the engine itself; half of what is asked now waits for
    people here."""
    if now - at < PATIENCE and chance.random() < 0.5:
        return 2 * PATIENCE.total_seconds()
    return chance.uniform(8 * 60.0, 25 * 60.0)
