"""Runs put into the product as its poller stores them, without a provider behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.product import Product

STORE = """
import json
from datetime import timedelta
from django.utils import timezone
from executions.models import CorrelationRule
from executions.polling.poller import store_and_tell
from providers import contract
from providers.models import ProviderAccount

now = timezone.now()
for each in json.loads({accounts!r}):
    account, is_new = ProviderAccount.objects.get_or_create(
        name=each["name"],
        defaults=dict(provider=each["provider"], health="ok", last_success_at=now,
                      next_poll_at=now + timedelta(days=1)),
    )
    ProviderAccount.objects.filter(pk=account.pk).update(last_success_at=now, enabled=True)
    if is_new and "rule" in each:
        CorrelationRule.objects.create(account=account, **each["rule"])
for each in json.loads({runs!r}):
    account = ProviderAccount.objects.get(name=each.pop("account"))
    flow = each.pop("workflow", "Nightly import")
    began, ended = each.pop("began", 10), each.pop("ended", None)
    if each.pop("asks", False):
        each["questions"] = (contract.Question(ref="q", kind="approval", title="Replace the item?",
            choices=(contract.Choice(value="yes", label="Yes"),)),)
    store_and_tell(account, [contract.Snapshot(
        workflow=contract.Workflow(ref=flow, name=flow), native_status=each["status"],
        status=contract.Status(each.pop("status")), started_at=now - timedelta(minutes=began),
        finished_at=None if ended is None else now - timedelta(minutes=ended),
        **{{"steps": (), "questions": (), "outputs": (), **each}})])
"""


def store(product: Product, runs: list[dict[str, Any]], accounts: Any = ()) -> None:
    """`began` and `ended` are minutes ago."""
    code = STORE.format(accounts=json.dumps(list(accounts)), runs=json.dumps(runs))
    product.manage("shell", "-c", code)


@contextmanager
def without_trouble(product: Product, names: list[str]) -> Iterator[None]:
    """Afterwards nobody polls these accounts, and no page says that they are late."""
    try:
        yield
    finally:
        product.query(
            "UPDATE providers_provideraccount SET enabled = false WHERE name = ANY(%s) RETURNING 1",
            names,
        )
