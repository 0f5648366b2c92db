"""The key rules of an account, ready for the storing statement, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from executions import database_clock
from executions.models import CorrelationRule
from executions.payloads.business_keys import Rule


def rules_of(account_id: int) -> list[Rule]:
    """The account's rules, ready to use. One query."""
    found = CorrelationRule.objects.filter(account_id=account_id).order_by("pk")
    rows = found.values_list("pk", "name", "source", "path", "pattern")
    return [Rule(*row) for row in rows]


def report(rules: Sequence[Rule]) -> None:
    """Keep what was wrong with a rule, for the page of its account."""
    for rule in rules:
        if rule.problem:
            same = CorrelationRule.objects.filter(pk=rule.id).exclude(problem=rule.problem[:300])
            same.update(problem=rule.problem[:300], problem_at=database_clock.now())
