"""The figures of /metrics in Prometheus' text format. Read from small tables and counters only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count

from executions.models import OPEN_COMMAND_STATES, Command, CommandState, Question, StatusCount
from providers.contract import Status
from providers.models import Health, ProviderAccount

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float]


def exposition(now: datetime) -> str:
    """Four queries, whatever the number of executions."""
    accounts = list(
        ProviderAccount.objects.only(
            "name", "provider", "health", "enabled", "failures", "last_success_at"
        )
    )
    parts = [
        _family("executions", "Executions by account and status.", _executions(accounts)),
        _family("account_health", "1 for the health an account has.", _health(accounts)),
        _family("account_failures", "Failed polls in a row.", _failures(accounts)),
        _family("account_poll_age_seconds", "Since the last good poll.", _ages(accounts, now)),
        _family("commands_open", "Commands not settled yet, by state.", _commands()),
        _family("questions_open", "Questions that wait for a person.", _questions(accounts)),
    ]
    return "".join(parts)


def _executions(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    found = {(row.account_id, row.status): row.count for row in StatusCount.objects.all()}
    for account in accounts:
        for status in Status:
            labels = {**_labels(account), "status": status.value}
            yield labels, found.get((account.pk, status.value), 0)


def _health(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    for account in accounts:
        for health in Health:
            yield {**_labels(account), "health": health.value}, float(account.health == health)


def _failures(accounts: list[ProviderAccount]) -> Iterable[Sample]:
    return ((_labels(account), account.failures) for account in accounts)


def _ages(accounts: list[ProviderAccount], now: datetime) -> Iterable[Sample]:
    """Accounts that were never read have no age."""
    for account in accounts:
        if account.last_success_at is not None:
            age = (now - account.last_success_at).total_seconds()
            yield _labels(account), round(max(0.0, age), 3)


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


def _family(name: str, about: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP annunciator_{name} {about}", f"# TYPE annunciator_{name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"annunciator_{name}{{{inside}}} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
