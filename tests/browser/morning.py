"""A morning in operations, run by `test_screenshots` inside the installation that is looked at.

Five accounts with a week of runs behind them and some two dozen runs of today, told one by one.
Stored as polls store them, so that every page reads what it reads in earnest. `morning_desk` adds
what people have done about them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from executions.models import CorrelationRule, Execution, PollRun, Question
from executions.storage import key_rules, typical_durations
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount
from tests.browser import morning_runs

NEVER = timedelta(days=9)  # until the next poll: nothing moves while it is looked at
TEAM = "operations"  # who is not in it sees nothing at all
WEEK = 7 * 24 * 60  # minutes
DICE = random.Random(11)

ACCOUNTS = {
    "Documents": ("smartflows", "https://flows.example.com", 1),
    "Customer messaging": ("eightx8", "https://messaging.example.com", 2),
    "3D catalogue": ("generio", "https://render.example.com", 5),
    "Back office": ("flow8", "https://office.example.com", 8),
    "Data platform": ("prefect", "https://prefect.example.com/api", 1),
}
ORDERS = {"name": "order number", "source": "name", "pattern": r"(ORD-\d+)"}


@dataclass
class Flow:
    """A workflow: how often it starts (minutes), how long it takes (seconds), how well it goes."""

    account: str
    name: str
    every: int
    takes: int
    good: float = 0.97
    item: str = ""
    ref: str = ""

    def __post_init__(self) -> None:
        self.ref = self.ref or self.name.lower().replace(" ", "-").replace(",", "")

    @property
    def told(self) -> contract.Workflow:
        return contract.Workflow(ref=self.ref, name=self.name, can_start=True)


FLOWS = {
    flow.name: flow
    for flow in (
        Flow("Documents", "Claim intake", 70, 340, 0.94, "Claim {}"),
        Flow("Documents", "Lease agreement to signature", 160, 1900, 0.98, "Lease {}"),
        Flow("Documents", "Invoice approval over 10,000", 240, 2600, 0.97, "Invoice {}"),
        Flow("Customer messaging", "Delivery notice by SMS", 45, 14, 0.96, "ORD-{}"),
        Flow("Customer messaging", "Appointment reminder", 120, 9, 0.99, "Batch {}"),
        Flow("3D catalogue", "Render a product set", 90, 780, 0.93, "Set {}"),
        Flow(
            "3D catalogue",
            "Make a model from a description",
            130,
            210,
            0.98,
            "Model {}",
            ref="model_generate_fromprompt",
        ),
        Flow("Back office", "Purchase order to the ERP", 60, 45, 0.95, "ORD-{}"),
        Flow("Back office", "New supplier onboarding", 300, 5400, 0.98, "Supplier {}"),
        Flow("Back office", "Month-end close, all entities and subsidiaries", 720, 3300, 0.92),
        Flow("Data platform", "Nightly load of orders", 1440, 2400, 0.9),
        Flow("Data platform", "Stock level sync", 30, 38, 0.97, "ORD-{}"),
    )
}


def account(name: str, **state: Any) -> ProviderAccount:
    provider, address, _ = ACCOUNTS[name]
    now = timezone.now()
    given = {"health": "ok", "last_success_at": now, "next_poll_at": now + NEVER, **state}
    made = ProviderAccount.objects.create(
        name=name, provider=provider, settings={"base_url": address}, poll_every=10,
        health_since=now - timedelta(days=6), last_poll_at=now, poll_seq=48_211,
        group=Group.objects.get_or_create(name=TEAM)[0], clock_skew=0.2,
        covered_since=now - timedelta(days=30), **given,
    )  # fmt: skip
    link = "https://erp.example.com/orders/{key}" if made.provider == "flow8" else ""
    CorrelationRule.objects.create(account=made, link=link, **ORDERS)
    return made


def unreached(name: str) -> None:
    """An account that has never answered."""
    now = timezone.now()
    ProviderAccount.objects.create(
        name=name, provider="smartflows", settings={"base_url": "https://old.example.com"},
        group=Group.objects.get(name=TEAM), health="failing", failures=212, last_poll_at=now,
        health_since=now - timedelta(days=2), next_poll_at=now + NEVER,
        last_error="The name old.example.com is not known.",
    )  # fmt: skip


def past(flow: Flow, now: datetime) -> list[Snapshot]:
    """A week of ended runs, fewer at night."""
    runs, ago, number = [], 180 + DICE.randrange(flow.every), 4000 + DICE.randrange(500)
    while ago < WEEK:
        began = now - timedelta(minutes=ago)
        is_night = not 6 <= began.hour <= 19 and flow.every < 700
        if not is_night or DICE.random() < 0.3:
            number -= 1
            is_good = DICE.random() < flow.good
            bad = Status.FAILED if DICE.random() < 0.7 else Status.WARNING
            status = Status.SUCCEEDED if is_good else bad
            error = DICE.choice(morning_runs.ERRORS) if status is Status.FAILED else ""
            runs.append(
                Snapshot(
                    ref=f"{flow.ref[:4]}-{number}", workflow=flow.told, status=status,
                    native_status=status.value.title(), name=flow.item.format(number),
                    error=error.format(number), started_at=began,
                    finished_at=began + timedelta(seconds=flow.takes * DICE.uniform(0.6, 1.5)),
                )
            )  # fmt: skip
        ago += int(flow.every * DICE.uniform(0.7, 1.5))
    return runs


def today(told: morning_runs.Told, now: datetime) -> Snapshot:
    given = dict(told.more)
    if told.ended is not None:
        given["finished_at"] = now - timedelta(minutes=told.ended)
    offers = {Verb.CANCEL, Verb.SUSPEND, Verb.ANSWER} if not told.status.is_final else set()
    if told.status is Status.PAUSED:
        offers |= {Verb.RESUME}
    return Snapshot(
        ref=told.ref, workflow=FLOWS[told.flow].told, name=told.name, status=told.status,
        native_status=told.status.value.replace("_", " ").title(),
        started_at=now - timedelta(minutes=told.began), offers=frozenset(offers),
        **{"steps": (), "questions": (), "outputs": (), **given},
    )  # fmt: skip


def put_there() -> None:
    """Accounts, runs, and the times at which they would have been seen."""
    now = timezone.now()
    for name in ACCOUNTS:
        made = account(name)
        runs = [each for flow in FLOWS.values() if flow.account == name for each in past(flow, now)]
        told = morning_runs.today(now)
        runs += [today(each, now) for each in told if FLOWS[each.flow].account == name]
        _, bad = store(made.pk, made.poll_seq, runs, rules=key_rules.rules_of(made.pk))
        assert not bad, f"{bad} runs of {name} were refused"
        _put_polls(made, now)
    typical_durations.measure(list(Execution.objects.values_list("pk", flat=True)))
    _set_times()


def _put_polls(made: ProviderAccount, now: datetime) -> None:
    PollRun.objects.bulk_create(
        PollRun(
            account=made, id=made.pk * 1000 + n, poll_seq=made.poll_seq - n,
            started_at=now - timedelta(seconds=10 * n + 1),
            finished_at=now - timedelta(seconds=10 * n + 0.6), outcome="ok",
            requests=2 + n % 3, bytes=18_240 + 731 * n, seen=26, changed=n % 4,
        )
        for n in range(20)
    )  # fmt: skip


def _set_times() -> None:
    """Seen a few seconds after they happened, not all at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE executions_execution SET changed_at = least(now(),"
            " coalesce(finished_at, started_at) + interval '4 seconds')"
        )
        cursor.execute(
            "UPDATE executions_transition t SET observed_at = greatest(e.changed_at,"
            " date_trunc('month', now())) FROM executions_execution e WHERE e.id = t.execution_id"
        )
    for question in Question.objects.select_related("execution"):
        asked = question.execution.started_at or question.opened_at
        question.opened_at = asked + timedelta(minutes=3)
        question.save(update_fields=["opened_at"])
