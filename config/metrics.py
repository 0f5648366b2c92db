"""The figures of /metrics: gauges, read from small tables when they are asked for.

Open to anyone who reaches the port: keep it away from strangers with the proxy.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as TEXT_FORMAT
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config.health import database_answers
from executions.models import (
    OPEN_COMMAND_STATES,
    RESOLVABLE_STATUSES,
    UNRESOLVED,
    Command,
    CommandState,
    Execution,
    Question,
    StatusCount,
)
from executions.polling.engine_health import components_of
from providers.contract import Status
from providers.models import Health, ProviderAccount

Sample = tuple[dict[str, str], float]


class Figures(Collector):
    """Five queries, whatever the number of executions."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        accounts = list(
            ProviderAccount.objects.only(
                "name",
                "provider",
                "health",
                "enabled",
                "failures",
                "last_success_at",
                "poll_warnings",
            )
        )
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
            ("account_poll_age_seconds", "Since the last good poll.", _ages(accounts)),
            (
                "engine_component_up",
                "1 where a part of the account's engine is well, by what the engine says.",
                _components(accounts),
            ),
            ("commands_open", "Commands not settled yet, by state.", _commands()),
            ("questions_open", "Questions that wait for a person.", _questions(accounts)),
        ):
            family = GaugeMetricFamily(f"annunciator_{name}", about)
            for labels, value in samples:
                family.add_sample(family.name, labels, value)
            yield family


def _executions(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    found = {(row.account_id, row.status): row.count for row in StatusCount.objects.all()}
    for account in accounts:
        for status in Status:
            labels = {**_labels(account), "status": status.value}
            yield labels, found.get((account.pk, status.value), 0)


def _unresolved(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    counted = Execution.objects.filter(UNRESOLVED).order_by().values_list("account_id", "status")
    found = dict.fromkeys(product(
        (account.pk for account in accounts), RESOLVABLE_STATUSES, (False, True)
    ), 0)  # fmt: skip
    rows = counted.annotate(in_hand=Q(assignee__isnull=False), number=Count("pk"))
    found |= {(pk, status, held): number for pk, status, held, number in rows}
    for account in accounts:
        for status, held in product(RESOLVABLE_STATUSES, (False, True)):
            labels = {**_labels(account), "status": status, "in_hand": str(held).lower()}
            yield labels, found[account.pk, status, held]


def _health(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    for account in accounts:
        for health in Health:
            yield {**_labels(account), "health": health.value}, float(account.health == health)


def _failures(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    return ((_labels(account), account.failures) for account in accounts)


def _ages(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    """Accounts that were never read have no age."""
    now = timezone.now()
    for account in accounts:
        if account.last_success_at is not None:
            age = (now - account.last_success_at).total_seconds()
            yield _labels(account), round(max(0.0, age), 3)


def _components(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    for account in accounts:
        for part in components_of(account):
            yield {**_labels(account), "component": part.name}, float(part.is_well)


def _commands() -> Iterable[Sample]:
    watched = [*OPEN_COMMAND_STATES, CommandState.NEEDS_PERSON]
    rows = Command.objects.filter(state__in=watched).order_by().values_list("state")
    found = dict(rows.annotate(number=Count("pk")))
    for state in watched:
        yield {"state": state.value}, found.get(state.value, 0)


def _questions(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    rows = Question.objects.filter(closed_at__isnull=True).values_list("execution__account_id")
    found = dict(rows.annotate(number=Count("pk")))
    for account in accounts:
        yield _labels(account), found.get(account.pk, 0)


def _labels(account: ProviderAccount) -> dict[str, str]:
    return {"account": account.name, "provider": account.provider}


@login_not_required
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text format."""
    if not database_answers():
        return HttpResponse("# the database does not answer\n", TEXT_FORMAT, status=503)
    return HttpResponse(generate_latest(Figures()), content_type=TEXT_FORMAT)
