"""The figures of /metrics: gauges, read from small tables when they are asked for.

With ANNUNCIATOR_METRICS_TOKEN it answers to `Authorization: Bearer <token>` alone, and names
accounts. Without, it answers to anyone who reaches the port, and accounts are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.models import Count, Min, Q, TextChoices
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as TEXT_FORMAT
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config.health import database_answers
from executions import database_clock
from executions.live import process_figures, publish
from executions.models import (
    OPEN_COMMAND_STATES,
    RESOLVABLE_STATUSES,
    UNRESOLVED,
    Command,
    CommandState,
    Delivery,
    DeliveryState,
    Execution,
    PollRun,
    Quarantine,
    Question,
    Rank,
    Reading,
    StatusCount,
)
from executions.polling.engine_components import components_of
from executions.sql_sections import statements
from providers.contract import Status
from providers.models import Health, ProviderAccount

RECENT = timedelta(minutes=5)
"""What is counted of polls."""
QUANTILES = (0.5, 0.95, 1.0)
WATCHED_STATES = (*OPEN_COMMAND_STATES, CommandState.NEEDS_PERSON)
UNSENT = (DeliveryState.PENDING, DeliveryState.PREPARING, DeliveryState.SENDING)

_sql = statements(__file__)

Sample = tuple[dict[str, str], float]
ByState = dict[str, tuple[int, datetime | None]]


class Figures(Collector):
    """As many queries as there are lines below, whatever the number of executions."""

    def __init__(self, *, names_accounts: bool = False) -> None:
        self.names_accounts = names_accounts

    def collect(self) -> Iterable[GaugeMetricFamily]:
        accounts = _Accounts(names=self.names_accounts)
        now = database_clock.now()
        commands = _by_state(Command.objects, WATCHED_STATES, "requested_at")
        deliveries = _by_state(Delivery.objects, UNSENT, "created_at")
        for name, about, samples in (
            ("executions", "Executions by account and status.", _executions(accounts)),
            (
                "executions_unresolved",
                "Failed, and neither settled nor followed by a success; "
                "in_hand where somebody is on them.",
                _unresolved(accounts),
            ),
            ("account_health", "1 for the health an account has.", _health(accounts)),
            ("account_failures", "Failed polls in a row.", _failures(accounts)),
            ("account_poll_age_seconds", "Since the last good poll.", _ages(accounts, now)),
            ("account_poll_lag_seconds", "By which a poll is late now.", _lags(accounts, now)),
            (
                "account_told_to_wait",
                "1 while the provider has asked for a pause (429, Retry-After).",
                _pauses(accounts, now),
            ),
            (
                "account_quarantined",
                "Records that could not be stored and are set aside.",
                _quarantined(accounts),
            ),
            (
                "engine_component_up",
                "1 where a part of the account's engine is well, by what the engine says.",
                _components(accounts),
            ),
            ("polls", "Polls of the last five minutes, by how they ended.", _polls(accounts, now)),
            (
                "poll_seconds",
                "What polls of the last five minutes took; quantile 1.0 is the longest.",
                _poll_seconds(now),
            ),
            ("readings_due", "Single runs that are to be read now.", _readings(accounts, now)),
            ("commands_open", "Commands not settled yet, by state.", _numbers(commands)),
            ("commands_oldest_seconds", "Age of the oldest of them.", _seconds(commands, now)),
            ("questions_open", "Questions that wait for a person.", _questions(accounts)),
            ("deliveries_open", "Notifications not sent yet, by state.", _numbers(deliveries)),
            ("deliveries_oldest_seconds", "Age of the oldest of them.", _seconds(deliveries, now)),
            ("queue_messages", "Messages that wait in the broker.", _queues()),
            ("process_memory_bytes", "Held by a process.", _of_processes("memory_bytes")),
            (
                "process_clock_ahead_seconds",
                "By which a process's clock is ahead of the database's.",
                _of_processes(database_clock.AHEAD),
            ),
            ("streams", "Pages that follow changes.", _of_processes("streams")),
        ):
            family = GaugeMetricFamily(f"annunciator_{name}", about)
            for labels, value in samples:
                family.add_sample(family.name, labels, value)
            yield family


class _Accounts:
    """All accounts, and how they are labelled."""

    def __init__(self, *, names: bool) -> None:
        self.names = names
        self.rows = list(
            ProviderAccount.objects.only(
                "name", "provider", "health", "enabled", "failures", "last_success_at",
                "next_poll_at", "quiet_until", "poll_warnings",
            )
        )  # fmt: skip

    def __iter__(self) -> Iterator[ProviderAccount]:
        return iter(self.rows)

    def labels(self, account: ProviderAccount) -> dict[str, str]:
        name = account.name if self.names else str(account.pk)
        return {"account": name, "provider": account.provider}


def _executions(accounts: _Accounts) -> Iterable[Sample]:
    found = {(row.account_id, row.status): row.count for row in StatusCount.objects.all()}
    for account in accounts:
        for status in Status:
            labels = {**accounts.labels(account), "status": status.value}
            yield labels, found.get((account.pk, status.value), 0)


def _unresolved(accounts: _Accounts) -> Iterable[Sample]:
    counted = Execution.objects.filter(UNRESOLVED).order_by().values_list("account_id", "status")
    found = dict.fromkeys(product(
        (account.pk for account in accounts), RESOLVABLE_STATUSES, (False, True)
    ), 0)  # fmt: skip
    rows = counted.annotate(in_hand=Q(assignee__isnull=False), number=Count("pk"))
    found |= {(pk, status, held): number for pk, status, held, number in rows}
    for account in accounts:
        for status, held in product(RESOLVABLE_STATUSES, (False, True)):
            labels = {**accounts.labels(account), "status": status, "in_hand": str(held).lower()}
            yield labels, found[account.pk, status, held]


def _health(accounts: _Accounts) -> Iterable[Sample]:
    for account in accounts:
        for health in Health:
            yield (
                {**accounts.labels(account), "health": health.value},
                float(account.health == health),
            )


def _failures(accounts: _Accounts) -> Iterable[Sample]:
    return ((accounts.labels(account), account.failures) for account in accounts)


def _ages(accounts: _Accounts, now: datetime) -> Iterable[Sample]:
    """Accounts that were never read have no age."""
    for account in accounts:
        if account.last_success_at is not None:
            age = (now - account.last_success_at).total_seconds()
            yield accounts.labels(account), round(max(0.0, age), 3)


def _lags(accounts: _Accounts, now: datetime) -> Iterable[Sample]:
    """Of those that are polled."""
    for account in accounts:
        if account.enabled and account.health not in (Health.AUTH, Health.PAUSED):
            late = (now - account.next_poll_at).total_seconds()
            yield accounts.labels(account), round(max(0.0, late), 3)


def _pauses(accounts: _Accounts, now: datetime) -> Iterable[Sample]:
    for account in accounts:
        is_quiet = account.quiet_until is not None and account.quiet_until > now
        yield accounts.labels(account), float(is_quiet)


def _quarantined(accounts: _Accounts) -> Iterable[Sample]:
    return _counted(accounts, Quarantine.objects.values_list("account_id"))


def _questions(accounts: _Accounts) -> Iterable[Sample]:
    rows = Question.objects.filter(closed_at__isnull=True)
    return _counted(accounts, rows.values_list("execution__account_id"))


def _readings(accounts: _Accounts, now: datetime) -> Iterable[Sample]:
    due = Reading.objects.filter(rank__lt=Rank.HISTORY, due_at__lte=now)
    return _counted(accounts, due.values_list("account_id"))


def _counted(accounts: _Accounts, rows: Any) -> Iterable[Sample]:
    found = dict(rows.order_by().annotate(number=Count("pk")))
    for account in accounts:
        yield accounts.labels(account), found.get(account.pk, 0)


def _components(accounts: _Accounts) -> Iterable[Sample]:
    for account in accounts:
        for part in components_of(account):
            yield {**accounts.labels(account), "component": part.name}, float(part.is_well)


def _polls(accounts: _Accounts, now: datetime) -> Iterable[Sample]:
    """Of each account the outcomes that there were, and `ok` always."""
    rows = PollRun.objects.filter(started_at__gt=now - RECENT).order_by()
    found: dict[int, dict[str, int]] = {account.pk: {"ok": 0} for account in accounts}
    counted = rows.values_list("account_id", "outcome").annotate(number=Count("id"))
    for pk, outcome, number in counted:
        found.setdefault(pk, {})[outcome] = number
    for account in accounts:
        for outcome, number in found[account.pk].items():
            yield {**accounts.labels(account), "outcome": outcome}, number


def _poll_seconds(now: datetime) -> Iterable[Sample]:
    with connection.cursor() as cursor:
        cursor.execute(_sql("poll_seconds"), [list(QUANTILES), now - RECENT])
        rows = cursor.fetchall()
    for provider, values in rows:
        for quantile, seconds in zip(QUANTILES, values, strict=True):
            yield {"provider": provider, "quantile": f"{quantile:g}"}, round(seconds, 3)


def _by_state(rows: Any, states: Iterable[TextChoices], since: str) -> ByState:
    """How many rows are in each of these states, and since when the oldest."""
    waiting = rows.filter(state__in=list(states)).order_by().values_list("state")
    counted = waiting.annotate(number=Count("pk"), oldest=Min(since))
    found = {state: (number, oldest) for state, number, oldest in counted}
    return {state.value: found.get(state.value, (0, None)) for state in states}


def _numbers(found: ByState) -> Iterable[Sample]:
    return (({"state": state}, number) for state, (number, _) in found.items())


def _seconds(found: ByState, now: datetime) -> Iterable[Sample]:
    for state, (_, oldest) in found.items():
        age = (now - oldest).total_seconds() if oldest else 0.0
        yield {"state": state}, round(max(0.0, age), 3)


def _queues() -> Iterable[Sample]:
    """None where the broker does not answer."""
    for queue in ("poll", "command"):
        with suppress(redis.RedisError):
            yield {"queue": queue}, int(publish.client().llen(queue))


def _of_processes(figure: str) -> Iterable[Sample]:
    for process, figures in process_figures.latest().items():
        if figure in figures:
            yield process._asdict(), figures[figure]


@login_not_required
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format."""
    token = settings.ANNUNCIATOR_METRICS_TOKEN
    if token and not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {token}"
    ):
        return HttpResponse(
            "# send the token of ANNUNCIATOR_METRICS_TOKEN: Authorization: Bearer ...\n",
            TEXT_FORMAT,
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not database_answers():
        return HttpResponse("# the database does not answer\n", TEXT_FORMAT, status=503)
    figures = Figures(names_accounts=bool(token))
    return HttpResponse(generate_latest(figures), content_type=TEXT_FORMAT)
